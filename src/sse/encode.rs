//! Writes events as the HTML standard reads them (section 9.2.6, "Interpreting
//! an event stream").
//!
//! A field is written in the order of the calls. `data` is always a single
//! line: compact JSON, whose control characters are escaped, or nothing. So no
//! text that somebody says can end a line and forge a field.

use std::fmt::Display;
use std::io::Write as _;
use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;

/// The `ping` event, the same for every reader. It has a name, because scripts
/// can't see comments, and no id, because it does not move the cursor.
pub const PING: &[u8] = b"event: ping\ndata:\n\n";

/// One event being written.
///
/// ```
/// let bytes = sse_chat::sse::Event::with_capacity(64)
///     .id("e-1")
///     .event("update")
///     .json(&"hello\nworld");
/// assert_eq!(bytes, "id: e-1\nevent: update\ndata: \"hello\\nworld\"\n\n");
/// ```
#[derive(Debug)]
pub struct Event {
    text: Vec<u8>,
}

impl Event {
    /// An event without a field yet, with room for `bytes` bytes.
    pub fn with_capacity(bytes: usize) -> Self {
        Self {
            text: Vec::with_capacity(bytes),
        }
    }

    /// `retry`: how long a client waits before it comes back, in milliseconds.
    pub fn retry(self, wait: Duration) -> Self {
        self.field("retry", wait.as_millis())
    }

    /// `event`: the event's name. One of the server's own words.
    pub fn event(self, name: &'static str) -> Self {
        self.field("event", name)
    }

    /// `id`: the cursor from which a client goes on after this event. The
    /// caller gives an id made by the server, so it holds no line break.
    pub fn id(self, id: impl Display) -> Self {
        self.field("id", id)
    }

    /// `data`: `value` as one line of JSON, and the end of the event.
    ///
    /// # Panics
    ///
    /// When `value` can't be JSON at all, such as a map whose keys are not
    /// strings. No type of this crate is like that.
    pub fn json(mut self, value: &impl Serialize) -> Bytes {
        self.text.extend_from_slice(b"data: ");
        serde_json::to_writer(&mut self.text, value).expect("the value has a JSON form");
        self.text.extend_from_slice(b"\n\n");
        // What is kept by the thousand must not keep its spare capacity.
        Bytes::from(self.text.into_boxed_slice())
    }

    fn field(mut self, name: &str, value: impl Display) -> Self {
        let start = self.text.len();
        writeln!(self.text, "{name}: {value}").expect("a Vec takes every byte");
        debug_assert!(
            !self.text[start..self.text.len() - 1].contains(&b'\n'),
            "a field is one line"
        );
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_stand_in_the_order_of_the_calls() {
        let bytes = Event::with_capacity(0)
            .retry(Duration::from_millis(2500))
            .event("hello")
            .id("e-0")
            .json(&serde_json::json!({"a": 1}));
        assert_eq!(
            bytes,
            "retry: 2500\nevent: hello\nid: e-0\ndata: {\"a\":1}\n\n"
        );
    }

    #[test]
    fn no_text_can_end_the_line_it_stands_in() {
        let evil = "x\r\n\r\nevent: y\rdata: z\n\u{2028}\0";
        let bytes = Event::with_capacity(0).event("update").json(&evil);
        let text = std::str::from_utf8(&bytes).unwrap();
        assert_eq!(text.matches('\n').count(), 3, "{text:?}");
        assert!(!text.contains('\r'));
    }
}
