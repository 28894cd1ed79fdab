//! The fan-out: every event stream is written by a **worker**, a thread with a
//! poll of its own, one per core. This file has [`Fanout`], the way in from the
//! rest of the server.
//!
//! A worker writes to a reader through a non-blocking [`socket::Socket`]. Over
//! HTTP/1.1 that is the TCP socket itself: hyper is no longer needed once it has
//! read the request of an event stream. Where hyper keeps the connection
//! (HTTP/2, HTTP/1.0), it is the write half of a [`pipe`], whose read half is hyper's body.
//! A reader costs a worker its socket, a cursor and its entries in its rooms.
//!
//! # Files
//!
//! Each imports only from those below it.
//!
//! | file | what it has |
//! | --- | --- |
//! | `mod` | [`Fanout`]: all workers, and the choice of one for a new reader |
//! | `worker` | the thread: poll, mailbox, turns |
//! | `clock` | what depends on time: pings, stalls, pauses, drain |
//! | `readers` | deliver events to live readers, let the others catch up |
//! | `transitions` | between catching up and live |
//! | `reader_table` | all readers of a worker, and their states |
//! | `mailbox` | new readers on their way to a worker |
//! | `groups` | live readers by audience and room |
//! | `catching_up`, `live` | the two states of a reader |
//! | `events` | events between the channel and a write |
//! | `pipe` | the transport of readers that stay with hyper |
//! | `tls_socket` | the transport of readers over TLS |
//! | `socket`, `counters` | what all of them use |
//!
//! # The two states
//!
//! **Live** ([`live::LiveReader`]): the reader has everything. It is in a group
//! with all readers that are written the same bytes: the same rooms, with or
//! without presence, the same framing. Events come through the worker's receiver
//! of the hub's channel ([`Feed`](crate::chat::Feed)), in the order of ids; in each
//! turn a group's events are coalesced once, up to 64 KiB of them, and each of its
//! sockets gets one write.
//!
//! **Catching up** ([`catching_up::CatchingUp`]): the reader is new or came back,
//! or its socket did not take a whole write. It is served from history, as fast as
//! its socket takes it, through a [`Subscription`](crate::chat::Subscription). It
//! buffers at most the rest of one event. While the replay budget of its address
//! is spent it is paused: it gets pings only.
//!
//! # The two transitions
//!
//! **From catching up to live** ([`Subscription::catch_up`]). Under the hub's
//! lock, history has nothing left after the reader's cursor, and the channel is
//! at position `since`. So a message is either in what history gave, or in the
//! channel at `since` or after it. Earlier events that still wait in the channel
//! or for a turn of the worker are not for this reader: [`live::LiveReader`] has
//! `since`, and skips what comes before it. The reader goes live only once the
//! socket has taken all that history gave, and the worker receives nothing from
//! the channel in between.
//!
//! **From live to catching up** ([`catching_up::CatchingUp::from_live`]). The
//! socket took a part of a write. The cursor moves to the event in which the write
//! broke off, and the rest of that event is written first; everything after it is
//! read from history, or announced as a gap if history has lost it by then. When a
//! worker lags, because the channel was overwritten before it was read, all of its
//! readers go the same way, each from its own cursor. When history has lost a
//! large event before it was read, the readers of its room do.
//!
//! When a generation of the history ends, the channel says so to all workers. A live
//! reader whose cursor is beyond the end goes back to history, too, and the subscription
//! sends it the gaps that a returning reader would get. A cursor of a live reader is a seq
//! alone: it is of the generation that was present at the channel position `since`, which
//! moves past each end. So the readers of a worker that lags and has missed the end are set
//! back as well.
//!
//! When the history becomes stale, or is fresh again, the channel has one event for all
//! rooms, which is written to the live readers. A subscription compares the present state with
//! the one that its reader was sent last, and delivers the event before all others;
//! [`live::LiveReader`] has that state, too, and brings it along when it goes back.
//!
//! Nothing is lost or doubled in either transition, whatever a socket takes and
//! whenever; `tests/promises.rs` checks that against a plain model.
//!
//! No order is shared outside a lock: position, history and channel change under
//! the hub's lock; a mailbox and a pipe have a lock each. The atomics are flags
//! that are never unset, and sums that order nothing.
//!
//! [`Subscription::catch_up`]: crate::chat::Subscription::catch_up

