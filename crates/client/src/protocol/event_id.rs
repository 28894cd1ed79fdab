//! Event ids and cursors: `<epoch>-<seq>`, e.g. `mfz3k1q8x04z-1042`.
//!
//! An id identifies a message; a cursor is the place in the stream that a client
//! continues from. Client input is untrusted: a malformed cursor is an unknown
//! cursor, never an error.

use std::fmt;
use std::str::FromStr;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

const MAX_EPOCH_BYTES: usize = 16;
const MAX_CURSOR_BYTES: usize = 64;
/// The reserved epoch of an unknown cursor. [`Epoch::new`] never returns it: its
/// epochs are 12 characters long.
const UNKNOWN: &str = "unknown";

/// The characters of an epoch that are its time.
const TIME_CHARS: usize = 8;
/// The times that they can have.
const TIMES: u64 = 36_u64.pow(TIME_CHARS as u32);

/// Names one unbroken history: 1 to 16 characters of `[a-z0-9]`. A server that keeps
/// history in memory begins one with each start. A store is a chain of them, each
/// later as text than the one before.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch {
    // Unused bytes are zero, so that equality and order are those of the text.
    bytes: [u8; MAX_EPOCH_BYTES],
    len: u8,
}

impl Epoch {
    /// A new epoch: the time in milliseconds, and four random characters in case
    /// that two servers start in the same millisecond.
    #[expect(
        clippy::new_without_default,
        reason = "each call returns another value, so there is no default"
    )]
    pub fn new() -> Self {
        Self::at(millis(SystemTime::now()))
    }

    /// A new epoch of the same history, drawn at `now`. It is later as text than this
    /// one, even if the clock went back. After an epoch that begins with `zzzzzzzz`,
    /// which is a time in 2059, there is no later one: the result is then not later.
    pub fn after(self, now: SystemTime) -> Self {
        let next = (self.time() + 1).min(TIMES - 1);
        Self::at((millis(now) % TIMES).max(next))
    }

    fn at(time: u64) -> Self {
        let mut text = base36::<TIME_CHARS>(time);
        text.push_str(&base36::<4>(fastrand::u64(..)));
        text.parse().expect("base 36 is [a-z0-9]")
    }

    /// The number that its first characters are in base 36. Those that are missing
    /// count as 0, which is before all others.
    fn time(self) -> u64 {
        let digit = |&byte: &u8| char::from(byte).to_digit(36).unwrap_or(0);
        let digits = self.bytes[..TIME_CHARS].iter().map(digit);
        digits.fold(0, |time, digit| time * 36 + u64::from(digit))
    }

    /// The epoch as text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..usize::from(self.len)]).expect("an epoch is ASCII")
    }
}

/// Milliseconds since 1970.
fn millis(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_millis() as u64)
}

/// The last `N` base 36 digits of `number`.
fn base36<const N: usize>(mut number: u64) -> String {
    let mut digits = [0; N];
    for digit in digits.iter_mut().rev() {
        *digit = b"0123456789abcdefghijklmnopqrstuvwxyz"[(number % 36) as usize];
        number /= 36;
    }
    digits.into_iter().map(char::from).collect()
}

impl FromStr for Epoch {
    type Err = NotAnEventId;

    fn from_str(text: &str) -> Result<Self, NotAnEventId> {
        let valid = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        if text.is_empty() || text.len() > MAX_EPOCH_BYTES || !text.bytes().all(valid) {
            return Err(NotAnEventId);
        }
        let mut bytes = [0; MAX_EPOCH_BYTES];
        bytes[..text.len()].copy_from_slice(text.as_bytes());
        Ok(Self {
            bytes,
            len: text.len() as u8,
        })
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Epoch({self})")
    }
}

/// The id of an entry, or with seq 0 the place before the first entry. Ids are
/// ordered by epoch as text, then by seq.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId {
    /// The epoch in which the entry was published.
    pub epoch: Epoch,
    /// The entry's place among all entries of the history, from 1. It goes on over the
    /// epochs of a store.
    pub seq: u64,
}

/// The text is not `<epoch>-<seq>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotAnEventId;

impl fmt::Display for NotAnEventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not an event id, which looks like mfz3k1q8x04z-1042")
    }
}

impl std::error::Error for NotAnEventId {}

impl EventId {
    /// The longest epoch, a dash, and the digits of a `u64`.
    const MAX_BYTES: usize = MAX_EPOCH_BYTES + 1 + 20;
}

impl FromStr for EventId {
    type Err = NotAnEventId;

    /// Accepts only the form that the server writes, so no leading zeros.
    fn from_str(text: &str) -> Result<Self, NotAnEventId> {
        let (epoch, seq) = text.split_once('-').ok_or(NotAnEventId)?;
        let digits = !seq.is_empty() && seq.bytes().all(|byte| byte.is_ascii_digit());
        if !digits || (seq.len() > 1 && seq.starts_with('0')) {
            return Err(NotAnEventId);
        }
        Ok(Self {
            epoch: epoch.parse()?,
            seq: seq.parse().map_err(|_| NotAnEventId)?,
        })
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.epoch.as_str())?;
        f.write_str("-")?;
        f.write_str(itoa::Buffer::new().format(self.seq))
    }
}

