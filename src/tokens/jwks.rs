//! Parses a JSON Web Key Set (RFC 7517). Keys that this server can't use are
//! skipped, as section 5 wants; a key that must not be in the set refuses all of it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::json::{Json, JsonObject, NotAnObject, parse_object};
use super::key::{Algorithm, Key, MIN_SECRET_BYTES};

/// Most bytes of a key set.
pub const MAX_JWKS_BYTES: usize = 256 << 10;
/// Most keys of a set. A token without `kid` is tried with all of its algorithm.
const MAX_KEYS: usize = 64;

/// A key of a set.
#[derive(Debug, Clone)]
pub(super) struct JwksKey {
    pub(super) key: Key,
    pub(super) kid: Option<String>,
}

/// Whether a set may have secrets (`oct`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Secrets {
    /// It is a file.
    Allowed,
    /// It is at a URL: a secret there is known to others.
    Refused,
}

/// The usable keys of a set, at least one.
pub(super) fn parse_jwks(text: &[u8], secrets: Secrets) -> Result<Vec<JwksKey>, &'static str> {
    if text.len() > MAX_JWKS_BYTES {
        return Err("the key set has over 256 KiB");
    }
    let set = parse_object(text).map_err(|error| match error {
        NotAnObject::Malformed => "the key set is not a JSON object",
        NotAnObject::Duplicate => "the key set has a member twice in an object",
    })?;
    let Some(Json::List(list)) = set.get("keys") else {
        return Err("the key set has no list `keys`");
    };
    let mut keys = Vec::new();
    for member in list {
        keys.extend(parse_jwk(member, secrets)?);
    }
    match keys.len() {
        0 => Err("the key set has no key for HS256, ES256, RS256 or EdDSA signatures"),
        1..=MAX_KEYS => Ok(keys),
        _ => Err("the key set has over 64 keys"),
    }
}

/// `None` for a key that is skipped.
fn parse_jwk(member: &Json, secrets: Secrets) -> Result<Option<JwksKey>, &'static str> {
    let Json::Object(jwk) = member else {
        return Ok(None);
    };
    if jwk.contains_key("d") {
        return Err("the key set has a private key; publish public keys only");
    }
    if text(jwk, "kty") == Some("oct") && secrets == Secrets::Refused {
        return Err("the key set at the URL has a secret (kty oct)");
    }
    let kid = match jwk.get("kid") {
        None => None,
        Some(Json::Text(kid)) => Some(kid.clone()),
        Some(_) => return Ok(None),
    };
    let key = is_for_signatures(jwk).then(|| key(jwk)).flatten();
    let key = key.filter(|key| is_for(jwk, key.algorithm()));
    Ok(key.map(|key| JwksKey { key, kid }))
}

/// By `use` and `key_ops`, where they are.
fn is_for_signatures(jwk: &JsonObject) -> bool {
    let by_use = !jwk.contains_key("use") || text(jwk, "use") == Some("sig");
    let is_verify = |value: &Json| matches!(value, Json::Text(text) if text == "verify");
    let by_operations = match jwk.get("key_ops") {
        None => true,
        Some(Json::List(operations)) => operations.iter().any(is_verify),
        Some(_) => false,
    };
    by_use && by_operations
}

fn is_for(jwk: &JsonObject, algorithm: Algorithm) -> bool {
    !jwk.contains_key("alg") || text(jwk, "alg") == Some(algorithm.as_str())
}

fn key(jwk: &JsonObject) -> Option<Key> {
    let key = match (text(jwk, "kty")?, text(jwk, "crv")) {
        ("oct", _) => {
            let secret = bytes(jwk, "k")?;
            return (secret.len() >= MIN_SECRET_BYTES).then(|| Key::hmac(&secret));
        }
        ("RSA", _) => Key::rsa(&bytes(jwk, "n")?, &bytes(jwk, "e")?),
        ("EC", Some("P-256")) => {
            let (x, y) = (bytes(jwk, "x")?, bytes(jwk, "y")?);
            Key::p256(&[&[4], &*x, &*y].concat())
        }
        ("OKP", Some("Ed25519")) => Key::ed25519(&bytes(jwk, "x")?),
        _ => return None,
    };
    key.ok()
}

fn text<'a>(jwk: &'a JsonObject, name: &str) -> Option<&'a str> {
    match jwk.get(name)? {
        Json::Text(text) => Some(text),
        _ => None,
    }
}

fn bytes(jwk: &JsonObject, name: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text(jwk, name)?).ok()
}
