//! Tokens as a whole: fixed examples of the RFCs, everything that is refused, and
//! random input.

mod examples;
mod keys;
mod random;
mod refused;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::config::TokenSettings;
use crate::tokens::key_file::parse_key;
use crate::tokens::key_set::KeySet;
use crate::tokens::signing_key::SigningKey;
use crate::tokens::verifier::Verifier;

const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";
const NOW: u64 = 1_800_000_000;

const P256: &str = include_str!("../test_keys/p256.pem");
const P256_PUBLIC: &str = include_str!("../test_keys/p256.pub.pem");
const RSA: &str = include_str!("../test_keys/rsa.pem");
const RSA_PUBLIC: &str = include_str!("../test_keys/rsa.pub.pem");
const ED25519: &str = include_str!("../test_keys/ed25519.pem");
const ED25519_PUBLIC: &str = include_str!("../test_keys/ed25519.pub.pem");

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

/// A verifier with keys as they stand in files.
fn verifier(files: &[&[u8]]) -> Verifier {
    verifier_with(&TokenSettings::default(), files)
}

fn verifier_with(settings: &TokenSettings, files: &[&[u8]]) -> Verifier {
    let files = files.iter().map(|file| parse_key(file).unwrap()).collect();
    Verifier::with_keys(settings, KeySet { files, jwks: None })
}

fn signing(file: &[u8]) -> SigningKey {
    SigningKey::parse(file).unwrap()
}

/// A token of [`SECRET`] that is valid for an hour, with more claims.
fn token(more: &str) -> String {
    signing(SECRET).sign(&claims(more)).unwrap()
}

fn claims(more: &str) -> String {
    format!("{{\"exp\":{}{more}}}", NOW + 3600)
}
