//! How far a simulated server is with a commit.

/// How far a server is with the requests that it took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CommitStage {
    /// It took none, or has answered them.
    Idle,
    /// They are not durable.
    #[cfg_attr(not(feature = "data"), expect(dead_code, reason = "there is no store"))]
    Taken,
    /// They are durable, and neither shown nor answered.
    Durable,
}
