//! How large the next TLS record may be.
//!
//! A client can read nothing of a record before all of it is there. So a connection
//! begins with small records, which grow to the largest: a reader whose connections are
//! always cut after some KiB still gets on.

/// The most bytes of a record (RFC 8446, section 5.1).
pub(in crate::server) const MAX_RECORD_BYTES: usize = 16 * 1024;
/// The most bytes of the first record.
const FIRST_RECORD_BYTES: usize = 2 * 1024;

/// The most bytes of the next record of a connection. Each full record doubles it.
#[derive(Debug, Clone, Copy)]
pub(in crate::server) struct RecordSize(usize);

impl RecordSize {
    pub(in crate::server) fn new() -> Self {
        Self(FIRST_RECORD_BYTES)
    }

    /// The part of `bytes` that fits into the next record.
    pub(in crate::server) fn fitting(self, bytes: &[u8]) -> &[u8] {
        &bytes[..bytes.len().min(self.0)]
    }

    /// Counts a record of `bytes`.
    pub(in crate::server) fn wrote(&mut self, bytes: usize) {
        if bytes >= self.0 {
            self.0 = (2 * self.0).min(MAX_RECORD_BYTES);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_records_double_and_short_ones_do_not() {
        let mut size = RecordSize::new();
        let bytes = [0; 100_000];
        let mut next = |written: usize| {
            size.wrote(written);
            size.fitting(&bytes).len()
        };
        assert_eq!(next(2047), 2048);
        assert_eq!(
            [2048, 4096, 8192, 16_384].map(&mut next),
            [4096, 8192, 16_384, 16_384]
        );
        assert_eq!(size.fitting(b"few"), b"few");
    }
}
