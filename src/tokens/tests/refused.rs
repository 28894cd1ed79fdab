//! Everything that refuses a token, each with a signature that is right, except
//! where the signature is wrong.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::{
    NOW, P256, P256_PUBLIC, RSA, RSA_PUBLIC, SECRET, at, claims, signing, token, verifier,
    verifier_with,
};
use crate::config::TokenSettings;
use crate::tokens::{MAX_TOKEN_BYTES, SigningKey, Token, TokenError, Verifier};

fn verify(verifier: &Verifier, token: &str) -> Result<Token, TokenError> {
    let first = verifier.verify(token, at(NOW));
    let second = verifier.verify(token, at(NOW));
    assert_eq!(first, second, "the cache changes nothing");
    first.map(|token| (*token).clone())
}

/// Why a token with these claims is refused; its signature is right.
fn refused(claims: &str) -> &'static str {
    let token = signing(SECRET).sign(claims).unwrap();
    match verify(&verifier(&[SECRET]), &token) {
        Err(TokenError::Invalid(why)) => why,
        other => panic!("{claims}: {other:?}"),
    }
}

#[test]
fn invalid_claims_are_refused() {
    for (claims, why) in [
        ("", "part"),
        ("[]", "JSON object"),
        ("{}", "no exp"),
        (r#"{"nbf":1}"#, "no exp"),
        (r#"{"exp":"1900000000"}"#, "exp"),
        (r#"{"exp":null}"#, "exp"),
        (r#"{"exp":1e300}"#, "exp"),
        (r#"{"exp":-1}"#, "exp"),
        (r#"{"exp":18446744073709551615}"#, "exp"),
        (r#"{"exp":18446744073709551616}"#, "exp"),
        (r#"{"exp":1900000000000}"#, "exp"),
        (r#"{"exp":1e999}"#, "JSON object"),
        (r#"{"exp":NaN}"#, "JSON object"),
        (r#"{"exp":1900000000,"exp":1900000000}"#, "twice"),
        (r#"{"exp":1900000000,"other":1,"other":2}"#, "twice"),
        (
            r#"{"exp":1900000000,"rooms":{"read":[],"read":["*"]}}"#,
            "twice",
        ),
        (r#"{"exp":1900000000,"nbf":"1"}"#, "nbf"),
        (r#"{"exp":1900000000,"nbf":1800000001}"#, "nbf"),
        (r#"{"exp":1900000000,"nbf":1800000000.1}"#, "nbf"),
        (r#"{"exp":1900000000,"iss":1}"#, "iss"),
        (r#"{"exp":1900000000,"aud":1}"#, "aud"),
        (r#"{"exp":1900000000,"aud":["a",1]}"#, "aud"),
        (r#"{"exp":1900000000,"sub":""}"#, "sub"),
        (r#"{"exp":1900000000,"sub":7}"#, "sub"),
        (r#"{"exp":1900000000,"name":""}"#, "name"),
        (r#"{"exp":1900000000,"name":"a\u0000"}"#, "name"),
        (r#"{"exp":1900000000,"name":null}"#, "name"),
        (r#"{"exp":1900000000,"rooms":[]}"#, "rooms"),
        (r#"{"exp":1900000000,"rooms":"*"}"#, "rooms"),
        (r#"{"exp":1900000000,"rooms":{"read":["a b"]}}"#, "rooms"),
    ] {
        let refusal = refused(claims);
        assert!(refusal.contains(why), "{claims}: {refusal}");
    }
    let sub = format!("{{\"exp\":1900000000,\"sub\":\"{}\"}}", "x".repeat(257));
    assert!(refused(&sub).contains("sub"));
}

#[test]
fn a_token_is_valid_while_the_time_is_less_than_exp() {
    let verifier = verifier(&[SECRET]);
    let at_exp = |exp: &str| {
        let token = signing(SECRET).sign(&format!("{{\"exp\":{exp}}}")).unwrap();
        verify(&verifier, &token).map(|token| token.expires_at)
    };
    assert_eq!(at_exp("1800000000"), Err(TokenError::Expired));
    assert_eq!(at_exp("1800000000.9"), Err(TokenError::Expired));
    assert_eq!(at_exp("0"), Err(TokenError::Expired));
    assert_eq!(at_exp("1800000001"), Ok(1_800_000_001));
    assert_eq!(at_exp("1800000001.5"), Ok(1_800_000_001));
    assert_eq!(at_exp("1.9e9"), Ok(1_900_000_000));
    assert_eq!(at_exp("253402300799"), Ok(253_402_300_799));
}

#[test]
fn a_cached_token_expires_to_the_second() {
    let (verifier, token) = (verifier(&[SECRET]), token(r#","nbf":1800000000"#));
    assert!(verifier.verify(&token, at(NOW - 1)).is_err());
    assert!(verifier.verify(&token, at(NOW)).is_ok());
    assert!(verifier.verify(&token, at(NOW + 3599)).is_ok());
    assert!(verifier.verify(&token, at(NOW - 1)).is_err());
    let expired = verifier.verify(&token, at(NOW + 3600));
    assert_eq!(expired, Err(TokenError::Expired));
    assert!(verifier.verify(&token, at(NOW)).is_ok());
}

#[test]
fn issuer_and_audience_are_compared_where_they_are_set() {
    let settings = TokenSettings {
        issuer: Some("https://id.example".to_owned()),
        audience: Some("chat".to_owned()),
        ..TokenSettings::default()
    };
    let verifier = verifier_with(&settings, &[SECRET]);
    for (more, is_valid) in [
        (r#","iss":"https://id.example","aud":"chat""#, true),
        (r#","iss":"https://id.example","aud":["a","chat"]"#, true),
        (r#","iss":"https://id.example/","aud":"chat""#, false),
        (r#","iss":"https://id.example","aud":"Chat""#, false),
        (r#","iss":"https://id.example","aud":[]"#, false),
        (r#","iss":"https://id.example""#, false),
        (r#","aud":"chat""#, false),
        ("", false),
    ] {
        let verified = verify(&verifier, &token(more));
        assert_eq!(verified.is_ok(), is_valid, "{more}");
    }
    let others = verify(
        &super::verifier(&[SECRET]),
        &token(r#","iss":"a","aud":"b""#),
    );
    assert!(others.is_ok());
}

#[test]
fn headers_that_change_the_meaning_are_refused() {
    let verifier = verifier(&[SECRET]);
    let with = |header: &str| {
        let token = signing(SECRET).sign_parts(header, &claims(""));
        verify(&verifier, &token.unwrap())
    };
    assert!(with(r#"{"alg":"HS256"}"#).is_ok());
    assert!(with(r#"{"alg":"HS256","kid":"any","jwk":{"kty":"oct"}}"#).is_ok());
    for header in [
        r#"{"alg":"HS256","crit":["exp"],"exp":1}"#,
        r#"{"alg":"HS256","b64":false}"#,
        r#"{"alg":"HS256","b64":false,"crit":["b64"]}"#,
        r#"{"alg":"none"}"#,
        r#"{"alg":"nOnE"}"#,
        r#"{"alg":"HS512"}"#,
        r#"{"alg":"RS256"}"#,
        r#"{"alg":"ES256"}"#,
        r#"{"alg":"EdDSA"}"#,
        r#"{"alg":"HS256","alg":"none"}"#,
        "{}",
        "",
    ] {
        assert!(with(header).is_err(), "{header}");
    }
}

#[test]
fn other_forms_of_a_valid_token_are_refused() {
    let verifier = verifier(&[SECRET]);
    let token = token(r#","sub":"12""#);
    assert!(verify(&verifier, &token).is_ok());
    let parts: Vec<_> = token.split('.').collect();
    let [header, claims, signature] = parts[..] else {
        panic!("{token}");
    };
    let last = signature.chars().last().unwrap();
    // 32 bytes are 43 characters, and two bits of the last one are zero.
    let next = char::from_u32(u32::from(last) + 1).unwrap();
    let not_canonical = format!("{}{next}", &token[..token.len() - 1]);
    for wrong in [
        String::new(),
        ".".to_owned(),
        "..".to_owned(),
        "...".to_owned(),
        format!("{header}.{claims}"),
        format!("{header}.{claims}."),
        format!("{header}..{signature}"),
        format!(".{claims}.{signature}"),
        format!("{token}."),
        format!(".{token}"),
        format!("{token}.{signature}"),
        format!("{header}..{claims}.{signature}"),
        format!("{token}="),
        format!("{header}=.{claims}.{signature}"),
        format!(" {token}"),
        format!("{token}\n"),
        format!("{token}\0"),
        token.replacen('.', "%2E", 1),
        not_canonical,
        format!("{header}.{claims}.{}", "A".repeat(43)),
        format!("{}.{claims}.{signature}", header.replacen('e', "+", 1)),
        format!("{}.{claims}.{signature}", header.replacen('e', "é", 1)),
        format!("Bearer {token}"),
    ] {
        assert!(verify(&verifier, &wrong).is_err(), "{wrong}");
    }
    for length in 0..token.len() {
        assert!(verify(&verifier, &token[..length]).is_err(), "{length}");
    }
}

#[test]
fn a_token_has_at_most_8_kib() {
    let verifier = verifier(&[SECRET]);
    // One byte of claims is 4/3 characters, so some lengths do not exist.
    let of_length = |length: usize| {
        let found = (0..MAX_TOKEN_BYTES).rev().find_map(|filler| {
            let more = format!(",\"x\":\"{}\"", "x".repeat(filler));
            let token = token(&more);
            (token.len() <= length).then_some(token)
        });
        found.unwrap()
    };
    let longest = of_length(MAX_TOKEN_BYTES);
    assert!(longest.len() > MAX_TOKEN_BYTES - 2, "{}", longest.len());
    assert!(verify(&verifier, &longest).is_ok());
    let filler = "a".repeat(MAX_TOKEN_BYTES - longest.len());
    let at_most = verify(&verifier, &format!("{longest}{filler}"));
    let over = verify(&verifier, &format!("{longest}{filler}a"));
    let too_long = TokenError::Invalid("the token has over 8192 bytes");
    assert_ne!(at_most.err(), Some(too_long));
    assert_eq!(over, Err(too_long));
}

#[test]
fn many_rooms_are_bounded_by_the_length() {
    let rooms: Vec<_> = (0..100_000).map(|room| format!("\"{room}\"")).collect();
    let with = |count: usize| {
        token(&format!(
            r#","rooms":{{"read":[{}]}}"#,
            rooms[..count].join(",")
        ))
    };
    let verifier = verifier(&[SECRET]);
    assert!(verify(&verifier, &with(900)).is_ok());
    let too_long = TokenError::Invalid("the token has over 8192 bytes");
    assert_eq!(verify(&verifier, &with(100_000)), Err(too_long));
}

/// RFC 8725, section 2.1: the public key as the secret of an HMAC.
#[test]
fn a_public_key_is_no_secret() {
    for (public, alg) in [(RSA_PUBLIC, "RS256"), (P256_PUBLIC, "ES256")] {
        let verifier = verifier(&[public.as_bytes()]);
        let hmac = |secret: &[u8], alg: &str| {
            let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, secret);
            let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
            let header = format!(r#"{{"alg":"{alg}"}}"#);
            let message = format!(
                "{}.{}",
                encode(header.as_bytes()),
                encode(claims("").as_bytes())
            );
            let signature = ring::hmac::sign(&key, message.as_bytes());
            format!("{message}.{}", encode(signature.as_ref()))
        };
        for secret in [public, public.trim_end()] {
            for alg in ["HS256", alg, "none"] {
                assert!(verify(&verifier, &hmac(secret.as_bytes(), alg)).is_err());
            }
        }
    }
}

#[test]
fn a_token_of_one_algorithm_is_refused_by_keys_of_others() {
    let token = signing(RSA.as_bytes()).sign(&claims("")).unwrap();
    let keys = [SECRET, P256_PUBLIC.as_bytes()];
    assert!(verify(&verifier(&keys), &token).is_err());
    assert!(verify(&verifier(&[RSA_PUBLIC.as_bytes()]), &token).is_ok());
    assert!(verify(&verifier(&[]), &token).is_err());
    assert!(verify(&verifier(&[&[7; 32]]), &super::token("")).is_err());
}

#[test]
fn a_signature_of_p256_in_der_is_refused() {
    let key = signing(P256.as_bytes());
    let verifier = verifier(&[P256_PUBLIC.as_bytes()]);
    let token = key.sign(&claims("")).unwrap();
    assert!(verify(&verifier, &token).is_ok());
    let (message, signature) = token.rsplit_once('.').unwrap();
    let bytes = URL_SAFE_NO_PAD.decode(signature).unwrap();
    let integer = |bytes: &[u8]| [&[2, 33, 0][..], bytes].concat();
    let (r, s) = bytes.split_at(32);
    let der = [&[0x30, 70][..], &integer(r), &integer(s)].concat();
    let in_der = format!("{message}.{}", URL_SAFE_NO_PAD.encode(der));
    assert!(verify(&verifier, &in_der).is_err());
    let zeros = format!("{message}.{}", URL_SAFE_NO_PAD.encode([0; 64]));
    assert!(verify(&verifier, &zeros).is_err());
}

#[test]
fn nothing_of_a_token_or_a_key_is_shown() {
    let secret = "a-secret-of-a-key-that-nobody-may-see";
    let verifier = verifier(&[secret.as_bytes()]);
    let key = SigningKey::parse(secret.as_bytes()).unwrap();
    let more = r#","sub":"hidden-1","name":"hidden-2","rooms":{"read":["hidden-3","hidden-4*"]},"hidden-5":1"#;
    let token = key.sign(&claims(more)).unwrap();
    let verified = verifier.verify(&token, at(NOW)).unwrap();
    let unverified = crate::tokens::UnverifiedToken::decode(&token).unwrap();
    let subject = verified.subject.clone();
    let mut shown = format!("{verifier:?}{key:?}{verified:?}{unverified:?}{subject:?}");
    shown += &format!("{:?}", verified.rights);
    for wrong in [
        format!("{token}."),
        token.replace('.', "-"),
        format!("{token}A"),
        token.repeat(100),
        key.sign(r#"{"hidden-5":1}"#).unwrap(),
        key.sign(r#"{"exp":"hidden-5"}"#).unwrap(),
        key.sign(r#"{"exp":1,"sub":["hidden-5"]}"#).unwrap(),
        key.sign(r#"{"exp":1,"rooms":{"read":["hidden 5"]}}"#)
            .unwrap(),
        key.sign(r#"{"hidden-5":1,"hidden-5":2}"#).unwrap(),
        key.sign("hidden-5").unwrap(),
        key.sign_parts(r#"{"alg":"hidden-5"}"#, "{}").unwrap(),
    ] {
        let error = verifier.verify(&wrong, at(NOW)).unwrap_err();
        shown += &format!("{error} {error:?}");
    }
    let parts = token.split('.').chain(["hidden", "secret-of", "see"]);
    for part in parts {
        assert!(!shown.contains(part), "{part}: {shown}");
    }
}
