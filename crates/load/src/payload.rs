//! The payload of a message: a mark with its number and its due time, padded to
//! the message's size. No character of it needs escaping in JSON, in a form or in
//! a URL, so any server passes it on unchanged, and a subscriber finds it in an
//! event without parsing.
//!
//! `bench-` and the run (6 hex digits), `-`, then in hex the message (8 digits),
//! its publisher (4), its position in the lane (8), its due time (12) and how
//! much later it was sent (10), both in nanoseconds, and `-`.

use memchr::memmem::Finder;

use crate::ledger::LanePosition;

/// The shortest payload in bytes: the mark alone.
pub const MIN_PAYLOAD_BYTES: usize = START_BYTES + FIELDS_BYTES + 1;

const START_BYTES: usize = 13;
const WIDTHS: [usize; 5] = [8, 4, 8, 12, 10];
const FIELDS_BYTES: usize = 42;

/// The mark of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark {
    /// The number of the message in the run, from 0.
    pub(crate) message: u64,
    /// Its position in the lane of its publisher.
    pub(crate) position: LanePosition,
    /// When it was due: nanoseconds of the run's clock.
    pub(crate) due_ns: u64,
    /// How much later it was sent, in nanoseconds.
    pub(crate) late_ns: u64,
}

impl Mark {
    fn fields(self) -> [u64; 5] {
        [
            self.message,
            u64::from(self.position.publisher),
            u64::from(self.position.seq),
            self.due_ns,
            self.late_ns,
        ]
    }

    fn of_fields([message, publisher, seq, due_ns, late_ns]: [u64; 5]) -> Self {
        Self {
            message,
            position: LanePosition {
                publisher: publisher as u16,
                seq: seq as u32,
            },
            due_ns,
            late_ns,
        }
    }
}

/// Writes and finds the payloads of one run. Those of earlier runs, which a server
/// may have in its history, are not found.
#[derive(Debug, Clone)]
pub(crate) struct PayloadCodec {
    start: [u8; START_BYTES],
    finder: Finder<'static>,
}

impl PayloadCodec {
    /// The payloads of a new run, which a random number tells apart.
    pub(crate) fn new() -> Self {
        let text = format!("bench-{:06x}-", fastrand::u32(..1 << 24));
        let mut start = [0; START_BYTES];
        start.copy_from_slice(text.as_bytes());
        Self {
            start,
            finder: Finder::new(&start).into_owned(),
        }
    }

    /// Appends a payload of `size` bytes to `out`.
    pub(crate) fn write(&self, mark: Mark, size: usize, out: &mut Vec<u8>) {
        let end = out.len() + size.max(MIN_PAYLOAD_BYTES);
        out.extend_from_slice(&self.start);
        for (value, width) in mark.fields().into_iter().zip(WIDTHS) {
            write_hex(value, width, out);
        }
        out.push(b'-');
        out.resize(end, b'x');
    }

    /// Finds the mark in an event's data.
    pub(crate) fn find(&self, data: &[u8]) -> Option<Mark> {
        let start = self.finder.find(data)? + START_BYTES;
        let mut rest = data.get(start..start + FIELDS_BYTES)?;
        let mut fields = [0; 5];
        for (field, width) in fields.iter_mut().zip(WIDTHS) {
            let (digits, after) = rest.split_at(width);
            *field = read_hex(digits)?;
            rest = after;
        }
        Some(Mark::of_fields(fields))
    }
}

/// A value that is too large is written as the largest that fits.
fn write_hex(value: u64, width: usize, out: &mut Vec<u8>) {
    let value = value.min((1 << (4 * width)) - 1);
    for digit in (0..width).rev() {
        out.push(b"0123456789abcdef"[(value >> (4 * digit)) as usize & 15]);
    }
}

fn read_hex(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0, |value, digit| {
        let digit = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some(value << 4 | u64::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MARK: Mark = Mark {
        message: 70_000,
        position: LanePosition {
            publisher: 63,
            seq: 1_000,
        },
        due_ns: 12_345_678_901,
        late_ns: 98_765,
    };

    #[test]
    fn a_mark_is_found_anywhere() {
        let marks = PayloadCodec::new();
        let mut data = b"{\"message\":\"".to_vec();
        marks.write(MARK, 128, &mut data);
        assert_eq!(data.len(), 12 + 128);
        data.extend_from_slice(b"\"}");
        assert_eq!(marks.find(&data), Some(MARK));
    }

    #[test]
    fn a_mark_alone_has_the_smallest_size() {
        let marks = PayloadCodec::new();
        let mut data = Vec::new();
        marks.write(MARK, 0, &mut data);
        assert_eq!(data.len(), MIN_PAYLOAD_BYTES);
        assert_eq!(marks.find(&data), Some(MARK));
    }

    #[test]
    fn truncated_broken_and_foreign_marks_are_not_found() {
        let (marks, mut others) = (PayloadCodec::new(), PayloadCodec::new());
        while others.start == marks.start {
            others = PayloadCodec::new();
        }
        let mut data = Vec::new();
        marks.write(MARK, 0, &mut data);
        assert_eq!(others.find(&data), None);
        assert_eq!(marks.find(&data[..40]), None);
        data[20] = b'g';
        assert_eq!(marks.find(&data), None);
        assert_eq!(marks.find(b"hello"), None);
    }

    #[test]
    fn a_time_too_large_is_the_largest_and_moves_nothing_else() {
        let marks = PayloadCodec::new();
        let mut data = Vec::new();
        let late_ns = u64::MAX;
        marks.write(Mark { late_ns, ..MARK }, 0, &mut data);
        let late_ns = (1 << 40) - 1;
        assert_eq!(marks.find(&data), Some(Mark { late_ns, ..MARK }));
    }
}
