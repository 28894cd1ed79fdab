//! Encodes events as the HTML standard defines them (section 9.2.6, "Interpreting
//! an event stream").
//!
//! Fields are written in the order of the calls. `data` is one line of compact JSON,
//! whose control characters are escaped, or a text with a `data` line for each of
//! its lines. So no payload can end a line and forge a field.

use std::fmt::{self, Display};
use std::io::Write as _;
use std::ops::Range;
use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;

/// The space for the head of a chunk: a size of at most eight digits, and CRLF.
const CHUNK_HEAD_BYTES: usize = 8 + CRLF.len();
const CRLF: &[u8] = b"\r\n";

/// The end of a chunked body (RFC 9112, section 7.1).
pub const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// A builder of one event.
///
/// ```
/// let event = sse_chat_client::sse::Event::with_capacity(64)
///     .id("e-1")
///     .event("update")
///     .json(&"hello\nworld");
/// assert_eq!(event.text(), "id: e-1\nevent: update\ndata: \"hello\\nworld\"\n\n");
/// ```
#[derive(Debug)]
pub struct Event {
    /// The text, after space for the head of its chunk.
    bytes: Vec<u8>,
}

/// An event as it goes over the wire: encoded once, shared by every reader.
///
/// It is stored as a chunk of HTTP/1.1's chunked coding (RFC 9112, section 7.1),
/// so that it can be written to a socket as it is. The text alone, for other
/// transports, is a slice of it. A clone increments a reference count.
#[derive(Clone, PartialEq, Eq)]
pub struct Encoded {
    chunk: Bytes,
    /// Where in `chunk` the text begins; it ends before the last CRLF.
    text_at: usize,
}

impl Encoded {
    /// An event that is known when the program is compiled, as its whole chunk.
    pub(crate) fn from_static(chunk: &'static [u8]) -> Self {
        let head = memchr::memchr(b'\n', chunk).expect("a chunk begins with its size and CRLF");
        Self {
            chunk: Bytes::from_static(chunk),
            text_at: head + 1,
        }
    }

    /// The event as a chunk: its size, CRLF, the text, CRLF.
    pub fn chunk(&self) -> &Bytes {
        &self.chunk
    }

    /// The event's text: a slice of the chunk, not a copy.
    pub fn text(&self) -> Bytes {
        self.slice(0..self.text_len())
    }

    /// A part of the event's text.
    pub fn slice(&self, part: Range<usize>) -> Bytes {
        self.chunk
            .slice(self.text_at + part.start..self.text_at + part.end)
    }

    /// A part of the event's text, borrowed.
    pub fn text_part(&self, part: Range<usize>) -> &[u8] {
        &self.chunk[self.text_at + part.start..self.text_at + part.end]
    }

    /// The length of the text in bytes.
    pub fn text_len(&self) -> usize {
        self.chunk.len() - self.text_at - CRLF.len()
    }
}

impl fmt::Debug for Encoded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Encoded({:?})", self.text())
    }
}

impl Event {
    /// An event without fields, with space for `bytes` bytes.
    pub fn with_capacity(bytes: usize) -> Self {
        let mut room = Vec::with_capacity(CHUNK_HEAD_BYTES + bytes + CRLF.len());
        room.resize(CHUNK_HEAD_BYTES, 0);
        Self { bytes: room }
    }

    /// `retry`: the time after which a client reconnects, in milliseconds.
    pub fn retry(self, wait: Duration) -> Self {
        self.field("retry", wait.as_millis())
    }

    /// `event`: the event's name. It must have no line break; names of the protocol
    /// have none.
    pub fn event(self, name: &str) -> Self {
        self.field("event", name)
    }

    /// `id`: the cursor that a client continues from after this event. It must
    /// have no line break; ids of the server have none.
    pub fn id(self, id: impl Display) -> Self {
        self.field("id", id)
    }

    /// `data`: `value` as one line of JSON, and the end of the event.
    ///
    /// # Panics
    ///
    /// If `value` has no JSON form, such as a map whose keys are not strings. The
    /// types of this crate have one.
    pub fn json(mut self, value: &impl Serialize) -> Encoded {
        self.bytes.extend_from_slice(b"data: ");
        serde_json::to_writer(&mut self.bytes, value).expect("the value has a JSON form");
        self.bytes.extend_from_slice(b"\n\n");
        self.close_chunk()
    }

