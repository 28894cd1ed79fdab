//! [`Hub::set_stale`]: the server is cut off from a shared history, or has it again. A
//! history of this server alone is never stale.

use std::time::SystemTime;

use super::hub::Hub;
use super::staleness::Staleness;

impl Hub {
    /// The server is cut off from the shared history `since` a time; `None` when it has the
    /// history again. Every stream gets one event for each transition, and a stream that
    /// begins while the history is stale gets `stale` after hello. A call without a
    /// transition does nothing: `since` stays that of the first call.
    #[cfg_attr(
        not(any(test, feature = "redis")),
        expect(dead_code, reason = "a shared history calls it")
    )]
    pub(crate) fn set_stale(&self, since: Option<SystemTime>) {
        let staleness = Staleness::since(since);
        self.lock().set_staleness(staleness);
    }

    #[cfg(test)]
    pub(crate) fn is_stale(&self) -> bool {
        self.lock().news_of_staleness(false).is_some()
    }
}
