//! Parses the two requests that the floor supports: subscribe and publish. The
//! caller closes the connection on any other.

use std::ops::Range;

use serde::Deserialize;

/// The maximum number of headers of a request.
const MAX_HEADERS: usize = 32;

/// A parsed request and its room.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Request<'a> {
    pub(crate) room: &'a str,
    pub(crate) kind: Kind<'a>,
    /// Its length in the input, in bytes.
    pub(crate) length: usize,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Kind<'a> {
    Subscribe,
    Publish(Draft<'a>),
}

/// A message before publishing. It borrows from the input, so a text with an escape
/// is refused.
#[derive(Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Draft<'a> {
    pub(crate) name: &'a str,
    pub(crate) message: &'a str,
}

/// Not a request, or not a supported one.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refused;

/// Parses the first request of `input`; `None` if it is incomplete.
pub(crate) fn parse(input: &[u8]) -> Result<Option<Request<'_>>, Refused> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut head = httparse::Request::new(&mut headers);
    let status = head.parse(input).map_err(|_| Refused)?;
    let httparse::Status::Complete(head_length) = status else {
        return Ok(None);
    };
    let body = head_length..head_length + content_length(head.headers)?;
    if input.len() < body.end {
        return Ok(None);
    }
    let path = head.path.ok_or(Refused)?;
    supported(head.method.ok_or(Refused)?, path, input, body).map(Some)
}

fn supported<'a>(
    method: &str,
    path: &'a str,
    input: &'a [u8],
    body: Range<usize>,
) -> Result<Request<'a>, Refused> {
    let length = body.end;
    let path = path.strip_prefix("/rooms/").ok_or(Refused)?;
    let (room, kind) = match (method, path.split_once('/')) {
        ("GET", Some((room, "events"))) => (room, Kind::Subscribe),
        ("POST", Some((room, "messages"))) => {
            let draft = serde_json::from_slice(&input[body]).map_err(|_| Refused)?;
            (room, Kind::Publish(draft))
        }
        _ => return Err(Refused),
    };
    Ok(Request { room, kind, length })
}

fn content_length(headers: &[httparse::Header<'_>]) -> Result<usize, Refused> {
    let Some(header) = headers
        .iter()
        .find(|header| header.name.eq_ignore_ascii_case("content-length"))
    else {
        return Ok(0);
    };
    let text = std::str::from_utf8(header.value).map_err(|_| Refused)?;
    let length: usize = text.trim().parse().map_err(|_| Refused)?;
    // The bound keeps the sum with the head's length from overflowing.
    if length > 1 << 20 {
        return Err(Refused);
    }
    Ok(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PUBLISH: &[u8] = b"POST /rooms/a/messages HTTP/1.1\r\nContent-Length: 27\r\n\r\n\
        {\"name\":\"n\",\"message\":\"m\"}\nGET";

    #[test]
    fn the_length_of_a_publish_request_covers_its_head_and_its_body() {
        let request = parse(PUBLISH).expect("supported").expect("complete");
        let draft = Draft {
            name: "n",
            message: "m",
        };
        assert_eq!((request.room, request.kind), ("a", Kind::Publish(draft)));
        assert_eq!(request.length, PUBLISH.len() - 3);
    }

    #[test]
    fn an_incomplete_request_is_none_at_any_length() {
        for length in 0..PUBLISH.len() - 3 {
            assert_eq!(parse(&PUBLISH[..length]), Ok(None), "{length} bytes");
        }
    }

    #[test]
    fn an_unsupported_request_is_refused() {
        assert_eq!(parse(b"GET / HTTP/1.1\r\n\r\n"), Err(Refused));
        assert_eq!(parse(b"PUT /rooms/a/events HTTP/1.1\r\n\r\n"), Err(Refused));
    }
}
