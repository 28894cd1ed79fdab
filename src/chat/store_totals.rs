//! A store in numbers, and how it was read at the start.

use std::path::Path;
use std::time::Duration;

/// A store in numbers.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StoreTotals {
    /// Commits since the start.
    pub commits: u64,
    /// Records in them: entries, evictions, bans.
    pub records: u64,
    /// The time that they took.
    pub commit_time: Duration,
    /// Reads since the start of what memory does not hold.
    pub reads: u64,
    /// Reads of which something can't be read.
    pub failed_reads: u64,
    /// Reads that were refused, since too many waited.
    pub refused_reads: u64,
    /// Bytes of the store's files.
    pub bytes: u64,
    /// Bytes that the file system has left for them.
    pub free_bytes: u64,
}

/// How a store was read at the start.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LoadedHistory<'a> {
    /// Its folder.
    pub(crate) dir: &'a Path,
    /// How long it took.
    pub(crate) took: Duration,
    /// Entries that exceeded the limits, and are deleted.
    pub(crate) excess: usize,
}
