//! The order of changes of members.

/// The number of a change of members at other nodes. They increase as long as none is
/// missed; if some are, or if the shared history has lost some, another era begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct ChangeNumber {
    // The order of the fields is that of the numbers.
    pub(super) era: u64,
    pub(super) number: u64,
}
