//! Reads an HTTP/1.1 response as it comes, without keeping or copying its body:
//! the head with httparse, then the body by its length, by chunks, or until the
//! connection ends (RFC 9112, sections 6 and 7).
//!
//! The benchmark reads a million responses' worth of bytes on one thread, so
//! this is no client library's job: see `client/` for the comfortable way.

use std::fmt;

/// A head larger than this is refused.
const MAX_HEAD_BYTES: usize = 16 * 1024;
const MAX_HEADERS: usize = 64;

/// A response that is being read.
#[derive(Debug)]
pub(super) struct Response {
    state: State,
    /// The head as far as it has come.
    head: Vec<u8>,
}

#[derive(Debug, Clone, Copy)]
enum State {
    Head,
    Length(u64),
    UntilClose,
    Chunk(Chunk),
    Done,
}

/// Where in the chunked coding it is.
#[derive(Debug, Clone, Copy)]
enum Chunk {
    /// In the digits of a size, `digits` of them so far.
    Size { size: u64, digits: u8 },
    /// After the digits, before the line's end.
    Extension { size: u64 },
    /// In the data.
    Data { left: u64 },
    /// In the line's end after the data.
    AfterData,
    /// In the lines after the last chunk; `empty` while the line has no byte.
    Trailer { empty: bool },
}

/// What of a response matters to the benchmark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    /// The status code.
    pub(super) status: u16,
    /// Whether the content type is `text/event-stream`.
    pub(super) event_stream: bool,
    /// Whether another request may follow on the same connection.
    pub(super) keep_alive: bool,
}

/// The next thing of a response.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Part<'a> {
    /// The head is whole.
    Head(Head),
    /// A piece of the body.
    Body(&'a [u8]),
    /// The body is whole.
    End,
    /// The input is used up and there is more to come.
    Wait,
}

/// What came is no HTTP/1.1 response; why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NotHttp(&'static str);

impl fmt::Display for NotHttp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the answer is not HTTP/1.1: {}", self.0)
    }
}

impl Response {
    /// At the start of a response.
    pub(super) fn new() -> Self {
        Self {
            state: State::Head,
            head: Vec::new(),
        }
    }

    /// Takes the next part off the front of `input`.
    ///
    /// # Errors
    ///
    /// [`NotHttp`] when the bytes are no response. It must not be read further.
    pub(super) fn next<'a>(&mut self, input: &mut &'a [u8]) -> Result<Part<'a>, NotHttp> {
        loop {
            match self.state {
                State::Head => {
                    if let Some(part) = self.take_head(input)? {
                        return Ok(part);
                    }
                }
                State::Done | State::Length(0) => {
                    self.state = State::Done;
                    return Ok(Part::End);
                }
                _ if input.is_empty() => return Ok(Part::Wait),
                State::UntilClose => return Ok(Part::Body(std::mem::take(input))),
                State::Length(left) => {
                    let (body, left) = split(input, left);
                    self.state = State::Length(left);
                    return Ok(Part::Body(body));
                }
                State::Chunk(Chunk::Data { left }) => {
                    let (body, left) = split(input, left);
                    self.state = State::Chunk(match left {
                        0 => Chunk::AfterData,
                        left => Chunk::Data { left },
                    });
                    return Ok(Part::Body(body));
                }
                State::Chunk(chunk) => self.state = chunk.take(input)?,
            }
        }
    }

    /// Whether its body is whole when the connection ends.
    pub(super) fn ends_with_its_connection(&self) -> bool {
        matches!(self.state, State::UntilClose)
    }

    /// None after a head that only comes before the response itself.
    fn take_head<'a>(&mut self, input: &mut &'a [u8]) -> Result<Option<Part<'a>>, NotHttp> {
        let before = self.head.len();
        self.head.extend_from_slice(input);
        let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut response = httparse::Response::new(&mut headers);
        let parsed = response.parse(&self.head);
        let length = match parsed.map_err(|_| NotHttp("its head is malformed"))? {
            httparse::Status::Complete(length) => length,
            httparse::Status::Partial if self.head.len() > MAX_HEAD_BYTES => {
                return Err(NotHttp("its head is too large"));
            }
            httparse::Status::Partial => {
                *input = &[];
                return Ok(Some(Part::Wait));
            }
        };
        let status = response.code.unwrap_or_default();
        let (head, state) = read_headers(status, response.version, response.headers)?;
        *input = &input[length - before..];
        // A thousand subscribers keep no heads.
        self.head = Vec::new();
        if status < 200 {
            // 100 to 199 come before the response itself.
            return Ok(None);
        }
        self.state = state;
        Ok(Some(Part::Head(head)))
    }
}

