//! An incremental parser of HTTP/1.1 responses that neither keeps nor copies the
//! body: the head with httparse, then the body by length, by chunks, or until the
//! connection ends (RFC 9112, sections 6 and 7).
//!
//! One thread reads thousands of streams, so this is no full client; that is
//! `sse-chat-client`.

use std::fmt;

/// A head larger than this is refused.
const MAX_HEAD_BYTES: usize = 16 * 1024;
const MAX_HEADERS: usize = 64;

/// The parser of one response.
#[derive(Debug)]
pub(crate) struct Response {
    state: ReadState,
    /// The bytes of a head that is incomplete.
    head: Vec<u8>,
}

#[derive(Debug, Clone, Copy)]
enum ReadState {
    ResponseHead,
    Length(u64),
    UntilClose,
    Chunk(ChunkState),
    Done,
}

/// The position within the chunked coding.
#[derive(Debug, Clone, Copy)]
enum ChunkState {
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

/// The fields of a head that matter here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ResponseHead {
    /// The status code.
    pub(crate) status: u16,
    /// Whether the content type is `text/event-stream`.
    pub(crate) event_stream: bool,
    /// Whether another request may follow on the same connection.
    pub(crate) keep_alive: bool,
}

/// A part of a response.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ResponsePart<'a> {
    /// The head.
    Head(ResponseHead),
    /// A piece of the body.
    Body(&'a [u8]),
    /// The body is complete.
    End,
    /// The input is used up, and the response is incomplete.
    Wait,
}

/// The bytes are not an HTTP/1.1 response, for this reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotHttp(&'static str);

impl fmt::Display for NotHttp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the answer is not HTTP/1.1: {}", self.0)
    }
}

impl Response {
    /// A parser at the start of a response.
    pub(crate) fn new() -> Self {
        Self {
            state: ReadState::ResponseHead,
            head: Vec::new(),
        }
    }

    /// Takes the next part from the front of `input`.
    ///
    /// # Errors
    ///
    /// [`NotHttp`] when the bytes are no response. It must not be called again.
    pub(crate) fn next<'a>(&mut self, input: &mut &'a [u8]) -> Result<ResponsePart<'a>, NotHttp> {
        loop {
            match self.state {
                ReadState::ResponseHead => {
                    if let Some(part) = self.take_head(input)? {
                        return Ok(part);
                    }
                }
                ReadState::Done | ReadState::Length(0) => {
                    self.state = ReadState::Done;
                    return Ok(ResponsePart::End);
                }
                _ if input.is_empty() => return Ok(ResponsePart::Wait),
                ReadState::UntilClose => return Ok(ResponsePart::Body(std::mem::take(input))),
                ReadState::Length(left) => {
                    let (body, left) = split(input, left);
                    self.state = ReadState::Length(left);
                    return Ok(ResponsePart::Body(body));
                }
                ReadState::Chunk(ChunkState::Data { left }) => {
                    let (body, left) = split(input, left);
                    self.state = ReadState::Chunk(match left {
                        0 => ChunkState::AfterData,
                        left => ChunkState::Data { left },
                    });
                    return Ok(ResponsePart::Body(body));
                }
                ReadState::Chunk(chunk) => self.state = chunk.take(input)?,
            }
        }
    }

    /// Whether the end of the connection completes the body.
    pub(crate) fn ends_with_its_connection(&self) -> bool {
        matches!(self.state, ReadState::UntilClose)
    }

    /// None after the head of an interim response.
    fn take_head<'a>(&mut self, input: &mut &'a [u8]) -> Result<Option<ResponsePart<'a>>, NotHttp> {
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
                return Ok(Some(ResponsePart::Wait));
            }
        };
        let status = response.code.unwrap_or_default();
        let (head, state) = read_headers(status, response.version, response.headers)?;
        *input = &input[length - before..];
        // Thousands of subscribers should not keep their heads.
        self.head = Vec::new();
        if status < 200 {
            // An interim response, before the final one.
            return Ok(None);
        }
        self.state = state;
        Ok(Some(ResponsePart::Head(head)))
    }
}

