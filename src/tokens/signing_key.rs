//! A key that signs tokens, for `sse-chat token` and for tests. The server has
//! none: it verifies only.

use std::fmt;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use ring::rand::{SecureRandom as _, SystemRandom};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};
use rustls_pki_types::PrivatePkcs8KeyDer;
use rustls_pki_types::pem::PemObject as _;

use super::key::Algorithm;
use super::key_file::{FileForm, MAX_KEY_FILE_BYTES, TOO_SHORT, read};

/// A key that signs tokens. `Debug` shows its algorithm only.
pub struct SigningKey(Signer);

enum Signer {
    Hmac(hmac::Key),
    P256(EcdsaKeyPair),
    Rsa(RsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl SigningKey {
    /// Reads an HS256 secret, or a private key in PKCS #8 (RFC 5958) as PEM.
    ///
    /// # Errors
    ///
    /// What is wrong with the file, without its name.
    pub fn read(path: &Path) -> Result<Self, String> {
        let bytes = read(path, MAX_KEY_FILE_BYTES).map_err(|error| error.to_string())?;
        Self::parse(&bytes).map_err(str::to_owned)
    }

    /// The same from the file's bytes.
    ///
    /// # Errors
    ///
    /// What is wrong with them.
    pub fn parse(bytes: &[u8]) -> Result<Self, &'static str> {
        match FileForm::of(bytes) {
            FileForm::Secret(secret) => {
                let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
                Ok(Self(Signer::Hmac(key)))
            }
            FileForm::TooShort => Err(TOO_SHORT),
            FileForm::PrivateKey => Self::parse_pem(bytes),
            FileForm::Pem | FileForm::Der => {
                Err("it is not a private key in PEM, and no secret; a public key signs nothing")
            }
            FileForm::Other(_) => Err("it is not a secret, and no private key in PEM"),
        }
    }

    fn parse_pem(bytes: &[u8]) -> Result<Self, &'static str> {
        let der = PrivatePkcs8KeyDer::from_pem_slice(bytes).map_err(
            |_| "it is not a PRIVATE KEY in PKCS #8: convert it by `openssl pkcs8 -topk8 -nodes`",
        )?;
        let der = der.secret_pkcs8_der();
        let p256 = || {
            let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
            EcdsaKeyPair::from_pkcs8(algorithm, der, &SystemRandom::new())
                .ok()
                .map(Signer::P256)
        };
        let rsa = || RsaKeyPair::from_pkcs8(der).ok().map(Signer::Rsa);
        // openssl writes no public key into these files.
        Ed25519KeyPair::from_pkcs8_maybe_unchecked(der)
            .ok()
            .map(Signer::Ed25519)
            .or_else(p256)
            .or_else(rsa)
            .map(Self)
            .ok_or("it is not a private key of P-256, Ed25519, or RSA of 2048 to 4096 bits")
    }

    /// The algorithm that the key is for.
    pub fn algorithm(&self) -> Algorithm {
        match self.0 {
            Signer::Hmac(_) => Algorithm::Hs256,
            Signer::P256(_) => Algorithm::Es256,
            Signer::Rsa(_) => Algorithm::Rs256,
            Signer::Ed25519(_) => Algorithm::EdDsa,
        }
    }

    /// A token with these claims, which are a JSON object.
    ///
    /// # Errors
    ///
    /// If the system has no random numbers.
    pub fn sign(&self, claims: &str) -> Result<String, &'static str> {
        let algorithm = self.algorithm().as_str();
        self.sign_parts(&format!(r#"{{"alg":"{algorithm}","typ":"JWT"}}"#), claims)
    }

    /// [`sign`](Self::sign) with any header.
    pub(super) fn sign_parts(&self, header: &str, claims: &str) -> Result<String, &'static str> {
        let encode = |part: &[u8]| URL_SAFE_NO_PAD.encode(part);
        let message = format!(
            "{}.{}",
            encode(header.as_bytes()),
            encode(claims.as_bytes())
        );
        let signature = self
            .signature(message.as_bytes())
            .map_err(|_| "the system has no random numbers")?;
        Ok(format!("{message}.{}", encode(&signature)))
    }

    pub(super) fn signature(&self, message: &[u8]) -> Result<Vec<u8>, ring::error::Unspecified> {
        let random = SystemRandom::new();
        Ok(match &self.0 {
            Signer::Hmac(key) => hmac::sign(key, message).as_ref().to_vec(),
            Signer::P256(pair) => pair.sign(&random, message)?.as_ref().to_vec(),
            Signer::Ed25519(pair) => pair.sign(message).as_ref().to_vec(),
            Signer::Rsa(pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature)?;
                signature
            }
        })
    }
}

/// A new secret for HS256: 32 random bytes as 43 characters of base64url.
///
/// # Errors
///
/// If the system has no random numbers.
pub fn new_secret() -> Result<String, &'static str> {
    let mut bytes = [0; 32];
    let filled = SystemRandom::new().fill(&mut bytes);
    filled.map_err(|_| "the system has no random numbers")?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.algorithm().as_str())
    }
}
