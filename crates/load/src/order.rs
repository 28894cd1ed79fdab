//! What a reading thread is told: at its start, and while it runs.

use std::sync::Arc;

use crate::ledger::Sent;

/// What a worker is told to do.
#[derive(Debug)]
pub(super) enum Order {
    /// Open all streams.
    Connect,
    /// Begin with subscribers that come and go.
    Churn,
    /// Cut all streams.
    Cut,
    /// Open them again, and wait for what each room's subscribers should have.
    Return(Vec<u64>),
    /// Close the books: this was sent.
    Finish(Arc<Sent>),
}

/// Which subscribers a worker has: every `of`th, from `at` on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Share {
    pub(super) at: usize,
    pub(super) of: usize,
    pub(super) subscribers: usize,
}

impl Share {
    pub(super) fn indices(self) -> impl Iterator<Item = usize> {
        (self.at..self.subscribers).step_by(self.of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_subscriber_has_one_worker() {
        let mut all: Vec<usize> = (0..3)
            .flat_map(|at| {
                let share = Share {
                    at,
                    of: 3,
                    subscribers: 10,
                };
                share.indices().collect::<Vec<_>>()
            })
            .collect();
        all.sort_unstable();
        assert_eq!(all, (0..10).collect::<Vec<_>>());
    }
}
