//! The size of histories, in memory and beyond it.

/// The size of one history, or of all of them together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct HistorySize {
    /// The entries in memory.
    pub(super) memory: PartSize,
    /// The older ones, which only the store holds.
    pub(super) older: PartSize,
}

/// The size of a part of history.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct PartSize {
    pub(super) entries: usize,
    /// What they take in memory, or would take there.
    pub(super) bytes: usize,
}

/// A part of history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HistoryPart {
    Memory,
    /// What only the store holds.
    Older,
}

impl HistoryPart {
    pub(super) const ALL: [Self; 2] = [Self::Memory, Self::Older];
}

impl HistorySize {
    pub(super) fn of(&self, part: HistoryPart) -> PartSize {
        match part {
            HistoryPart::Memory => self.memory,
            HistoryPart::Older => self.older,
        }
    }

    /// One of the histories had the size `before` and has the size `after`.
    pub(super) fn replace(&mut self, before: Self, after: Self) {
        self.memory.replace(before.memory, after.memory);
        self.older.replace(before.older, after.older);
    }
}

impl PartSize {
    fn replace(&mut self, before: Self, after: Self) {
        self.entries = self.entries - before.entries + after.entries;
        self.bytes = self.bytes - before.bytes + after.bytes;
    }
}
