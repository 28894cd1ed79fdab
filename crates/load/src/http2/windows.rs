//! Flow control of what is received (RFC 9113, section 5.2): when to grant more.

/// The window of each stream: as large as a browser's, so that grants are few.
pub(super) const STREAM_WINDOW: u32 = 6 << 20;
/// The window of a connection.
pub(super) const CONNECTION_WINDOW: u32 = 15 << 20;
/// The window of a connection at its start.
pub(super) const DEFAULT_WINDOW: u32 = 65_535;

/// Bytes that were received, and that the server may not yet send again.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Spent(u32);

impl Spent {
    /// Counts bytes. Returns what is to be granted: nothing, until half of `window` is
    /// used.
    pub(super) fn take(&mut self, bytes: usize, window: u32) -> Option<u32> {
        // A frame has at most 16 MiB.
        self.0 = self.0.saturating_add(bytes as u32);
        (self.0 >= window / 2).then(|| std::mem::take(&mut self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grant_returns_what_was_used() {
        let mut spent = Spent::default();
        assert_eq!(spent.take(40, 100), None);
        assert_eq!(spent.take(20, 100), Some(60));
        assert_eq!(spent.take(49, 100), None);
    }
}
