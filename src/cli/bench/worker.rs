//! A reading thread as the thread that drives the run sees it: orders in, sums
//! out.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;

use mio::{Poll, Waker};

use super::ledger::Sent;
use super::readers::{Readers, WAKER};
use super::shared::Shared;
use super::tally::{Interval, Tally};

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

/// A running worker, as the thread that runs the benchmark sees it.
#[derive(Debug)]
pub(super) struct Worker {
    orders: Sender<Order>,
    waker: Arc<Waker>,
    thread: JoinHandle<io::Result<Tally>>,
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

impl Worker {
    /// Starts a worker for its share of the subscribers.
    pub(super) fn start(
        shared: &Arc<Shared>,
        share: Share,
        intervals: Sender<Interval>,
    ) -> io::Result<Self> {
        let poll = Poll::new()?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKER)?);
        let (orders, receiver) = channel();
        let readers = Readers::new(Arc::clone(shared), share, poll, receiver, intervals);
        shared.audiences().push(readers.audience().to_vec());
        let thread = std::thread::Builder::new()
            .name(format!("bench-read-{}", share.at))
            .spawn(move || readers.run())?;
        Ok(Self {
            orders,
            waker,
            thread,
        })
    }

    /// Tells it what to do.
    pub(super) fn order(&self, order: Order) {
        // A worker that has ended says why when it is joined.
        let _ = self.orders.send(order);
        let _ = self.waker.wake();
    }

    /// Its sums, once it was told to finish.
    pub(super) fn join(self) -> io::Result<Tally> {
        match self.thread.join() {
            Ok(tally) => tally,
            Err(panic) => std::panic::resume_unwind(panic),
        }
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