fn read_headers(
    status: u16,
    version: Option<u8>,
    headers: &[httparse::Header<'_>],
) -> Result<(Head, State), NotHttp> {
    let mut head = Head {
        status,
        event_stream: false,
        keep_alive: version == Some(1),
    };
    let mut state = State::UntilClose;
    for header in headers {
        let value = header.value;
        if header.name.eq_ignore_ascii_case("content-type") {
            head.event_stream = starts_with(value, b"text/event-stream");
        } else if header.name.eq_ignore_ascii_case("connection") {
            head.keep_alive &= !starts_with(value, b"close");
        } else if header.name.eq_ignore_ascii_case("transfer-encoding") {
            state = State::Chunk(Chunk::size());
        } else if header.name.eq_ignore_ascii_case("content-length")
            && matches!(state, State::UntilClose)
        {
            state = State::Length(length(value)?);
        }
    }
    if status == 204 || status == 304 {
        state = State::Length(0);
    }
    head.keep_alive &= !matches!(state, State::UntilClose);
    Ok((head, state))
}

fn starts_with(value: &[u8], word: &[u8]) -> bool {
    value
        .get(..word.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(word))
}

fn length(value: &[u8]) -> Result<u64, NotHttp> {
    let digits = std::str::from_utf8(value).ok();
    digits
        .and_then(|digits| digits.trim().parse().ok())
        .ok_or(NotHttp("its content-length is no number"))
}

/// At most `left` bytes off the front, and how many are left then.
fn split<'a>(input: &mut &'a [u8], left: u64) -> (&'a [u8], u64) {
    let take = usize::try_from(left).map_or(input.len(), |left| left.min(input.len()));
    let (body, rest) = input.split_at(take);
    *input = rest;
    (body, left - take as u64)
}

impl Chunk {
    fn size() -> Self {
        Self::Size { size: 0, digits: 0 }
    }

