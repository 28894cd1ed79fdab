//! Reads a key from a file: an HS256 secret, or a public key in PEM. What looks
//! like a public or a private key never becomes a secret: the public key is no
//! secret, so everybody could sign with it (RFC 8725, section 2.1).

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use super::key::{Key, MIN_SECRET_BYTES};

/// Most bytes of a key's file; an RSA key of 8,192 bits has 1.5 KiB in PEM.
const MAX_FILE_BYTES: u64 = 64 << 10;

/// Reads the key of a file.
pub(super) fn read_key(path: &Path) -> Result<Key, Cow<'static, str>> {
    let at = |why: &dyn std::fmt::Display| Cow::Owned(format!("{}: {why}", path.display()));
    let bytes = read(path, MAX_FILE_BYTES).map_err(|error| at(&error))?;
    parse_key(&bytes).map_err(|why| at(&why))
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

fn parse_key(bytes: &[u8]) -> Result<Key, &'static str> {
    let secret = secret(bytes)?;
    Ok(Key::hmac(secret))
}

/// The secret of a file: its bytes, without one line ending at its end.
pub(super) fn secret(bytes: &[u8]) -> Result<&[u8], &'static str> {
    let secret = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    let secret = secret.strip_suffix(b"\r").unwrap_or(secret);
    if looks_like_a_key(bytes) {
        return Err("only HS256 secrets are read so far");
    }
    match secret.len() >= MIN_SECRET_BYTES {
        true => Ok(secret),
        false => Err("a secret has at least 32 bytes: make one by `sse-chat token --new-key`"),
    }
}

fn looks_like_a_key(bytes: &[u8]) -> bool {
    let begin = b"BEGIN";
    bytes.windows(begin.len()).any(|part| part == begin) || bytes.starts_with(&[0x30, 0x82])
}
