//! Decodes an event stream piece by piece, as the HTML standard defines it
//! (sections 9.2.5 and 9.2.6): one byte order mark, lines that end in LF, CR or
//! CRLF, ids without NUL, `retry` in digits, events ended by an empty line.
//!
//! It allocates nothing per event once its buffers have grown. Its memory is
//! bounded: a line or an event over the limit is an error.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

/// The default limit of an event, in bytes. The largest message that a server can
/// be configured for fits: 1 MiB of text, and JSON with every character escaped
/// is twice as long.
pub const DEFAULT_MAX_EVENT_BYTES: usize = (2 << 20) + 64 * 1024;

const BOM: &[u8] = b"\xEF\xBB\xBF";

/// An item of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item<'a> {
    /// A whole event.
    Event(Decoded<'a>),
    /// The time after which the server wants the client to reconnect.
    Retry(Duration),
    /// A comment: a line that starts with a colon, without the colon.
    Comment(Cow<'a, str>),
}

/// A decoded event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoded<'a> {
    /// Its name; `message` if it has none.
    pub event: Cow<'a, str>,
    /// The `data` lines, joined by LF.
    pub data: Cow<'a, str>,
    /// The last event id: that of this event, or if it has none, the one before.
    pub id: Cow<'a, str>,
}

/// A line or an event is over the decoder's limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLong {
    /// The limit, in bytes.
    pub limit: usize,
}

impl fmt::Display for TooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an event is longer than {} bytes", self.limit)
    }
}

impl std::error::Error for TooLong {}

/// An incremental decoder. It takes the body in pieces of any size.
///
/// ```
/// use sse_chat_client::sse::{Decoder, Item};
///
/// let mut seen = Vec::new();
/// let mut decoder = Decoder::default();
/// for piece in ["event: upd", "ate\ndata: a\r", "\ndata: b\n\n"] {
///     decoder.feed(piece.as_bytes(), |item| {
///         if let Item::Event(event) = item {
///             seen.push((event.event.into_owned(), event.data.into_owned()));
///         }
///     })?;
/// }
/// assert_eq!(seen, [("update".to_owned(), "a\nb".to_owned())]);
/// # Ok::<(), sse_chat_client::sse::TooLong>(())
/// ```
#[derive(Debug)]
pub struct Decoder {
    limit: usize,
    /// The start of an incomplete line.
    line: Vec<u8>,
    /// The last byte was a CR: an LF right after it belongs to the same line end.
    after_cr: bool,
    /// No line is complete yet, so a byte order mark may follow.
    at_start: bool,
    event: Vec<u8>,
    /// Each data line with an LF, so that `data:` alone differs from no data.
    data: Vec<u8>,
    /// The last `id` field. It persists over events.
    id: Vec<u8>,
    /// The id as of the last empty line: a reconnect sends it.
    last_event_id: Vec<u8>,
}

impl Default for Decoder {
    fn default() -> Self {
        Self::with_limit(DEFAULT_MAX_EVENT_BYTES)
    }
}

impl Decoder {
    /// A decoder at the start of a stream, for events of at most `limit` bytes.
    pub fn with_limit(limit: usize) -> Self {
        Self {
            limit,
            line: Vec::new(),
            after_cr: false,
            at_start: true,
            event: Vec::new(),
            data: Vec::new(),
            id: Vec::new(),
            last_event_id: Vec::new(),
        }
    }

