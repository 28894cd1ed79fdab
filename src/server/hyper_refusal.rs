//! Refusals that hyper writes itself. hyper answers a head that it can't parse
//! without a body and without a hook; that answer is recognised on its way to the
//! socket, so that the server's own problem is sent instead.

use hyper::StatusCode;
use memchr::memmem;

use crate::http::{BadHead, MAX_HEADER_FIELDS};

/// More bytes than any refusal of hyper has.
const MAX_BYTES: usize = 256;
/// The end of every response of hyper without a body.
const END: &[u8] = b" GMT\r\n\r\n";

/// hyper's refusal at the end of `bytes`: its status and its length. hyper writes
/// nothing after it, and offers it whole, since its buffer is flat.
pub(super) fn at_end(bytes: &[u8]) -> Option<(StatusCode, usize)> {
    // This decides for nearly all writes.
    if !bytes.ends_with(END) {
        return None;
    }
    let tail = &bytes[bytes.len().saturating_sub(MAX_BYTES)..];
    let tail = &tail[memmem::rfind(tail, b"HTTP/1.")?..];
    let text = std::str::from_utf8(tail).ok()?;
    let mut lines = text.strip_suffix("\r\n\r\n")?.split("\r\n");
    let status = status_of(lines.next()?)?;
    // The server's own responses have further fields.
    lines.all(is_of_hyper).then_some((status, tail.len()))
}

fn status_of(line: &str) -> Option<StatusCode> {
    let code = line.split(' ').nth(1)?;
    let status = StatusCode::from_bytes(code.as_bytes()).ok()?;
    let is_refusal = [
        StatusCode::BAD_REQUEST,
        StatusCode::URI_TOO_LONG,
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
    ]
    .contains(&status);
    is_refusal.then_some(status)
}

fn is_of_hyper(field: &str) -> bool {
    matches!(field, "connection: close" | "content-length: 0") || field.starts_with("date: ")
}

/// Why hyper refused `head` with `status`, as far as its buffer shows.
pub(super) fn reason(status: StatusCode, head: &[u8]) -> BadHead {
    match status {
        StatusCode::URI_TOO_LONG => BadHead::UriTooLong,
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => too_large(head),
        _ => BadHead::Malformed(detail(head)),
    }
}

/// The reason for a head over its limit: its request line, or its fields.
pub(super) fn too_large(head: &[u8]) -> BadHead {
    // hyper drops empty lines: nothing is left of a head of these alone.
    match head.is_empty() || head.contains(&b'\n') {
        true => BadHead::TooLarge,
        false => BadHead::UriTooLong,
    }
}

fn detail(head: &[u8]) -> &'static str {
    let mut fields = [httparse::EMPTY_HEADER; MAX_HEADER_FIELDS];
    match httparse::Request::new(&mut fields).parse(head) {
        Err(httparse::Error::Token) => {
            "the first line is not a method, a target and HTTP/1.1, with one space between them"
        }
        Err(httparse::Error::Version) => "the server speaks HTTP/1.1 and HTTP/1.0 here",
        Err(httparse::Error::HeaderName) => {
            "a header's name has a character that it may not have, or a space before its colon"
        }
        Err(httparse::Error::HeaderValue) => "a header's value has a control character",
        Err(httparse::Error::NewLine) => "a line does not end with CRLF",
        _ => {
            "the target is not a URI, or Content-Length and Transfer-Encoding do not say how long \
             the body is"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REFUSAL: &str = "HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\ndate: Fri, 27 Nov 2026 12:00:00 GMT\r\n\r\n";

    #[test]
    fn a_refusal_is_found_alone_and_after_another_response() {
        let found = Some((StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, REFUSAL.len()));
        assert_eq!(at_end(REFUSAL.as_bytes()), found);
        let old = REFUSAL
            .replace("1.1", "1.0")
            .replace("connection: close\r\n", "");
        assert_eq!(
            at_end(old.as_bytes()).map(|(_, length)| length),
            Some(old.len())
        );
        for before in ["HTTP/1.1 200 OK\r\n\r\nhi", REFUSAL, "\u{e9}"] {
            assert_eq!(at_end(format!("{before}{REFUSAL}").as_bytes()), found);
        }
    }

    #[test]
    fn responses_of_the_server_are_no_refusals_of_hyper() {
        for response in [
            "",
            " GMT\r\n\r\n",
            &format!("{REFUSAL}x"),
            &REFUSAL.replace("431", "204"),
            &REFUSAL.replace("date", "x-content-type-options: nosniff\r\ndate"),
            &REFUSAL.replace("content-length: 0", "content-length: 10"),
        ] {
            assert_eq!(at_end(response.as_bytes()), None, "{response}");
        }
    }

    #[test]
    fn the_detail_names_the_mistake() {
        let wrong = |head: &str| detail(head.as_bytes());
        assert!(wrong("G(T / HTTP/1.1\r\n\r\n").contains("method"));
        assert!(wrong("GET / HTTP/3.0\r\n\r\n").contains("HTTP/1.1"));
        assert!(wrong("GET / HTTP/1.1\r\na : b\r\n\r\n").contains("name"));
        assert!(wrong("GET / HTTP/1.1\r\na: \0\r\n\r\n").contains("value"));
        assert!(wrong("").contains("Content-Length"));
    }

    #[test]
    fn a_head_that_is_too_large_is_refused_for_its_larger_part() {
        assert_eq!(too_large(b"GET /xxxxxxxx"), BadHead::UriTooLong);
        assert_eq!(too_large(b"GET / HTTP/1.1\r\na: b"), BadHead::TooLarge);
        assert_eq!(too_large(b""), BadHead::TooLarge);
    }
}
