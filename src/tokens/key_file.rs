//! Reads a key from a file: an HS256 secret, or a public key in PEM. What looks
//! like a public or a private key never becomes a secret: the public key is no
//! secret, so everybody could sign with it (RFC 8725, section 2.1).

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use rustls_pki_types::pem::{PemObject as _, SectionKind};

use super::key::{Key, MIN_SECRET_BYTES};
use super::spki::{looks_like_der, parse_spki};

/// Most bytes of a key's file; an RSA key of 8,192 bits has 1.5 KiB in PEM.
pub(super) const MAX_KEY_FILE_BYTES: u64 = 64 << 10;

/// Reads the key of a file.
pub(super) fn read_key(path: &Path) -> Result<Key, String> {
    let bytes = read(path, MAX_KEY_FILE_BYTES).map_err(|error| error.to_string());
    let key = bytes.and_then(|bytes| parse_key(&bytes).map_err(str::to_owned));
    key.map_err(|why| format!("{}: {why}", path.display()))
}

/// Reads a whole file of at most `most` bytes.
pub(super) fn read(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(most + 1).read_to_end(&mut bytes)?;
    match bytes.len() as u64 <= most {
        true => Ok(bytes),
        false => Err(io::Error::other(format!("it has over {most} bytes"))),
    }
}

/// The key of a file's bytes.
pub(super) fn parse_key(bytes: &[u8]) -> Result<Key, &'static str> {
    match FileForm::of(bytes) {
        FileForm::Secret(secret) => Ok(Key::hmac(secret)),
        FileForm::TooShort => Err(TOO_SHORT),
        FileForm::PrivateKey => Err(
            "it is a private key; give the public key: `openssl pkey -pubout -in PRIVATE -out PUBLIC`",
        ),
        FileForm::Pem => parse_pem(bytes),
        FileForm::Der => parse_spki(bytes),
        FileForm::Other(why) => Err(why),
    }
}

/// The error for a short secret.
pub(super) const TOO_SHORT: &str =
    "a secret has at least 32 bytes: make one by `sse-chat token --new-key`";

/// What a file seems to be.
pub(super) enum FileForm<'a> {
    /// Everything that is none of the others: the bytes, without one line ending at
    /// their end. They are at least 32.
    Secret(&'a [u8]),
    TooShort,
    PrivateKey,
    /// Another text with `BEGIN` in it.
    Pem,
    Der,
    /// A key in a form that is not read, and what to do.
    Other(&'static str),
}

impl<'a> FileForm<'a> {
    pub(super) fn of(bytes: &'a [u8]) -> Self {
        let has = |text: &str| {
            bytes
                .windows(text.len())
                .any(|part| part == text.as_bytes())
        };
        let line = bytes.strip_suffix(b"\n").unwrap_or(bytes);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if has("PRIVATE KEY") {
            Self::PrivateKey
        } else if has("BEGIN") {
            Self::Pem
        } else if looks_like_der(bytes) {
            Self::Der
        } else if bytes.trim_ascii_start().starts_with(b"{") {
            Self::Other("it looks like JSON; give a key set to --jwks")
        } else if bytes.starts_with(b"ssh-") || bytes.starts_with(b"ecdsa-sha2-") {
            Self::Other("it is a key of SSH; give the public key in PEM: `ssh-keygen -e -m PKCS8`")
        } else if line.len() < MIN_SECRET_BYTES {
            Self::TooShort
        } else {
            Self::Secret(line)
        }
    }
}

fn parse_pem(bytes: &[u8]) -> Result<Key, &'static str> {
    let mut sections = <(SectionKind, Vec<u8>)>::pem_slice_iter(bytes);
    let first = sections.next().transpose();
    match first.map_err(|_| "its PEM is malformed")? {
        Some((SectionKind::PublicKey, der)) => match sections.next() {
            None => parse_spki(&der),
            Some(_) => Err("it has more than one key; give a file for each"),
        },
        Some((SectionKind::Certificate, _)) => {
            Err("it is a certificate; give its public key: `openssl x509 -pubkey -noout -in FILE`")
        }
        Some(_) | None => Err("it has no section PUBLIC KEY in PEM"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_the_file_without_one_line_ending() {
        let secret = b"0123456789abcdef0123456789abcdef";
        let key = |bytes: &[u8]| parse_key(bytes).map(|key| key.id()).ok();
        let own = Some(Key::hmac(secret).id());
        assert_eq!(key(secret), own);
        assert_eq!(key(&[secret, &b"\n"[..]].concat()), own);
        assert_eq!(key(&[secret, &b"\r\n"[..]].concat()), own);
        for other in ["\n\n", " ", " \n"] {
            let bytes = [secret, other.as_bytes()].concat();
            assert!(key(&bytes).is_some_and(|id| Some(id) != own), "{other:?}");
        }
        assert_eq!(parse_key(&secret[1..]).err(), Some(TOO_SHORT));
        let with_line = [&secret[1..], &b"\n"[..]].concat();
        assert_eq!(parse_key(&with_line).err(), Some(TOO_SHORT));
        assert_eq!(parse_key(b"").err(), Some(TOO_SHORT));
    }

    #[test]
    fn keys_in_other_forms_never_become_secrets() {
        let body = "MCowBQYDK2VwAyEA11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
        let der = [&[0x30, 0x82, 1, 0][..], &[7; 256]].concat();
        let cut = [&[0x30, 0x82, 9, 0][..], &[7; 256]].concat();
        let short = [&[0x30, 0x59][..], &[7; 0x59]].concat();
        let shorter = [&[0x30, 0x2A][..], &[7; 0x2A]].concat();
        for (bytes, why) in [
            (
                format!("-----BEGIN PRIVATE KEY-----\n{body}").as_bytes(),
                "private key",
            ),
            (
                format!("-----BEGIN EC PRIVATE KEY-----\n{body}").as_bytes(),
                "private key",
            ),
            (
                format!("-----BEGIN PUBLIC KEY-----\n{body}").as_bytes(),
                "PEM",
            ),
            (
                format!("-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----").as_bytes(),
                "malformed",
            ),
            (
                b"-----BEGIN RSA PUBLIC KEY-----\nMCow\n-----END RSA PUBLIC KEY-----",
                "section PUBLIC KEY",
            ),
            (
                format!("# a comment, then BEGIN {body}").as_bytes(),
                "section PUBLIC KEY",
            ),
            (&der, "malformed"),
            (&cut, "malformed"),
            (&short, "malformed"),
            (&shorter, "malformed"),
            (format!(" {{\"keys\":[\"{body}\"]}}").as_bytes(), "--jwks"),
            (format!("ssh-ed25519 {body}").as_bytes(), "SSH"),
        ] {
            let shown = String::from_utf8_lossy(bytes).into_owned();
            let error = parse_key(bytes).expect_err(&shown);
            assert!(error.contains(why), "{shown}: {error}");
        }
    }
}
