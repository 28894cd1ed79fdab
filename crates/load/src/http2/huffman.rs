//! The Huffman code of HPACK (RFC 7541, appendix B), as far as statuses and content
//! types need it: the symbols of up to eight bits. The code is canonical, so each
//! length is a range of numbers.

/// Length in bits, the first code, and the symbols in the order of their codes.
const CODES: [(u32, u32, &[u8]); 4] = [
    (5, 0x0, b"012aceiost"),
    (6, 0x14, b" %-./3456789=A_bdfghlmnpru"),
    (7, 0x5c, b":BCDEFGHIJKLMNOPQRSTUVWYjkqvwxyz"),
    (8, 0xf8, b"&*,;XZ"),
];

/// Decodes `bytes`. None if a symbol is of another length; a status or a content type
/// that matters has none of these.
pub(super) fn decode(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut decoded = Vec::with_capacity(bytes.len() * 8 / 5);
    let (mut code, mut length) = (0, 0);
    for bit in bytes
        .iter()
        .flat_map(|byte| (0..8).rev().map(move |at| byte >> at & 1))
    {
        code = code << 1 | u32::from(bit);
        length += 1;
        if let Some(symbol) = symbol(code, length) {
            decoded.push(symbol);
            (code, length) = (0, 0);
        } else if length > 8 {
            return None;
        }
    }
    // The padding is ones, less than a byte of them.
    (length < 8 && code == (1 << length) - 1).then_some(decoded)
}

fn symbol(code: u32, length: u32) -> Option<u8> {
    let (_, first, symbols) = CODES.iter().find(|codes| codes.0 == length)?;
    let at = code.checked_sub(*first)?;
    symbols.get(at as usize).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_the_rfc_are_decoded() {
        let examples: [(&[u8], &str); 4] = [
            (&[0x64, 0x02], "302"),
            (&[0xae, 0xc3, 0x77, 0x1a, 0x4b], "private"),
            (&[0xa8, 0xeb, 0x10, 0x64, 0x9c, 0xbf], "no-cache"),
            (
                &[
                    0xf1, 0xe3, 0xc2, 0xe5, 0xf2, 0x3a, 0x6b, 0xa0, 0xab, 0x90, 0xf4, 0xff,
                ],
                "www.example.com",
            ),
        ];
        for (bytes, text) in examples {
            assert_eq!(decode(bytes).as_deref(), Some(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn a_longer_symbol_and_wrong_padding_are_no_text() {
        // "!" has ten bits: 0x3f8.
        assert_eq!(decode(&[0xfe, 0x3f]), None);
        assert_eq!(decode(&[0b0000_0000]), None);
    }
}
