//! Public keys in DER: SubjectPublicKeyInfo (RFC 5280) of RSA (RFC 8017), P-256
//! (RFC 5480) and Ed25519 (RFC 8410). The reader knows only what these have.

use super::key::Key;

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;

/// `rsaEncryption` with NULL.
const RSA: [u8; 13] = [
    0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x01, 0x05, 0x00,
];
/// `id-ecPublicKey` with `secp256r1`.
const P256: [u8; 19] = [
    0x06, 0x07, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01, 0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D,
    0x03, 0x01, 0x07,
];
/// `id-Ed25519`.
const ED25519: [u8; 5] = [0x06, 0x03, 0x2B, 0x65, 0x70];

/// The key of a SubjectPublicKeyInfo.
pub(super) fn parse_spki(der: &[u8]) -> Result<Key, &'static str> {
    let malformed = "the public key's DER is malformed";
    let (algorithm, key) = parts(der).ok_or(malformed)?;
    if algorithm == RSA {
        let (modulus, exponent) = rsa_parts(key).ok_or(malformed)?;
        Key::rsa(modulus, exponent)
    } else if algorithm == P256 {
        Key::p256(key)
    } else if algorithm == ED25519 {
        Key::ed25519(key)
    } else {
        Err("the public key is not of RSA, P-256 or Ed25519")
    }
}

/// Whether `bytes` are one DER sequence, or a cut one of more than 255 bytes: its
/// third and fourth byte are a length, in no text.
pub(super) fn looks_like_der(bytes: &[u8]) -> bool {
    let is_whole = element(bytes, SEQUENCE).is_some_and(|(_, rest)| rest.is_empty());
    is_whole || bytes.starts_with(&[SEQUENCE, 0x82])
}

/// The AlgorithmIdentifier and the key's bits.
fn parts(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let info = whole(der, SEQUENCE)?;
    let (algorithm, bits) = element(info, SEQUENCE)?;
    let key = whole(bits, BIT_STRING)?.strip_prefix(&[0])?;
    Some((algorithm, key))
}

fn rsa_parts(key: &[u8]) -> Option<(&[u8], &[u8])> {
    let (modulus, exponent) = element(whole(key, SEQUENCE)?, INTEGER)?;
    Some((modulus, whole(exponent, INTEGER)?))
}

/// The contents of an element with nothing after it.
fn whole(input: &[u8], tag: u8) -> Option<&[u8]> {
    let (contents, rest) = element(input, tag)?;
    rest.is_empty().then_some(contents)
}

/// The contents of the first element, and what follows it.
fn element(input: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (length, rest) = match *input.strip_prefix(&[tag])? {
        [short @ 0..=0x7F, ref rest @ ..] => (usize::from(short), rest),
        [0x81, long @ 0x80..=0xFF, ref rest @ ..] => (usize::from(long), rest),
        [0x82, high @ 1..=0xFF, low, ref rest @ ..] => {
            (usize::from(u16::from_be_bytes([high, low])), rest)
        }
        _ => return None,
    };
    rest.split_at_checked(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_read_in_their_shortest_form() {
        assert_eq!(element(&[2, 1, 7, 8], INTEGER), Some((&[7][..], &[8][..])));
        let long = [&[2, 0x81, 0x80][..], &[7; 128]].concat();
        assert_eq!(whole(&long, INTEGER), Some(&[7; 128][..]));
        let longer = [&[2, 0x82, 1, 0][..], &[7; 256]].concat();
        assert_eq!(whole(&longer, INTEGER), Some(&[7; 256][..]));
        for wrong in [
            &[][..],
            &[2],
            &[2, 1],
            &[3, 1, 7],
            &[2, 0x81, 1, 7],
            &[2, 0x82, 0, 1, 7],
            &[2, 0x80, 7, 0, 0],
        ] {
            assert_eq!(element(wrong, INTEGER), None, "{wrong:?}");
        }
    }

    #[test]
    fn a_text_secret_is_no_der() {
        // `0Y` would be the beginning of a key of P-256, of 91 bytes.
        assert!(!looks_like_der(
            b"0YAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
        ));
        assert!(looks_like_der(&[&[0x30, 0x2A][..], &[0; 42]].concat()));
        assert!(looks_like_der(&[0x30, 0x82, 1]));
    }
}