fn read_headers(
    status: u16,
    version: Option<u8>,
    headers: &[httparse::Header<'_>],
) -> Result<(ResponseHead, ReadState), NotHttp> {
    let mut head = ResponseHead {
        status,
        event_stream: false,
        keep_alive: version == Some(1),
    };
    let mut state = ReadState::UntilClose;
    for header in headers {
        let value = header.value;
        if header.name.eq_ignore_ascii_case("content-type") {
            head.event_stream = starts_with(value, b"text/event-stream");
        } else if header.name.eq_ignore_ascii_case("connection") {
            head.keep_alive &= !starts_with(value, b"close");
        } else if header.name.eq_ignore_ascii_case("transfer-encoding") {
            state = ReadState::Chunk(ChunkState::size());
        } else if header.name.eq_ignore_ascii_case("content-length")
            && matches!(state, ReadState::UntilClose)
        {
            state = ReadState::Length(length(value)?);
        }
    }
    if status == 204 || status == 304 {
        state = ReadState::Length(0);
    }
    head.keep_alive &= !matches!(state, ReadState::UntilClose);
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

/// Takes at most `left` bytes from the front, and returns how many are left then.
fn split<'a>(input: &mut &'a [u8], left: u64) -> (&'a [u8], u64) {
    let take = usize::try_from(left).map_or(input.len(), |left| left.min(input.len()));
    let (body, rest) = input.split_at(take);
    *input = rest;
    (body, left - take as u64)
}

impl ChunkState {
    fn size() -> Self {
        Self::Size { size: 0, digits: 0 }
    }

    /// Takes one byte of the coding.
    fn take(self, input: &mut &[u8]) -> Result<ReadState, NotHttp> {
        let Some((&byte, rest)) = input.split_first() else {
            return Ok(ReadState::Chunk(self));
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
            (Self::Trailer { empty: true }, b'\n') => return Ok(ReadState::Done),
            (Self::Trailer { .. }, byte) => Self::Trailer {
                empty: byte == b'\n',
            },
            _ => return Err(NotHttp("its chunks are malformed")),
        };
        Ok(ReadState::Chunk(next))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Parses `bytes` in pieces of `size`: the head, the body, whether it ended.
    fn read(bytes: &[u8], size: usize) -> Result<(Option<ResponseHead>, Vec<u8>, bool), NotHttp> {
        let mut response = Response::new();
        let (mut head, mut body) = (None, Vec::new());
        for mut piece in bytes.chunks(size) {
            loop {
                match response.next(&mut piece)? {
                    ResponsePart::Head(found) => head = Some(found),
                    ResponsePart::Body(part) => body.extend_from_slice(part),
                    ResponsePart::End => {
                        assert!(piece.is_empty(), "nothing was left over");
                        return Ok((head, body, true));
                    }
                    ResponsePart::Wait => break,
                }
            }
        }
        // An empty body ends without another byte.
        let ended = response.next(&mut &[][..])? == ResponsePart::End;
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
    fn the_head_gives_the_type_and_whether_the_connection_stays() {
        let stream = b"HTTP/1.1 200 OK\r\nContent-Type: Text/Event-Stream; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n";
        let head = ResponseHead {
            status: 200,
            event_stream: true,
            keep_alive: true,
        };
        assert_eq!(read(stream, 9).unwrap().0, Some(head));
        let closing = b"HTTP/1.1 503 No\r\nConnection: close\r\nContent-Length: 1\r\n\r\n";
        let head = ResponseHead {
            status: 503,
            event_stream: false,
            keep_alive: false,
        };
        assert_eq!(read(closing, 9).unwrap().0, Some(head));
    }

    #[test]
    fn bytes_that_are_no_response_are_an_error_with_a_reason() {
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
    fn any_number_of_interim_responses_is_skipped() {
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
