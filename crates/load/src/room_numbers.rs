//! A further check for sse-chat servers: a room's `number` has no hole that no
//! `gap` announced.

use memchr::memmem;
use sse_chat_client::protocol::{EventName, Gap};
use sse_chat_client::sse::Decoded;

/// The `number`s of a room, which sse-chat counts without a hole, and the gaps that
/// were announced. Nothing is expected of another server.
#[derive(Debug, Default)]
pub(crate) struct RoomNumbers {
    /// The stream began with `hello`, so the server is sse-chat.
    is_sse_chat: bool,
    /// The next number; none before the first message.
    next: Option<u64>,
    /// Messages that are missing, and no gap announced them.
    pub(crate) holes: u64,
    announced: u64,
    /// A gap announced an unknown number of lost messages.
    announced_unknown: bool,
}

impl RoomNumbers {
    /// Records an event of the stream.
    pub(crate) fn observe(&mut self, event: &Decoded<'_>) {
        match event.event.parse() {
            Ok(EventName::Hello) => self.is_sse_chat = true,
            Ok(EventName::Update) if self.is_sse_chat => {
                self.observe_update(event.data.as_bytes());
            }
            Ok(EventName::Gap) if self.is_sse_chat => {
                if let Ok(gap) = serde_json::from_str::<Gap>(&event.data) {
                    self.announced = self.announced.saturating_add(gap.lost.unwrap_or(0));
                    self.announced_unknown |= gap.lost.is_none();
                    self.next = Some(gap.next);
                }
            }
            _ => {}
        }
    }

    fn observe_update(&mut self, data: &[u8]) {
        let Some(number) = find_number(data) else {
            return;
        };
        let next = self.next.unwrap_or(number);
        // A duplicate is counted by its mark, not here.
        if number >= next {
            self.holes = self.holes.saturating_add(number - next);
            self.next = Some(number.saturating_add(1));
        }
    }

    /// How many of `missing` messages no gap announced.
    pub(crate) fn not_announced(&self, missing: u64) -> u64 {
        match self.announced_unknown {
            true => 0,
            false => missing.saturating_sub(self.announced),
        }
    }
}

/// The value of the first `"number"` of an object. It stands before the message's
/// text, so no text can be taken for it.
fn find_number(data: &[u8]) -> Option<u64> {
    let start = memmem::find(data, b"\"number\":")? + 9;
    let digits = &data[start..];
    let end = digits
        .iter()
        .position(|byte| !byte.is_ascii_digit())
        .unwrap_or(digits.len());
    std::str::from_utf8(&digits[..end]).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(events: &[(&str, &str)]) -> RoomNumbers {
        let mut numbers = RoomNumbers::default();
        for (event, data) in events {
            numbers.observe(&Decoded {
                event: (*event).into(),
                data: (*data).into(),
                id: "".into(),
            });
        }
        numbers
    }

    #[test]
    fn a_hole_is_counted_unless_a_gap_announced_it() {
        let holes = [
            ("hello", "{}"),
            ("update", r#"{"number":7}"#),
            ("update", r#"{"number":10}"#),
            ("update", r#"{"number":10}"#),
        ];
        assert_eq!(read(&holes).holes, 2);
        let announced = [
            ("hello", "{}"),
            ("update", r#"{"number":7}"#),
            (
                "gap",
                r#"{"room":"a","reason":"evicted","lost":2,"next":10}"#,
            ),
            ("update", r#"{"number":10}"#),
        ];
        let numbers = read(&announced);
        assert_eq!((numbers.holes, numbers.not_announced(5)), (0, 3));
        let gap = r#"{"room":"a","reason":"restart","lost":null,"next":1}"#;
        let unknown = read(&[("hello", "{}"), ("gap", gap)]);
        assert_eq!(unknown.not_announced(5), 0);
    }

    #[test]
    fn nothing_is_expected_of_another_server() {
        let numbers = read(&[("update", r#"{"number":1}"#), ("update", r#"{"number":9}"#)]);
        assert_eq!(numbers.holes, 0);
    }
}
