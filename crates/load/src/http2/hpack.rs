//! Header blocks (HPACK, RFC 7541): requests as literals that are never indexed, and
//! of a response its status and content type.
//!
//! The settings of a session set the dynamic table to a size of 0. So a field that is
//! to be added to it is not, and an index is one of the static table.

use super::errors::NotHttp2;
use super::huffman;
use crate::response::ResponseHead;

/// Indices in the static table (RFC 7541, appendix A).
mod index {
    pub(super) const AUTHORITY: u8 = 1;
    pub(super) const METHOD_GET: u8 = 2;
    pub(super) const METHOD_POST: u8 = 3;
    pub(super) const PATH: u8 = 4;
    pub(super) const SCHEME_HTTP: u8 = 6;
    pub(super) const SCHEME_HTTPS: u8 = 7;
    /// `:status` with seven values.
    pub(super) const STATUS: usize = 8;
    pub(super) const STATUSES: [u16; 7] = [200, 204, 206, 304, 400, 404, 500];
    pub(super) const CONTENT_TYPE: usize = 31;
    pub(super) const LAST: usize = 61;
}

/// The header block of a request.
#[derive(Debug, Clone, Default)]
pub(crate) struct HeaderBlock {
    bytes: Vec<u8>,
}

impl HeaderBlock {
    /// A request for `path`: `POST`, or else `GET`.
    pub(crate) fn request(post: bool, tls: bool, authority: &str, path: &str) -> Self {
        let method = match post {
            true => index::METHOD_POST,
            false => index::METHOD_GET,
        };
        let scheme = match tls {
            true => index::SCHEME_HTTPS,
            false => index::SCHEME_HTTP,
        };
        let mut block = Self {
            bytes: vec![0x80 | method, 0x80 | scheme],
        };
        // Literals without indexing, their names by index.
        block.bytes.push(index::AUTHORITY);
        block.text(authority.as_bytes());
        block.bytes.push(index::PATH);
        block.text(path.as_bytes());
        block
    }

    /// Adds a field.
    pub(crate) fn add(&mut self, name: &str, value: &str) {
        self.bytes.push(0);
        self.text(name.to_ascii_lowercase().as_bytes());
        self.text(value.as_bytes());
    }

    /// The encoded block.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    fn text(&mut self, text: &[u8]) {
        let mut length = text.len();
        if length < 0x7f {
            self.bytes.push(length as u8);
        } else {
            self.bytes.push(0x7f);
            length -= 0x7f;
            while length >= 0x80 {
                self.bytes.push(length as u8 | 0x80);
                length >>= 7;
            }
            self.bytes.push(length as u8);
        }
        self.bytes.extend_from_slice(text);
    }
}

/// Reads the header block of a response. None if it is that of trailers.
pub(super) fn response_head(block: &[u8]) -> Result<Option<ResponseHead>, NotHttp2> {
    let mut status = None;
    let mut event_stream = false;
    let mut fields = Fields(block);
    while let Some(field) = fields.next()? {
        match field {
            Field::Status(code) => status = Some(code),
            Field::ContentType(value) => {
                event_stream = value.to_ascii_lowercase().starts_with(b"text/event-stream");
            }
            Field::Other => {}
        }
    }
    Ok(status.map(|status| ResponseHead {
        status,
        event_stream,
        keep_alive: true,
    }))
}

enum Field {
    Status(u16),
    ContentType(Vec<u8>),
    Other,
}

/// The rest of a header block.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn next(&mut self) -> Result<Option<Field>, NotHttp2> {
        loop {
            let Some(&first) = self.0.first() else {
                return Ok(None);
            };
            return Ok(Some(match first {
                0x80.. => match self.number(7)? {
                    0 => return Err(malformed()),
                    at @ index::STATUS..=14 => Field::Status(index::STATUSES[at - index::STATUS]),
                    1..=index::LAST => Field::Other,
                    _ => {
                        return Err(NotHttp2(
                            "it uses the dynamic header table, which was refused".to_owned(),
                        ));
                    }
                },
                0x40.. => self.literal(6)?,
                0x20.. => {
                    // The size of the dynamic table.
                    self.number(5)?;
                    continue;
                }
                _ => self.literal(4)?,
            }));
        }
    }

    fn literal(&mut self, bits: u32) -> Result<Field, NotHttp2> {
        let name = match self.number(bits)? {
            0 => match self.text()?.as_deref() {
                Some(b":status") => index::STATUS,
                Some(b"content-type") => index::CONTENT_TYPE,
                _ => index::LAST,
            },
            at => at,
        };
        let value = self.text()?;
        Ok(match (name, value) {
            (index::STATUS..=14, Some(value)) => {
                let code = std::str::from_utf8(&value).ok();
                let code = code.and_then(|code| code.parse().ok());
                Field::Status(code.ok_or_else(malformed)?)
            }
            (index::CONTENT_TYPE, Some(value)) => Field::ContentType(value),
            _ => Field::Other,
        })
    }

    /// An integer with a prefix of `bits` bits (RFC 7541, section 5.1).
    fn number(&mut self, bits: u32) -> Result<usize, NotHttp2> {
        let mask = (1 << bits) - 1;
        let mut value = usize::from(self.byte()? & mask);
        if value < usize::from(mask) {
            return Ok(value);
        }
        for shift in [0, 7, 14] {
            let byte = self.byte()?;
            value += usize::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(malformed())
    }

    /// A string; none if it has characters that a field of interest can't have.
    fn text(&mut self) -> Result<Option<Vec<u8>>, NotHttp2> {
        let is_huffman = self.0.first().ok_or_else(malformed)? & 0x80 != 0;
        let length = self.number(7)?;
        let (text, rest) = self.0.split_at_checked(length).ok_or_else(malformed)?;
        self.0 = rest;
        Ok(match is_huffman {
            true => huffman::decode(text),
            false => Some(text.to_vec()),
        })
    }

    fn byte(&mut self) -> Result<u8, NotHttp2> {
        let (&byte, rest) = self.0.split_first().ok_or_else(malformed)?;
        self.0 = rest;
        Ok(byte)
    }
}

