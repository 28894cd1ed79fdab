//! The threads that read streams, as the driver sees them: commands in, sums out.
//!
//! `event_loop` waits for sockets and commands, `timers` does what is due by time,
//! `streams` opens, reads and closes connections, `multiplexed` those of HTTP/2
//! with `http2_connection`, `subscriber` reads one stream and keeps its ledger,
//! `event_sink` records what arrives.

mod connection;
mod event_loop;
mod event_sink;
mod http2_connection;
mod multiplexed;
mod share;
mod streams;
mod subscriber;
mod timers;

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;

use mio::{Poll, Waker};

pub(crate) use self::event_loop::Command;
use self::event_loop::{EventLoop, WAKER};
pub(crate) use self::share::Share;
use self::streams::Streams;
use crate::shared::Shared;
use crate::tally::{Interval, Tally};

/// A running reader thread.
#[derive(Debug)]
pub(crate) struct Worker {
    commands: Sender<Command>,
    waker: Arc<Waker>,
    thread: JoinHandle<io::Result<Tally>>,
}

impl Worker {
    /// Starts a thread for its share of the subscribers. It sends its sums of each
    /// second to `intervals`.
    pub(crate) fn start(
        shared: &Arc<Shared>,
        share: Share,
        intervals: Sender<Interval>,
    ) -> io::Result<Self> {
        let poll = Poll::new()?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKER)?);
        let (commands, receiver) = channel();
        let registry = poll.registry().try_clone()?;
        let streams = Streams::new(Arc::clone(shared), share, registry, intervals);
        shared.audiences().push(streams.audience().to_vec());
        let event_loop = EventLoop::new(streams, poll, receiver);
        let thread = std::thread::Builder::new()
            .name(format!("bench-read-{}", share.at))
            .spawn(move || event_loop.run())?;
        Ok(Self {
            commands,
            waker,
            thread,
        })
    }

    /// Sends it a command.
    pub(crate) fn command(&self, command: Command) {
        // If the thread has ended, `join` returns its error.
        let _ = self.commands.send(command);
        let _ = self.waker.wake();
    }

    /// Waits for its sums, after [`Command::Finish`].
    pub(crate) fn join(self) -> io::Result<Tally> {
        match self.thread.join() {
            Ok(tally) => tally,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
}
