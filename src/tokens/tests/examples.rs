//! The examples of RFC 7515 (appendix A) and RFC 8037 (appendix A), and a token of
//! each algorithm.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::{
    ED25519, ED25519_PUBLIC, NOW, P256, P256_PUBLIC, RSA, RSA_PUBLIC, SECRET, at, claims, signing,
    verifier,
};
use crate::config::{JwksLocation, TokenSettings};
use crate::protocol::RoomName;
use crate::tokens::jwks::{Secrets, parse_jwks};
use crate::tokens::{Right, TokenError, Verifier};

/// The claims of RFC 7515's examples expire at this time.
const EXPIRES_AT: u64 = 1_300_819_380;
const CLAIMS: &str = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";

const HS256_KEY: &str = r#"{"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"}"#;
const HS256_HEADER: &str = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9";
const HS256_SIGNATURE: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

const RS256_KEY: &str = r#"{"kty":"RSA","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ","e":"AQAB"}"#;
const RS256_HEADER: &str = "eyJhbGciOiJSUzI1NiJ9";
const RS256_SIGNATURE: &str = "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";

const ES256_KEY: &str = r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#;
const ES256_HEADER: &str = "eyJhbGciOiJFUzI1NiJ9";
const ES256_SIGNATURE: &str =
    "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";

const ED25519_KEY: &str =
    r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
const ED25519_MESSAGE: &str = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
const ED25519_SIGNATURE: &str =
    "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";

fn verifier_of_jwk(jwk: &str) -> Verifier {
    let settings = TokenSettings {
        jwks: Some(JwksLocation::File("keys.json".into())),
        ..TokenSettings::default()
    };
    let verifier = Verifier::with_keys(&settings, Default::default());
    let set = format!("{{\"keys\":[{jwk}]}}");
    verifier.set_jwks(set.as_bytes()).unwrap();
    verifier
}

#[test]
fn the_examples_of_rfc_7515_are_valid_until_they_expire() {
    for (key, header, signature) in [
        (HS256_KEY, HS256_HEADER, HS256_SIGNATURE),
        (RS256_KEY, RS256_HEADER, RS256_SIGNATURE),
        (ES256_KEY, ES256_HEADER, ES256_SIGNATURE),
    ] {
        let verifier = verifier_of_jwk(key);
        let token = format!("{header}.{CLAIMS}.{signature}");
        let verified = verifier.verify(&token, at(EXPIRES_AT - 1)).unwrap();
        assert_eq!(verified.expires_at, EXPIRES_AT);
        let expired = verifier.verify(&token, at(EXPIRES_AT));
        assert_eq!(expired, Err(TokenError::Expired));
    }
}

#[test]
fn the_signature_of_rfc_8037_is_right_and_no_other_is() {
    let set = format!("{{\"keys\":[{ED25519_KEY}]}}");
    let keys = parse_jwks(set.as_bytes(), Secrets::Refused).unwrap();
    let mut signature = URL_SAFE_NO_PAD.decode(ED25519_SIGNATURE).unwrap();
    let message = ED25519_MESSAGE.as_bytes();
    assert!(keys[0].key.verifies(message, &signature));
    assert!(!keys[0].key.verifies(&message[1..], &signature));
    signature[3] ^= 1;
    assert!(!keys[0].key.verifies(message, &signature));
    // What is signed is no JSON.
    let token = format!("{ED25519_MESSAGE}.{ED25519_SIGNATURE}");
    let verified = verifier_of_jwk(ED25519_KEY).verify(&token, at(0));
    let why = "the token's claims are not a JSON object";
    assert_eq!(verified, Err(TokenError::Invalid(why)));
}

#[test]
fn a_token_of_each_algorithm_is_verified() {
    let room = RoomName::parse("lobby").unwrap();
    for (private, public) in [
        (SECRET, SECRET),
        (P256.as_bytes(), P256_PUBLIC.as_bytes()),
        (RSA.as_bytes(), RSA_PUBLIC.as_bytes()),
        (ED25519.as_bytes(), ED25519_PUBLIC.as_bytes()),
    ] {
        let key = signing(private);
        let token = key
            .sign(&claims(
                r#","sub":"1","name":" Alice  B ","rooms":{"write":["lobby"]}"#,
            ))
            .unwrap();
        // The key is found among others.
        let all = [
            SECRET,
            RSA_PUBLIC.as_bytes(),
            P256_PUBLIC.as_bytes(),
            public,
        ];
        let verified = verifier(&all).verify(&token, at(NOW)).unwrap();
        assert_eq!(verified.expires_at, NOW + 3600);
        assert_eq!(verified.name.as_ref().unwrap().as_str(), "Alice B");
        assert_eq!(verified.subject.as_ref().unwrap().sub(), "1");
        assert!(verified.rights.allows(Right::Read, &room));
        assert!(!verified.rights.allows(Right::Moderate, &room));
    }
}

#[test]
fn a_key_is_the_same_in_pem_and_in_a_key_set() {
    // SubjectPublicKeyInfo of RFC 8037's key.
    let pem = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n-----END PUBLIC KEY-----\n";
    let set = format!("{{\"keys\":[{ED25519_KEY}]}}");
    let keys = parse_jwks(set.as_bytes(), Secrets::Refused).unwrap();
    let file = crate::tokens::key_file::parse_key(pem.as_bytes()).unwrap();
    assert_eq!(keys[0].key.id(), file.id());
}