    /// The id that a reconnect sends as `Last-Event-ID`; empty for none.
    pub fn last_event_id(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.last_event_id)
    }

    /// Decodes the next piece and passes the items that it completes to `each`.
    ///
    /// # Errors
    ///
    /// [`TooLong`] if a line or an event is over the limit. The decoder must not be
    /// used after that.
    pub fn feed(
        &mut self,
        mut piece: &[u8],
        mut each: impl FnMut(Item<'_>),
    ) -> Result<(), TooLong> {
        loop {
            if self.after_cr && !piece.is_empty() {
                self.after_cr = false;
                piece = piece.strip_prefix(b"\n").unwrap_or(piece);
            }
            let Some(end) = memchr::memchr2(b'\n', b'\r', piece) else {
                return self.store(piece);
            };
            self.end_line(&piece[..end], &mut each)?;
            self.after_cr = piece[end] == b'\r';
            piece = &piece[end + 1..];
        }
    }

    /// Stores the start of an incomplete line.
    fn store(&mut self, piece: &[u8]) -> Result<(), TooLong> {
        self.check(self.line.len() + piece.len())?;
        self.line.extend_from_slice(piece);
        Ok(())
    }

    fn check(&self, bytes: usize) -> Result<(), TooLong> {
        if bytes > self.limit {
            return Err(TooLong { limit: self.limit });
        }
        Ok(())
    }

    /// Decodes a complete line: its stored start, then `tail`.
    fn end_line(&mut self, tail: &[u8], each: &mut impl FnMut(Item<'_>)) -> Result<(), TooLong> {
        self.check(self.line.len() + tail.len())?;
        if self.line.is_empty() {
            return self.decode_line(tail, each);
        }
        let mut line = std::mem::take(&mut self.line);
        line.extend_from_slice(tail);
        let decoded = self.decode_line(&line, each);
        line.clear();
        self.line = line;
        decoded
    }

    fn decode_line(&mut self, line: &[u8], each: &mut impl FnMut(Item<'_>)) -> Result<(), TooLong> {
        let line = match std::mem::take(&mut self.at_start) {
            true => line.strip_prefix(BOM).unwrap_or(line),
            false => line,
        };
        if line.is_empty() {
            self.dispatch(each);
            return Ok(());
        }
        let (name, value) = match memchr::memchr(b':', line) {
            Some(0) => {
                each(Item::Comment(String::from_utf8_lossy(&line[1..])));
                return Ok(());
            }
            Some(colon) => (&line[..colon], &line[colon + 1..]),
            None => (line, &b""[..]),
        };
        self.decode_field(name, value.strip_prefix(b" ").unwrap_or(value), each)
    }

    fn decode_field(
        &mut self,
        name: &[u8],
        value: &[u8],
        each: &mut impl FnMut(Item<'_>),
    ) -> Result<(), TooLong> {
        match name {
            b"data" => {
                self.check(self.data.len() + value.len() + 1)?;
                self.data.extend_from_slice(value);
                self.data.push(b'\n');
            }
            b"event" => value.clone_into(&mut self.event),
            b"id" if !value.contains(&0) => value.clone_into(&mut self.id),
            b"retry" => {
                if let Some(wait) = digits(value) {
                    each(Item::Retry(Duration::from_millis(wait)));
                }
            }
            // Unknown fields are ignored, as the standard says.
            _ => {}
        }
        Ok(())
    }

    /// The empty line: the id takes effect, and an event with data is passed on.
    fn dispatch(&mut self, each: &mut impl FnMut(Item<'_>)) {
        self.id.clone_into(&mut self.last_event_id);
        if let Some((_last_line_feed, data)) = self.data.split_last() {
            let event = match self.event.is_empty() {
                true => Cow::Borrowed("message"),
                false => String::from_utf8_lossy(&self.event),
            };
            each(Item::Event(Decoded {
                event,
                data: String::from_utf8_lossy(data),
                id: String::from_utf8_lossy(&self.last_event_id),
            }));
        }
        self.data.clear();
        self.event.clear();
    }
}

/// A number of ASCII digits only; it saturates at `u64::MAX`.
fn digits(value: &[u8]) -> Option<u64> {
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let digits = std::str::from_utf8(value).ok()?;
    Some(digits.parse().unwrap_or(u64::MAX))
}

#[cfg(any(feature = "properties", test))]
pub(crate) mod properties;
#[cfg(test)]
mod tests;
