//! Event ids and cursors: `<epoch>-<seq>`, e.g. `mfz3k1q8x04z-1042`.
//!
//! An id says which message; a cursor says where a client is. The server's own
//! ids are always valid; what a client sends may be anything, and the worst of
//! it is a cursor that is unknown, never an error.

use std::fmt;
use std::str::FromStr;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

const MAX_EPOCH_BYTES: usize = 16;
const MAX_CURSOR_BYTES: usize = 64;
/// The name that stands where an epoch would in the cursor of a stream that
/// does not know where its client was. [`Epoch::new`] never makes it: its
/// epochs are 12 characters long.
const UNKNOWN: &str = "unknown";

/// What one life of a server is called: 1 to 16 characters of `[a-z0-9]`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Epoch {
    // Unused bytes are zero, so that equality is equality of the text.
    bytes: [u8; MAX_EPOCH_BYTES],
    len: u8,
}

impl Epoch {
    /// A new epoch: the time in milliseconds, and four random characters for
    /// two servers that start in the same one.
    #[expect(
        clippy::new_without_default,
        reason = "no two are equal, so there is no default"
    )]
    pub fn new() -> Self {
        let millis = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_millis() as u64);
        let mut text = base36::<8>(millis);
        text.push_str(&base36::<4>(fastrand::u64(..)));
        text.parse().expect("base 36 is [a-z0-9]")
    }

    /// The epoch as it stands on the wire.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..usize::from(self.len)]).expect("an epoch is ASCII")
    }
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

/// The id of a message, or with seq 0 the place before the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct EventId {
    /// The life of the server that the message was said in.
    pub epoch: Epoch,
    /// The message's place among all messages of that life, from 1.
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
    /// As long as one can be: an epoch, a dash, and the digits of a `u64`.
    const MAX_BYTES: usize = MAX_EPOCH_BYTES + 1 + 20;
}

impl FromStr for EventId {
    type Err = NotAnEventId;

    /// Takes the one way in which the server writes an id, so no leading zeros.
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
        // `collect_str` would go through the machinery of formatting.
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

/// Where a client, or a stream, is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cursor {
    /// It has this message, and all before it.
    Id(EventId),
    /// It has something, but nobody can say what. `unknown-0` on the wire.
    Unknown,
}

impl Cursor {
    /// Reads whatever a client sent. It can't fail: what is no id is unknown.
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
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_epoch_is_new_each_time_and_never_the_word_for_unknown() {
        let (a, b) = (Epoch::new(), Epoch::new());
        assert_ne!(a, b);
        assert_eq!(a.as_str().len(), 12);
        assert_ne!(a.as_str().len(), UNKNOWN.len());
    }

    #[test]
    fn an_id_reads_back_what_it_writes() {
        for text in [
            "mfz3k1q8-1042",
            "e-0",
            "0123456789abcdef-18446744073709551615",
        ] {
            assert_eq!(text.parse::<EventId>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn anything_else_is_an_unknown_cursor() {
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
    fn a_cursor_on_the_wire_reads_back_as_itself() {
        for cursor in [Cursor::Unknown, Cursor::Id("e-7".parse().unwrap())] {
            assert_eq!(Cursor::parse(cursor.to_string().as_bytes()), cursor);
        }
    }

    proptest! {
        #[test]
        fn no_cursor_makes_it_panic(sent in prop::collection::vec(any::<u8>(), 0..80)) {
            if let Cursor::Id(id) = Cursor::parse(&sent) {
                let written = id.to_string();
                prop_assert_eq!(written.as_bytes(), &sent[..]);
            }
        }
    }
}
