//! The `backlog` of a stream that has no cursor.

/// How many past messages of each room a new reader gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backlog {
    /// At most this many.
    Last(usize),
    /// All that history holds.
    All,
}
