//! Whether the server has all that is published in the shared history, as readers learn it:
//! by `stale`, and by `fresh` when that is over.

use std::time::SystemTime;

use super::delivery::Delivery;
use super::timestamp;
use crate::protocol::Stale;

/// The present state of the connection to the shared history. A history that is not shared
/// is fresh.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Staleness {
    #[default]
    Fresh,
    Stale(Stale),
}

impl Staleness {
    /// Cut off `since` a time, or not.
    pub(super) fn since(since: Option<SystemTime>) -> Self {
        since.map_or(Self::Fresh, |since| {
            let since = timestamp::of(since);
            Self::Stale(Stale { since })
        })
    }

    pub(crate) fn is_stale(&self) -> bool {
        matches!(self, Self::Stale(_))
    }
}

impl From<Staleness> for Delivery {
    /// The event that says so.
    fn from(staleness: Staleness) -> Self {
        match staleness {
            Staleness::Fresh => Self::Fresh,
            Staleness::Stale(stale) => Self::Stale(stale),
        }
    }
}
