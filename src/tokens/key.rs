//! A key that verifies signatures (RFC 7518, RFC 8037), by ring. Its algorithm is
//! fixed when it is made, so a public key is never the secret of an HMAC.

use std::fmt;

use ring::agreement::{self, EphemeralPrivateKey};
use ring::hmac;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents,
    UnparsedPublicKey,
};

use super::key_id::KeyId;

/// The least bytes of an HS256 secret (RFC 7518, section 3.2).
pub(super) const MIN_SECRET_BYTES: usize = 32;

/// The algorithms of signatures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// HMAC with SHA-256.
    Hs256,
    /// ECDSA with P-256 and SHA-256; the signature is 64 bytes, not DER.
    Es256,
    /// RSA with PKCS #1 v1.5 and SHA-256, by keys of 2,048 to 8,192 bits.
    Rs256,
    /// Ed25519.
    EdDsa,
}

impl Algorithm {
    const ALL: [Self; 4] = [Self::Hs256, Self::Es256, Self::Rs256, Self::EdDsa];

    /// Its name in `alg`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hs256 => "HS256",
            Self::Es256 => "ES256",
            Self::Rs256 => "RS256",
            Self::EdDsa => "EdDSA",
        }
    }

    pub(super) fn from_name(name: &str) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|algorithm| algorithm.as_str() == name)
    }
}

/// A key that verifies signatures. `Debug` shows its algorithm only.
#[derive(Clone)]
pub(super) struct Key {
    material: Material,
    id: KeyId,
}

#[derive(Clone)]
enum Material {
    Hmac(hmac::Key),
    /// An uncompressed point, on the curve.
    P256(Box<[u8]>),
    Rsa(RsaPublicKeyComponents<Box<[u8]>>),
    Ed25519(Box<[u8]>),
}

impl Key {
    /// A secret of at least [`MIN_SECRET_BYTES`], which the caller checks.
    pub(super) fn hmac(secret: &[u8]) -> Self {
        debug_assert!(secret.len() >= MIN_SECRET_BYTES);
        Self {
            material: Material::Hmac(hmac::Key::new(hmac::HMAC_SHA256, secret)),
            id: KeyId::of(Algorithm::Hs256.as_str(), &[secret]),
        }
    }

    /// An uncompressed point of P-256: 4, x, y.
    pub(super) fn p256(point: &[u8]) -> Result<Self, &'static str> {
        if !is_on_p256(point) {
            return Err("it is not a point of P-256 in uncompressed form");
        }
        Ok(Self {
            material: Material::P256(point.into()),
            id: KeyId::of(Algorithm::Es256.as_str(), &[point]),
        })
    }

    /// Modulus and exponent, big endian; zeros before them are cut.
    pub(super) fn rsa(modulus: &[u8], exponent: &[u8]) -> Result<Self, &'static str> {
        let (n, e) = (without_zeros(modulus), without_zeros(exponent));
        let bits = n.len() * 8 - n.first().map_or(0, |first| first.leading_zeros() as usize);
        if !(2048..=8192).contains(&bits) {
            return Err("an RSA key has 2048 to 8192 bits");
        }
        let is_odd = |number: &[u8]| number.last().is_some_and(|last| last % 2 == 1);
        // ring takes exponents from 3 to 33 bits.
        if !is_odd(n) || !is_odd(e) || e == [1] || e.len() > 4 {
            return Err("its RSA modulus or exponent is not one of a key");
        }
        Ok(Self {
            material: Material::Rsa(RsaPublicKeyComponents {
                n: n.into(),
                e: e.into(),
            }),
            id: KeyId::of(Algorithm::Rs256.as_str(), &[n, e]),
        })
    }

    /// The 32 bytes of an Ed25519 key.
    pub(super) fn ed25519(bytes: &[u8]) -> Result<Self, &'static str> {
        if bytes.len() != 32 {
            return Err("an Ed25519 key has 32 bytes");
        }
        Ok(Self {
            material: Material::Ed25519(bytes.into()),
            id: KeyId::of(Algorithm::EdDsa.as_str(), &[bytes]),
        })
    }

    pub(super) fn algorithm(&self) -> Algorithm {
        match self.material {
            Material::Hmac(_) => Algorithm::Hs256,
            Material::P256(_) => Algorithm::Es256,
            Material::Rsa(_) => Algorithm::Rs256,
            Material::Ed25519(_) => Algorithm::EdDsa,
        }
    }

    pub(super) fn id(&self) -> KeyId {
        self.id
    }

    /// Whether `signature` is one of `message`. An HMAC is compared in constant
    /// time.
    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        match &self.material {
            Material::Hmac(key) => hmac::verify(key, message, signature),
            Material::P256(point) => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(message, signature)
            }
            Material::Rsa(key) => key.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature),
            Material::Ed25519(bytes) => {
                UnparsedPublicKey::new(&ED25519, bytes).verify(message, signature)
            }
        }
        .is_ok()
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.algorithm().as_str())
    }
}

fn without_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    &number[zeros..]
}

/// ring checks a point only when it is used, and a key agreement tells a bad point
/// from a bad signature.
fn is_on_p256(point: &[u8]) -> bool {
    let own = EphemeralPrivateKey::generate(&agreement::ECDH_P256, &SystemRandom::new());
    let peer = agreement::UnparsedPublicKey::new(&agreement::ECDH_P256, point);
    point.first() == Some(&4)
        && own.is_ok_and(|own| agreement::agree_ephemeral(own, &peer, |_| ()).is_ok())
}
