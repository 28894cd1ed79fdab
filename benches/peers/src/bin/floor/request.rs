//! The requests that the floor knows: bytes in, a request out. Anything else is
//! refused by the caller, who ends the connection.

use std::ops::Range;

use serde::Deserialize;

/// The most headers of a request.
const MAX_HEADERS: usize = 32;

/// What a client asks for, and where it asks for it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Request<'a> {
    pub(crate) room: &'a str,
    pub(crate) kind: Kind<'a>,
    /// How many bytes of the input it took.
    pub(crate) length: usize,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Kind<'a> {
    Subscribe,
    Publish(Draft<'a>),
}

/// What somebody wants to say. Borrowed: a text with an escape in it is refused.
#[derive(Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Draft<'a> {
    pub(crate) name: &'a str,
    pub(crate) message: &'a str,
}

/// It is no request, or none that the floor knows.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refused;

/// The first request of `input`; none when it is not whole yet.
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
    known(head.method.ok_or(Refused)?, path, input, body).map(Some)
}

fn known<'a>(
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
    // A bound, so that adding it to the head's length can't overflow.
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
    fn a_publish_takes_its_head_and_its_body_and_no_more() {
        let request = parse(PUBLISH).expect("known").expect("whole");
        let draft = Draft {
            name: "n",
            message: "m",
        };
        assert_eq!((request.room, request.kind), ("a", Kind::Publish(draft)));
        assert_eq!(request.length, PUBLISH.len() - 3);
    }

    #[test]
    fn a_request_that_is_cut_short_anywhere_is_waited_for() {
        for length in 0..PUBLISH.len() - 3 {
            assert_eq!(parse(&PUBLISH[..length]), Ok(None), "{length} bytes");
        }
    }

    #[test]
    fn what_is_not_known_is_refused() {
        assert_eq!(parse(b"GET / HTTP/1.1\r\n\r\n"), Err(Refused));
        assert_eq!(parse(b"PUT /rooms/a/events HTTP/1.1\r\n\r\n"), Err(Refused));
    }
}
