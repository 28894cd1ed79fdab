//! Which key is tried for which token, and what happens when keys change.

use std::fs;
use std::path::PathBuf;

use super::{
    ED25519, ED25519_PUBLIC, NOW, P256, P256_PUBLIC, RSA_PUBLIC, SECRET, at, claims, signing,
    token, verifier,
};
use crate::config::{JwksLocation, TokenSettings};
use crate::tokens::jwks::{Secrets, parse_jwks};
use crate::tokens::key_file::parse_key;
use crate::tokens::{SigningKey, TokenError, Verifier};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/tokens/test_keys/");

fn settings(keys: &[&str]) -> TokenSettings {
    TokenSettings {
        keys: keys
            .iter()
            .map(|name| format!("{FOLDER}{name}").into())
            .collect(),
        ..TokenSettings::default()
    }
}

fn of_url() -> Verifier {
    let settings = TokenSettings {
        jwks: Some(JwksLocation::Url("https://id.example/keys".to_owned())),
        ..TokenSettings::default()
    };
    Verifier::new(&settings).unwrap()
}

/// A key of a set, of 32 bytes `byte`.
fn oct(kid: &str, byte: u8) -> String {
    use base64::Engine as _;
    let secret = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode([byte; 32]);
    let kid = match kid {
        "" => String::new(),
        kid => format!(",\"kid\":\"{kid}\""),
    };
    format!(r#"{{"kty":"oct","k":"{secret}"{kid}}}"#)
}

fn set(keys: &[String]) -> Vec<u8> {
    format!("{{\"keys\":[{}]}}", keys.join(",")).into_bytes()
}

fn of_set(keys: &[String]) -> Verifier {
    let settings = TokenSettings {
        jwks: Some(JwksLocation::File("keys.json".into())),
        ..TokenSettings::default()
    };
    let verifier = Verifier::with_keys(&settings, Default::default());
    verifier.set_jwks(&set(keys)).unwrap();
    verifier
}

fn signed(kid: Option<&str>, byte: u8) -> String {
    let kid = kid.map_or(String::new(), |kid| format!(",\"kid\":\"{kid}\""));
    let header = format!("{{\"alg\":\"HS256\"{kid}}}");
    let key = SigningKey::parse(&[byte; 32]).unwrap();
    key.sign_parts(&header, &claims("")).unwrap()
}

#[test]
fn keys_are_read_from_files() {
    let verifier = Verifier::new(&settings(&["ed25519.pub.pem", "rsa.pub.pem"])).unwrap();
    let token = signing(ED25519.as_bytes()).sign(&claims("")).unwrap();
    assert!(verifier.verify(&token, at(NOW)).is_ok());
}

#[test]
fn a_bad_key_file_is_reported_with_its_flag_and_name() {
    for (name, why) in [
        ("nothing.pem", "No such file"),
        ("rsa.pem", "private key"),
        ("rsa1024.pub.pem", "2048"),
        ("p384.pub.pem", "P-256"),
        ("", "directory"),
    ] {
        let error = Verifier::new(&settings(&[name])).unwrap_err();
        let text = error.to_string();
        let begin = format!("--token-key: {FOLDER}{name}: ");
        assert!(text.starts_with(&begin) && text.contains(why), "{text}");
    }
    let error = Verifier::new(&TokenSettings {
        jwks: Some(JwksLocation::File(format!("{FOLDER}rsa.pub.pem").into())),
        ..TokenSettings::default()
    });
    let text = error.unwrap_err().to_string();
    assert!(
        text.starts_with("--jwks: ") && text.contains("JSON"),
        "{text}"
    );
}

#[test]
fn keys_that_are_too_short_or_malformed_are_refused() {
    let two = format!("{P256_PUBLIC}{RSA_PUBLIC}");
    let cut = &RSA_PUBLIC[..RSA_PUBLIC.len() / 2];
    let without_end = P256_PUBLIC.replacen("\n-----END", "", 1);
    for file in [&*two, cut, &without_end, "", "short", P256] {
        assert!(parse_key(file.as_bytes()).is_err(), "{file}");
    }
    for public in [P256_PUBLIC, RSA_PUBLIC, ED25519_PUBLIC] {
        assert!(parse_key(public.as_bytes()).is_ok());
        assert!(parse_key(public.replace('\n', "\r\n").as_bytes()).is_ok());
        assert!(SigningKey::parse(public.as_bytes()).is_err());
    }
    let der = pem_contents(P256_PUBLIC);
    assert!(parse_key(&der).is_ok());
    // Another y is not on the curve.
    let mut off_curve = der;
    *off_curve.last_mut().unwrap() ^= 1;
    assert!(parse_key(&off_curve).is_err());
}

fn pem_contents(pem: &str) -> Vec<u8> {
    use base64::Engine as _;
    let lines = pem.lines().filter(|line| !line.contains("-----"));
    let text = lines.collect::<String>();
    base64::engine::general_purpose::STANDARD
        .decode(text)
        .unwrap()
}

#[test]
fn the_id_of_a_key_decides_which_keys_of_a_set_are_tried() {
    let verifier = of_set(&[oct("a", 1), oct("b", 2), oct("", 3), oct("b", 4)]);
    let verify = |kid, byte| verifier.verify(&signed(kid, byte), at(NOW)).map(drop);
    let wrong = Err(TokenError::Invalid(
        "the token's signature is not one of a known key",
    ));
    assert_eq!(verify(Some("a"), 1), Ok(()));
    assert_eq!(verify(Some("b"), 2), Ok(()));
    assert_eq!(verify(Some("b"), 4), Ok(()));
    assert_eq!(verify(Some("a"), 2), wrong);
    assert_eq!(verify(Some("a"), 9), wrong);
    // A key without an id is tried for every token, and every key for a token without one.
    assert_eq!(verify(Some("a"), 3), Ok(()));
    assert_eq!(verify(Some("c"), 3), Ok(()));
    assert_eq!(verify(None, 2), Ok(()));
    assert_eq!(verify(None, 9), wrong);
    assert_eq!(verify(Some("c"), 1), Err(TokenError::UnknownKey));
}

#[test]
fn a_key_set_at_a_url_is_empty_until_it_is_loaded() {
    let verifier = of_url();
    for token in [signed(None, 1), signed(Some("a"), 1)] {
        let unknown = Err(TokenError::UnknownKey);
        assert_eq!(verifier.verify(&token, at(NOW)), unknown);
    }
}

#[test]
fn usable_keys_of_a_set_are_taken_and_others_skipped() {
    let count = |keys: &[&str]| {
        let keys: Vec<_> = keys.iter().map(|key| (*key).to_owned()).collect();
        parse_jwks(&set(&keys), Secrets::Allowed).map(|keys| keys.len())
    };
    let good = &*oct("a", 1);
    let with = |more: &str| good.replacen('{', &format!("{{{more},"), 1);
    assert_eq!(count(&[good]), Ok(1));
    for member in [
        r#""use":"sig""#,
        r#""alg":"HS256""#,
        r#""key_ops":["sign","verify"]"#,
        r#""x5c":[],"unknown":{"a":1}"#,
    ] {
        assert_eq!(count(&[&with(member)]), Ok(1), "{member}");
    }
    for skipped in [
        with(r#""use":"enc""#),
        with(r#""use":1"#),
        with(r#""alg":"HS512""#),
        with(r#""alg":"RS256""#),
        with(r#""key_ops":["sign"]"#),
        with(r#""key_ops":"verify""#),
        good.replace(r#""kid":"a""#, r#""kid":1"#),
        "1".to_owned(),
        "{}".to_owned(),
        r#"{"kty":"oct"}"#.to_owned(),
        r#"{"kty":"oct","k":"c2hvcnQ"}"#.to_owned(),
        r#"{"kty":"oct","k":"+++"}"#.to_owned(),
        r#"{"kty":"EC","crv":"P-384","x":"AA","y":"AA"}"#.to_owned(),
        r#"{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}"#.to_owned(),
        r#"{"kty":"OKP","crv":"X25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#
            .to_owned(),
        r#"{"kty":"RSA","n":"AQAB","e":"AQAB"}"#.to_owned(),
        r#"{"kty":"AKP","alg":"ML-DSA-44","pub":"AA"}"#.to_owned(),
    ] {
        assert_eq!(count(&[&skipped, good]), Ok(1), "{skipped}");
        assert!(count(&[&skipped]).is_err(), "{skipped}");
    }
}

#[test]
fn a_bad_set_is_refused_and_the_present_keys_stay() {
    let verifier = of_set(&[oct("a", 1)]);
    let private = oct("b", 2).replacen('{', r#"{"d":"AA","#, 1);
    let many: Vec<_> = (0..65).map(|n| oct(&n.to_string(), n)).collect();
    let long = [set(&[oct("b", 2)]), vec![b' '; 256 << 10]].concat();
    let deep = [&b"{\"keys\":"[..], &[b'['; 100_000]].concat();
    for text in [
        &b""[..],
        b"<html>",
        b"{}",
        b"[]",
        br#"{"keys":{}}"#,
        br#"{"keys":[]}"#,
        br#"{"keys":[],"keys":[]}"#,
        &set(&[private]),
        &set(&many),
        &long,
        &deep,
    ] {
        let shown = String::from_utf8_lossy(&text[..text.len().min(80)]);
        assert!(verifier.set_jwks(text).is_err(), "{shown}");
    }
    assert!(verifier.verify(&signed(Some("a"), 1), at(NOW)).is_ok());
    assert_eq!(verifier.generation(), 1);
    let secret = of_url().set_jwks(&set(&[oct("a", 1)]));
    assert!(secret.unwrap_err().contains("secret"));
}

#[test]
fn a_change_of_keys_empties_the_cache() {
    let verifier = of_set(&[oct("a", 1), oct("b", 2)]);
    let token = signed(Some("a"), 1);
    assert!(verifier.verify(&token, at(NOW)).is_ok());
    let generation = verifier.generation();
    verifier
        .set_jwks(&set(&[oct("a", 1), oct("b", 2)]))
        .unwrap();
    assert_eq!(verifier.generation(), generation, "nothing has changed");
    verifier.set_jwks(&set(&[oct("b", 2)])).unwrap();
    assert_eq!(verifier.generation(), generation + 1);
    let unknown = Err(TokenError::UnknownKey);
    assert_eq!(verifier.verify(&token, at(NOW)), unknown);
}

#[test]
fn key_files_are_read_again() {
    let name = format!("sse-chat-key-{}", std::process::id());
    let path: PathBuf = std::env::temp_dir().join(name);
    fs::write(&path, SECRET).unwrap();
    let settings = TokenSettings {
        keys: vec![path.clone()],
        ..TokenSettings::default()
    };
    let verifier = Verifier::new(&settings).unwrap();
    let first = token("");
    assert!(verifier.verify(&first, at(NOW)).is_ok());
    fs::write(&path, "short").unwrap();
    assert_eq!(verifier.reload().unwrap_err().flag, "--token-key");
    assert!(verifier.verify(&first, at(NOW)).is_ok());
    fs::write(&path, [2; 32]).unwrap();
    verifier.reload().unwrap();
    assert!(verifier.verify(&first, at(NOW)).is_err());
    assert!(verifier.verify(&signed(None, 2), at(NOW)).is_ok());
    fs::remove_file(&path).unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_unknown_key_is_loaded_and_the_token_verified() {
    let verifier = of_url();
    let spki = signing(P256.as_bytes()).sign(&claims("")).unwrap();
    assert!(verifier.verify(&spki, at(NOW)).is_err());
    // The key of RFC 7515, appendix A.3.
    let keys = br#"{"keys":[{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}"#;
    let example = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
    let verified = tokio::select! {
        verified = verifier.verify_with_refresh(example, at(1)) => verified,
        () = verifier.keep_loading_jwks(|_| async { Ok(keys.to_vec()) }) => unreachable!(),
    };
    assert!(verified.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_load_that_hangs_is_dropped() {
    let (verifier, token) = (of_url(), signed(None, 1));
    let verified = tokio::select! {
        verified = verifier.verify_with_refresh(&token, at(1)) => verified,
        () = verifier.keep_loading_jwks(|_| std::future::pending()) => unreachable!(),
    };
    assert_eq!(verified, Err(TokenError::UnknownKey));
}

#[tokio::test]
async fn without_a_key_set_there_is_nothing_to_load() {
    let verifier = verifier(&[SECRET]);
    verifier
        .keep_loading_jwks(|_| async { Err("unused".to_owned()) })
        .await;
    assert!(verifier.set_jwks(b"{}").is_err());
}