mod catching_up;
mod clock;
mod counters;
mod events;
mod groups;
mod live;
mod mailbox;
mod pipe;
mod reader_table;
mod readers;
mod socket;
#[cfg(test)]
mod tests;
#[cfg(feature = "https")]
mod tls_socket;
mod transitions;
mod worker;

use std::io;
use std::num::NonZeroUsize;
use std::sync::Arc;

use bytes::Bytes;

use self::counters::Delivered;
pub(super) use self::counters::{FanoutCounters, WorkerCounters};
pub(super) use self::mailbox::{ClientSocket, Handoff};
use self::mailbox::{ConnectionGuard, Mailbox, NewReader, Transport};
pub(super) use self::pipe::PipeBody;
pub use self::pipe::StreamCut;
use crate::http::{App, ConnectionPermit, StreamHandoff};
use crate::server::task_tracker::TaskTracker;

/// All workers of a server.
#[derive(Debug)]
pub(super) struct Fanout {
    mailboxes: Vec<Arc<Mailbox>>,
    counters: FanoutCounters,
}

impl Fanout {
    /// Starts the workers. They run until [`Self::stop`], or until this is dropped.
    pub(super) fn start(app: &Arc<App>, workers: NonZeroUsize) -> io::Result<Self> {
        // If one can't be started, the drop stops the others.
        let mut fanout = Self {
            mailboxes: Vec::with_capacity(workers.get()),
            counters: FanoutCounters::default(),
        };
        for number in 0..workers.get() {
            let mailbox = worker::start(Arc::clone(app), &fanout.counters, number)?;
            fanout.mailboxes.push(mailbox);
        }
        Ok(fanout)
    }

    /// Adds a reader over HTTP/1.1, with its socket.
    pub(super) fn add_socket(
        &self,
        socket: ClientSocket,
        handoff: Handoff,
        connection: ConnectionPermit,
        tasks: &TaskTracker,
    ) {
        let mailbox = self.least_loaded();
        mailbox.post(NewReader {
            transport: socket.into(),
            handoff,
            permit: mailbox.permit(Some(ConnectionGuard::new(tasks, Some(connection)))),
        });
    }

    /// Adds a reader whose connection stays with hyper. Returns the body of its
    /// response, which already holds the first event.
    pub(super) fn add_body(&self, stream: StreamHandoff) -> PipeBody {
        let mailbox = self.least_loaded();
        let first = stream.hello.text();
        mailbox.counters.add_delivered(Delivered {
            messages: 0,
            bytes: first.len() as u64,
        });
        let (writer, body) = pipe::pipe(&mailbox.waker, first);
        mailbox.post(NewReader {
            transport: Transport::Pipe(writer),
            handoff: Handoff {
                first: Bytes::new(),
                stream,
            },
            permit: mailbox.permit(None),
        });
        body
    }

    fn least_loaded(&self) -> &Arc<Mailbox> {
        let mailboxes = self.mailboxes.iter();
        let least = mailboxes.min_by_key(|mailbox| mailbox.load());
        least.expect("a fan-out has at least one worker")
    }

    /// The counters of all workers.
    pub(super) fn counters(&self) -> &FanoutCounters {
        &self.counters
    }

    /// The number of readers, and the counters, of each worker.
    pub(super) fn workers(&self) -> impl Iterator<Item = (usize, &WorkerCounters)> {
        self.mailboxes
            .iter()
            .map(|mailbox| (mailbox.load(), &*mailbox.counters))
    }

    /// Wakes every worker, to make it see that the drain has begun.
    pub(super) fn wake(&self) {
        self.mailboxes
            .iter()
            .for_each(|mailbox| mailbox.waker.notify());
    }

    /// Makes every worker panic.
    #[cfg(test)]
    pub(super) fn panic_all(&self) {
        for mailbox in &self.mailboxes {
            let panic = std::sync::atomic::Ordering::Relaxed;
            mailbox.panics_next.store(true, panic);
            mailbox.waker.notify();
        }
    }

    /// Stops all workers, which drop their readers.
    pub(super) fn stop(&self) {
        self.mailboxes.iter().for_each(|mailbox| mailbox.stop());
    }
}

impl Drop for Fanout {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Ends the workers of a fan-out when it is dropped. Others hold the fan-out, too, so
/// its own drop may be late.
pub(super) struct StopOnDrop(pub(super) Arc<Fanout>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.stop();
    }
}
