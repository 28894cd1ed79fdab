//! A reading thread as the thread that drives the run sees it: orders in, sums
//! out.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;

use mio::{Poll, Waker};

use crate::order::{Order, Share};
use crate::readers::{Readers, WAKER};
use crate::shared::Shared;
use crate::tally::{Interval, Tally};

/// A running worker, as the thread that runs the benchmark sees it.
#[derive(Debug)]
pub(super) struct Worker {
    orders: Sender<Order>,
    waker: Arc<Waker>,
    thread: JoinHandle<io::Result<Tally>>,
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
