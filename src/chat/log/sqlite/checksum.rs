//! Checksums of rows. SQLite has none for what its pages hold, so a bit that flipped in
//! a text, or a row that is missing, would be read as if nothing had happened.

/// A checksum of the values of one row. Each step is a bijection of the checksum and of
/// the value, so that two rows that differ in one value of at most eight bytes never
/// have the same.
#[derive(Debug, Clone, Copy)]
pub(super) struct RowChecksum(u64);

impl RowChecksum {
    /// The checksum of a row without values. Rows of different tables never replace one
    /// another, so `table` keeps them apart.
    pub(super) fn of(table: &str) -> Self {
        Self(0).bytes(table.as_bytes())
    }

    pub(super) fn int(self, value: i64) -> Self {
        Self(mix((self.0 ^ value.cast_unsigned()).wrapping_add(STEP)))
    }

    pub(super) fn optional_int(self, value: Option<i64>) -> Self {
        match value {
            Some(value) => self.int(1).int(value),
            None => self.int(0),
        }
    }

    pub(super) fn bytes(self, bytes: &[u8]) -> Self {
        let (words, rest) = bytes.as_chunks::<8>();
        // The length keeps apart texts that end with zeros.
        let mut hash = self.int(bytes.len() as i64).0;
        for word in words {
            hash = fold(hash, u64::from_le_bytes(*word));
        }
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        Self(mix(fold(hash, u64::from_le_bytes(last))))
    }

    pub(super) fn optional_bytes(self, bytes: Option<&[u8]>) -> Self {
        match bytes {
            Some(bytes) => self.int(1).bytes(bytes),
            None => self.int(0),
        }
    }

    pub(super) fn optional_text(self, text: Option<&str>) -> Self {
        self.optional_bytes(text.map(str::as_bytes))
    }

    pub(super) fn value(self) -> i64 {
        self.0.cast_signed()
    }
}

/// A number and a sum that change with each key of a set: a key that is missing, or one
/// that should not be there, is noticed without a list of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct KeySum {
    pub(super) count: i64,
    pub(super) sum: i64,
}

impl KeySum {
    pub(super) fn add(&mut self, key: i64) {
        self.count += 1;
        self.sum = self.sum.wrapping_add(hash_of_key(key));
    }

    pub(super) fn remove(&mut self, key: i64) {
        self.count -= 1;
        self.sum = self.sum.wrapping_sub(hash_of_key(key));
    }
}

fn hash_of_key(key: i64) -> i64 {
    mix(key.cast_unsigned().wrapping_add(STEP)).cast_signed()
}

/// An odd number without a pattern: 2^64 divided by the golden ratio.
const STEP: u64 = 0x9E37_79B9_7F4A_7C15;

/// One multiplication for eight bytes.
fn fold(hash: u64, word: u64) -> u64 {
    (hash ^ word).wrapping_mul(STEP).rotate_left(29)
}

/// Spreads each bit over all.
fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 32)).wrapping_mul(STEP);
    let value = (value ^ (value >> 29)).wrapping_mul(STEP);
    value ^ (value >> 32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_bit_that_flips_changes_the_checksum() {
        let mut row = *b"what a row holds, which is some text";
        let of = |row: &[u8]| RowChecksum::of("t").bytes(row).value();
        let first = of(&row);
        for bit in 0..row.len() * 8 {
            row[bit / 8] ^= 1 << (bit % 8);
            assert_ne!(of(&row), first, "{bit}");
            row[bit / 8] ^= 1 << (bit % 8);
        }
        assert_eq!(of(&row), first);
    }

    #[test]
    fn values_that_are_absent_short_or_elsewhere_differ() {
        let of = || RowChecksum::of("t");
        let all = [
            of(),
            RowChecksum::of("u"),
            of().optional_int(None),
            of().optional_int(Some(0)),
            of().optional_text(Some("")),
            of().bytes(b""),
            of().bytes(b"\0"),
            of().bytes(b"\0\0"),
            of().bytes(b"a").bytes(b"b"),
            of().bytes(b"b").bytes(b"a"),
            of().bytes(b"ab"),
            of().int(1).int(2),
            of().int(2).int(1),
        ];
        let all = all.map(RowChecksum::value);
        for (place, one) in all.iter().enumerate() {
            assert!(!all[..place].contains(one), "{place}");
        }
    }

    #[test]
    fn a_sum_of_keys_notices_one_that_is_replaced() {
        let mut keys = KeySum::default();
        for key in 1..100 {
            keys.add(key);
        }
        let first = keys;
        keys.remove(7);
        keys.add(100);
        assert_ne!(keys, first);
        keys.remove(100);
        keys.add(7);
        assert_eq!(keys, first);
    }
}