    /// Takes one byte of the coding itself.
    fn take(self, input: &mut &[u8]) -> Result<State, NotHttp> {
        let Some((&byte, rest)) = input.split_first() else {
            return Ok(State::Chunk(self));
        };
        *input = rest;
        let next = match (self, byte) {
            (Self::Size { digits: 1.., size }, b'\n') | (Self::Extension { size }, b'\n') => {
                match size {
                    0 => Self::Trailer { empty: true },
                    left => Self::Data { left },
                }
            }
            (Self::Size { digits: 1.., size }, b'\r' | b';' | b' ' | b'\t') => {
                Self::Extension { size }
            }
            (
                Self::Size {
                    size,
                    digits: digits @ 0..16,
                },
                byte,
            ) => {
                let digit = char::from(byte).to_digit(16);
                let digit = digit.ok_or(NotHttp("a chunk's size is no number"))?;
                Self::Size {
                    size: size << 4 | u64::from(digit),
                    digits: digits + 1,
                }
            }
            (Self::Extension { .. }, _) => self,
            (Self::AfterData, b'\r') => self,
            (Self::AfterData, b'\n') => Self::size(),
            (Self::Trailer { .. }, b'\r') => self,
            (Self::Trailer { empty: true }, b'\n') => return Ok(State::Done),
            (Self::Trailer { .. }, byte) => Self::Trailer {
                empty: byte == b'\n',
            },
            _ => return Err(NotHttp("its chunks are malformed")),
        };
        Ok(State::Chunk(next))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads `bytes` in pieces of `size`; what the head was, the body, whether
    /// it ended, and what was left of the input.
    fn read(bytes: &[u8], size: usize) -> Result<(Option<Head>, Vec<u8>, bool), NotHttp> {
        let mut response = Response::new();
        let (mut head, mut body) = (None, Vec::new());
        for mut piece in bytes.chunks(size) {
            loop {
                match response.next(&mut piece)? {
                    Part::Head(found) => head = Some(found),
                    Part::Body(part) => body.extend_from_slice(part),
                    Part::End => {
                        assert!(piece.is_empty(), "nothing was left over");
                        return Ok((head, body, true));
                    }
                    Part::Wait => break,
                }
            }
        }
        // A body of length 0 ends without another byte.
        let ended = response.next(&mut &[][..])? == Part::End;
        Ok((head, body, ended))
    }

    #[test]
    fn bodies_are_read_by_length_by_chunks_and_until_the_end() {
        for (text, body, ended) in [
            (
                "HTTP/1.1 201 Created\r\nContent-Length: 5\r\n\r\nhello",
                "hello",
                true,
            ),
            (
                "HTTP/1.1 201 Created\r\ncontent-length: 0\r\n\r\n",
                "",
                true,
            ),
            ("HTTP/1.1 204 No Content\r\n\r\n", "", true),
            ("HTTP/1.1 200 OK\r\n\r\nhello", "hello", false),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n002;x=y\r\nlo\r\n",
                "hello",
                false,
            ),
            (
                "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nA\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n",
                "0123456789",
                true,
            ),
        ] {
            for size in [1, 2, 7, 1000] {
                let (head, found, end) = read(text.as_bytes(), size).unwrap();
                assert!(head.is_some(), "{text:?}");
                assert_eq!(
                    String::from_utf8(found).unwrap(),
                    body,
                    "{text:?} by {size}"
                );
                assert_eq!(end, ended, "{text:?} by {size}");
            }
        }
    }

    #[test]
    fn the_head_says_what_follows() {
        let stream = b"HTTP/1.1 200 OK\r\nContent-Type: Text/Event-Stream; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n";
        let head = Head {
            status: 200,
            event_stream: true,
            keep_alive: true,
        };
        assert_eq!(read(stream, 9).unwrap().0, Some(head));
        let closing = b"HTTP/1.1 503 No\r\nConnection: close\r\nContent-Length: 1\r\n\r\n";
        let head = Head {
            status: 503,
            event_stream: false,
            keep_alive: false,
        };
        assert_eq!(read(closing, 9).unwrap().0, Some(head));
    }

    #[test]
    fn what_is_no_response_says_why() {
        let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        for text in [
            "SSH-2.0-OpenSSH_9.2\r\n".to_owned(),
            "HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n".to_owned(),
            format!("{chunked}x\r\n"),
            format!("{chunked}\r\n"),
            format!("{chunked}1\r\nabc"),
            format!("HTTP/1.1 200 OK\r\nX: {}", "x".repeat(MAX_HEAD_BYTES)),
        ] {
            let error = read(text.as_bytes(), 4096).unwrap_err();
            assert!(error.to_string().contains("not HTTP"), "{text:.60}");
        }
    }

    #[test]
    fn any_number_of_heads_before_the_response_is_read() {
        let mut text = "HTTP/1.1 100 Continue\r\n\r\n".repeat(20_000);
        text.push_str("HTTP/1.1 204 No Content\r\n\r\n");
        let (head, _, ended) = read(text.as_bytes(), text.len()).unwrap();
        assert_eq!((head.map(|head| head.status), ended), (Some(204), true));
    }

    #[test]
    fn a_chunk_s_size_has_sixteen_digits_at_most() {
        let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        let text = format!("{head}{}\r\n", "0".repeat(17));
        assert!(read(text.as_bytes(), 9).is_err());
    }
}
