//! The head of a request, as text for HTTP/1.1 or as a header block for HTTP/2.

use std::io::Write as _;

use crate::address::Address;
use crate::http_version::HttpVersion;
use crate::http2::HeaderBlock;

/// The head of a request, to which fields can be added.
#[derive(Debug, Clone)]
pub(crate) enum RequestHead {
    Http1(String),
    Http2(HeaderBlock),
}

impl RequestHead {
    /// A `POST` or a `GET` of `path` on the server at `address`.
    pub(crate) fn new(http: HttpVersion, address: &Address, post: bool, path: &str) -> Self {
        let host = &address.host;
        let path = format!("{}{path}", address.prefix);
        match http {
            HttpVersion::Http1 => {
                let method = if post { "POST" } else { "GET" };
                Self::Http1(format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\n"))
            }
            HttpVersion::Http2 { .. } => {
                let is_tls = address.tls.is_some();
                Self::Http2(HeaderBlock::request(post, is_tls, host, &path))
            }
        }
    }

    /// Adds a field.
    pub(crate) fn add(&mut self, name: &str, value: &str) {
        match self {
            Self::Http1(text) => {
                for piece in [name, ": ", value, "\r\n"] {
                    text.push_str(piece);
                }
            }
            Self::Http2(block) => block.add(name, value),
        }
    }

    /// The complete head.
    pub(crate) fn finish(self) -> Vec<u8> {
        match self {
            Self::Http1(text) => (text + "\r\n").into_bytes(),
            Self::Http2(block) => block.into_bytes(),
        }
    }

    /// Appends the complete head of a request with a body of `length` bytes.
    pub(crate) fn write_with_length(&self, length: usize, out: &mut Vec<u8>) {
        match self {
            Self::Http1(text) => {
                out.extend_from_slice(text.as_bytes());
                write!(out, "Content-Length: {length}\r\n\r\n")
                    .expect("writing to a Vec never fails");
            }
            Self::Http2(block) => {
                let mut block = block.clone();
                block.add("content-length", &length.to_string());
                out.extend_from_slice(&block.into_bytes());
            }
        }
    }
}