fn malformed() -> NotHttp2 {
    NotHttp2("its header fields are malformed".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(status: u16, event_stream: bool) -> Option<ResponseHead> {
        Some(ResponseHead {
            status,
            event_stream,
            keep_alive: true,
        })
    }

    #[test]
    fn a_status_is_read_in_every_form() {
        for (block, expected) in [
            (&b"\x88"[..], head(200, false)),
            // A new size of the table first, as encoders send it.
            (b"\x20\x8d", head(404, false)),
            (b"\x08\x03503", head(503, false)),
            // The example of RFC 7541, C.6.1, with incremental indexing.
            (b"\x48\x82\x64\x02", head(302, false)),
            (b"\x00\x07:status\x03201", head(201, false)),
            (b"", None),
            (b"\x00\x01x\x01y", None),
        ] {
            assert_eq!(response_head(block).unwrap(), expected, "{block:?}");
        }
    }

    #[test]
    fn an_event_stream_is_known_by_its_content_type() {
        let plain = b"\x88\x0f\x10\x11text/event-stream";
        assert_eq!(response_head(plain).unwrap(), head(200, true));
        let named = b"\x88\x00\x0ccontent-type\x19Text/Event-Stream;a=bcdef";
        assert_eq!(response_head(named).unwrap(), head(200, true));
        let other = b"\x88\x5f\x09text/html";
        assert_eq!(response_head(other).unwrap(), head(200, false));
        // Huffman code, as most servers send it.
        let value = huffman_of("text/event-stream");
        let mut coded = vec![0x88, 0x5f, 0x80 | value.len() as u8];
        coded.extend_from_slice(&value);
        assert_eq!(response_head(&coded).unwrap(), head(200, true));
    }

    /// By the codes of RFC 7541, appendix B, as text.
    fn huffman_of(text: &str) -> Vec<u8> {
        let codes = [
            ('t', "01001"),
            ('e', "00101"),
            ('x', "1111001"),
            ('/', "011000"),
            ('v', "1110111"),
            ('n', "101010"),
            ('-', "010110"),
            ('s', "01000"),
            ('r', "101100"),
            ('a', "00011"),
            ('m', "101001"),
        ];
        let code = |c| codes.iter().find(|code| code.0 == c).unwrap().1;
        let mut bits: String = text.chars().map(code).collect();
        while !bits.len().is_multiple_of(8) {
            bits.push('1');
        }
        let bytes = bits.as_bytes().chunks(8);
        let byte = |bits| u8::from_str_radix(std::str::from_utf8(bits).unwrap(), 2).unwrap();
        bytes.map(byte).collect()
    }

    #[test]
    fn a_block_that_is_cut_or_uses_the_dynamic_table_is_an_error() {
        for block in [
            &b"\x80"[..],
            b"\xbe",
            b"\x08",
            b"\x08\x03",
            b"\x08\x0320",
            b"\x08\x03abc",
            b"\xff\xff\xff\xff\xff",
        ] {
            assert!(response_head(block).is_err(), "{block:?}");
        }
    }

    #[test]
    fn a_request_is_encoded_without_compression() {
        let mut block = HeaderBlock::request(false, true, "a.example", "/x");
        block.add("Accept", "text/event-stream");
        assert_eq!(
            block.into_bytes(),
            b"\x82\x87\x01\x09a.example\x04\x02/x\x00\x06accept\x11text/event-stream"
        );
        let mut long = HeaderBlock::default();
        long.add("a", &"b".repeat(0x7f + 0x85));
        assert_eq!(long.bytes[..6], [0, 1, b'a', 0x7f, 0x85, 0x01]);
        let mut fields = Fields(&long.bytes[3..]);
        assert_eq!(fields.text().unwrap().unwrap().len(), 0x7f + 0x85);
    }
}