impl Serialize for EventId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // `collect_str` is slower: it goes through `fmt`.
        let mut text = [0; Self::MAX_BYTES];
        let mut rest = &mut text[..];
        for part in [
            self.epoch.as_str(),
            "-",
            itoa::Buffer::new().format(self.seq),
        ] {
            let (head, tail) = rest.split_at_mut(part.len());
            head.copy_from_slice(part.as_bytes());
            rest = tail;
        }
        let unused = rest.len();
        let used = &text[..Self::MAX_BYTES - unused];
        serializer.serialize_str(std::str::from_utf8(used).expect("an id is ASCII"))
    }
}

impl<'de> Deserialize<'de> for EventId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// The place in a stream that a client continues from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cursor {
    /// After this message. The client has it and all messages before it.
    Id(EventId),
    /// The server did not issue the client's cursor. `unknown-0` on the wire.
    Unknown,
}

impl Cursor {
    /// Parses a cursor that a client sent. Any bytes that are not an id are
    /// [`Cursor::Unknown`].
    pub fn parse(sent: &[u8]) -> Self {
        if sent.len() > MAX_CURSOR_BYTES {
            return Self::Unknown;
        }
        let id = std::str::from_utf8(sent)
            .ok()
            .and_then(|text| text.parse().ok());
        match id {
            Some(EventId { epoch, .. }) if epoch.as_str() == UNKNOWN => Self::Unknown,
            Some(id) => Self::Id(id),
            None => Self::Unknown,
        }
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => id.fmt(f),
            Self::Unknown => write!(f, "{UNKNOWN}-0"),
        }
    }
}

impl Serialize for Cursor {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Id(id) => id.serialize(serializer),
            Self::Unknown => serializer.collect_str(self),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn epochs_are_unique_and_never_the_reserved_one() {
        let (a, b) = (Epoch::new(), Epoch::new());
        assert_ne!(a, b);
        assert_eq!(a.as_str().len(), 12);
        assert_ne!(a.as_str().len(), UNKNOWN.len());
    }

    #[test]
    fn the_epoch_after_another_is_later_as_text_whatever_the_clock_says() {
        let now = SystemTime::now();
        let later = now + std::time::Duration::from_secs(9);
        for text in [
            "0",
            "mfz3k1q8",
            "mfz3k1q8zzzz",
            "0123456789abcdef",
            "yzzzzzzzzzzz",
        ] {
            let mut last: Epoch = text.parse().unwrap();
            for clock in [now, now, UNIX_EPOCH, later, now] {
                let next = last.after(clock);
                assert!(next.as_str() > last.as_str(), "{next} after {last}");
                assert_eq!(next.as_str().len(), 12);
                last = next;
            }
        }
        let present = Epoch::new().after(later);
        assert_eq!(
            present.time(),
            millis(later),
            "a clock that goes on is used"
        );
        assert_ne!(present, Epoch::new().after(later));
    }

    #[test]
    fn ids_are_ordered_by_epoch_as_text_then_by_seq() {
        let ids = ["0-7", "a-9", "a-10", "a0-1", "ab-1", "b-0", "b-1"];
        let ids = ids.map(|id| id.parse::<EventId>().unwrap());
        assert!(ids.is_sorted_by(|a, b| a < b), "{ids:?}");
    }

    #[test]
    fn an_id_is_parsed_as_it_was_written() {
        for text in [
            "mfz3k1q8-1042",
            "e-0",
            "0123456789abcdef-18446744073709551615",
        ] {
            assert_eq!(text.parse::<EventId>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn malformed_ids_are_unknown_cursors() {
        let long = format!("e-{}", "1".repeat(63));
        let bad: &[&[u8]] = &[
            b"",
            b"-",
            b"e",
            b"e-",
            b"-1",
            b"e-01",
            b"e-00",
            b"e--1",
            b"e-1-2",
            b"E-1",
            b"e-+1",
            b"e-1 ",
            b" e-1",
            b"e-18446744073709551616",
            b"0123456789abcdefg-1",
            b"NaN",
            b"e-\xFF",
            b"\xFF",
            b"e-1\0",
            "é-1".as_bytes(),
            b"unknown-0",
            b"unknown-7",
            long.as_bytes(),
        ];
        for text in bad {
            assert_eq!(Cursor::parse(text), Cursor::Unknown, "{text:?}");
        }
    }

    #[test]
    fn a_cursor_is_parsed_as_it_was_written() {
        for cursor in [Cursor::Unknown, Cursor::Id("e-7".parse().unwrap())] {
            assert_eq!(Cursor::parse(cursor.to_string().as_bytes()), cursor);
        }
    }

    proptest! {
        #[test]
        fn only_the_exact_text_of_an_id_is_an_id(sent in prop::collection::vec(any::<u8>(), 0..80)) {
            if let Cursor::Id(id) = Cursor::parse(&sent) {
                let written = id.to_string();
                prop_assert_eq!(written.as_bytes(), &sent[..]);
            }
        }
    }
}
