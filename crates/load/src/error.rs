//! Why a run has no result.

use std::fmt;

/// Why a run has no result: a kind to branch on, and the reason in one line.
#[derive(Debug, Clone)]
pub struct LoadError {
    kind: LoadErrorKind,
    reason: String,
}

/// The kinds of [`LoadError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoadErrorKind {
    /// A field of the plan is out of its range.
    InvalidPlan,
    /// This machine can't carry the load, or the server's processes can't be read.
    Failed,
    /// The server can't be reached, or its answers are not HTTP.
    Unreachable,
    /// The server refused every stream or every message.
    Refused,
    /// The run was cancelled before it measured anything.
    Interrupted,
}

impl LoadError {
    /// Its kind.
    pub fn kind(&self) -> LoadErrorKind {
        self.kind
    }
}

impl LoadErrorKind {
    /// An error of this kind.
    pub(crate) fn because(self, reason: impl fmt::Display) -> LoadError {
        LoadError {
            kind: self,
            reason: reason.to_string(),
        }
    }
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for LoadError {}