    /// `data`: a text, with a `data` line for each of its lines, and the end of the
    /// event. A client gets the text with LF as its only line end.
    pub fn text(mut self, text: &str) -> Encoded {
        for line in Lines(Some(text)) {
            self.bytes.extend_from_slice(b"data: ");
            self.bytes.extend_from_slice(line.as_bytes());
            self.bytes.push(b'\n');
        }
        self.bytes.push(b'\n');
        self.close_chunk()
    }

    /// Writes the text's size, known only now, right before it.
    fn close_chunk(mut self) -> Encoded {
        let mut size = self.bytes.len() - CHUNK_HEAD_BYTES;
        let mut start = CHUNK_HEAD_BYTES - CRLF.len();
        self.bytes[start..CHUNK_HEAD_BYTES].copy_from_slice(CRLF);
        while size > 0 {
            start = start.checked_sub(1).expect("an event is under 4 GiB");
            self.bytes[start] = b"0123456789abcdef"[size % 16];
            size /= 16;
        }
        self.bytes.extend_from_slice(CRLF);
        // History keeps thousands of events: drop the spare capacity.
        let bytes = Bytes::from(self.bytes.into_boxed_slice());
        Encoded {
            chunk: bytes.slice(start..),
            text_at: CHUNK_HEAD_BYTES - start,
        }
    }

    fn field(mut self, name: &str, value: impl Display) -> Self {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(name.as_bytes());
        self.bytes.extend_from_slice(b": ");
        writeln!(self.bytes, "{value}").expect("a Vec takes every byte");
        debug_assert!(
            !self.bytes[start..self.bytes.len() - 1].contains(&b'\n'),
            "a field is one line"
        );
        self
    }
}

/// The lines of a text, ended by CRLF, LF or CR: at least one.
struct Lines<'a>(Option<&'a str>);

impl<'a> Iterator for Lines<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let text = self.0?;
        let Some(end) = memchr::memchr2(b'\n', b'\r', text.as_bytes()) else {
            return self.0.take();
        };
        let rest = &text[end..];
        self.0 = rest.strip_prefix("\r\n").or_else(|| rest.get(1..));
        Some(&text[..end])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_in_the_order_of_the_calls() {
        let event = Event::with_capacity(0)
            .retry(Duration::from_millis(2500))
            .event("hello")
            .id("e-0")
            .json(&serde_json::json!({"a": 1}));
        assert_eq!(
            event.text(),
            "retry: 2500\nevent: hello\nid: e-0\ndata: {\"a\":1}\n\n"
        );
    }

    #[test]
    fn no_text_can_end_the_line_it_stands_in() {
        let evil = "x\r\n\r\nevent: y\rdata: z\n\u{2028}\0";
        let event = Event::with_capacity(0).event("update").json(&evil);
        let text = event.text();
        let text = std::str::from_utf8(&text).unwrap();
        assert_eq!(text.matches('\n').count(), 3, "{text:?}");
        assert!(!text.contains('\r'));
    }

    #[test]
    fn each_line_of_a_text_is_a_data_line() {
        for (text, lines) in [
            ("", "data: \n"),
            ("a", "data: a\n"),
            (" a", "data:  a\n"),
            ("a\n", "data: a\ndata: \n"),
            (
                "a\r\nb\rc\n\nd",
                "data: a\ndata: b\ndata: c\ndata: \ndata: d\n",
            ),
            ("\r\r\n", "data: \ndata: \ndata: \n"),
            (
                "x\n\nevent: bye\rid: 7",
                "data: x\ndata: \ndata: event: bye\ndata: id: 7\n",
            ),
        ] {
            let event = Event::with_capacity(0).event("news").text(text);
            assert_eq!(event.text(), format!("event: news\n{lines}\n"), "{text:?}");
        }
    }

    #[test]
    fn a_chunk_is_its_size_and_its_text() {
        for length in [0, 1, 100, 5000, 70_000] {
            let event = Event::with_capacity(0)
                .event("update")
                .json(&"x".repeat(length));
            let text = event.text();
            let size = format!("{:x}\r\n", text.len());
            assert_eq!(*event.chunk(), [size.as_bytes(), &text, b"\r\n"].concat());
            assert_eq!(event.text_len(), text.len());
        }
    }
}
