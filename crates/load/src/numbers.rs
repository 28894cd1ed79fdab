//! The check that only this server allows: a room's `number` has no hole that a
//! `gap` did not announce.

use memchr::memmem;
use sse_chat_client::protocol::{EventName, Gap};
use sse_chat_client::sse::Decoded;

/// A room's `number`s, which this server counts without a hole, and the gaps
/// that it announces. Of another server nothing is expected.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    /// The stream began with `hello`, so the server is one of ours.
    ours: bool,
    /// The next number; none before the first message.
    next: Option<u64>,
    /// Messages that were left out, and no gap said so.
    pub(super) holes: u64,
    announced: u64,
    /// A gap could not say how many were lost.
    announced_unknown: bool,
}

impl Numbers {
    pub(super) fn take(&mut self, event: &Decoded<'_>) {
        match event.event.parse() {
            Ok(EventName::Hello) => self.ours = true,
            Ok(EventName::Update) if self.ours => self.take_update(event.data.as_bytes()),
            Ok(EventName::Gap) if self.ours => {
                if let Ok(gap) = serde_json::from_str::<Gap>(&event.data) {
                    self.announced = self.announced.saturating_add(gap.lost.unwrap_or(0));
                    self.announced_unknown |= gap.lost.is_none();
                    self.next = Some(gap.next);
                }
            }
            _ => {}
        }
    }

    fn take_update(&mut self, data: &[u8]) {
        let Some(number) = find_number(data) else {
            return;
        };
        let next = self.next.unwrap_or(number);
        // A message that comes again is counted as doubled, by its mark.
        if number >= next {
            self.holes = self.holes.saturating_add(number - next);
            self.next = Some(number.saturating_add(1));
        }
    }

    /// How many of `missing` messages no gap announced.
    pub(super) fn not_announced(&self, missing: u64) -> u64 {
        match self.announced_unknown {
            true => 0,
            false => missing.saturating_sub(self.announced),
        }
    }
}

/// The value of the first `"number"` of an object: before the message's text,
/// so that no text can be taken for it.
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

    fn read(events: &[(&str, &str)]) -> Numbers {
        let mut numbers = Numbers::default();
        for (event, data) in events {
            numbers.take(&Decoded {
                event: (*event).into(),
                data: (*data).into(),
                id: "".into(),
            });
        }
        numbers
    }

    #[test]
    fn a_hole_in_the_numbers_is_seen_and_an_announced_one_is_not_held_against_it() {
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
