//! The fan-out: every event stream is written by a **worker**, a thread with a
//! poll of its own, one for each core.
//!
//! A worker knows a reader by a non-blocking [`socket::Socket`]. Over HTTP/1.1 that is
//! the TCP socket itself: once hyper has read the request of an event stream there
//! is nothing left for it to do. Where hyper keeps the connection (HTTP/1.0), it is
//! the write half of a [`pipe`], and hyper's body is the read half. A reader costs
//! a worker its socket, a cursor and a place in its rooms.
//!
//! # Live, and behind
//!
//! A reader is in one of two states.
//!
//! **Live** ([`live::Live`]): it has everything. It stands in a group with
//! all readers that are written the same bytes: the same rooms, with or without
//! presence, the same framing. What happens comes through the worker's one receiver
//! of the hub's channel ([`Feed`](crate::chat::Feed)), in the order of ids; in each
//! turn a group's events are joined once, up to 64 KiB of them, and each of its
//! sockets gets one write.
//!
//! **CatchingUp** ([`catching_up::CatchingUp`]): it is new, or it came back, or its socket
//! did not take a whole write. It is served from history, at the pace of its
//! socket, as a [`Subscription`](crate::chat::Subscription) of its own. What it
//! keeps of what it is sent is at most the rest of one event. While the budget
//! for replay of its address is spent it is paused: it gets pings, and goes on
//! when its part of the budget is there.
//!
//! # The two transitions
//!
//! **From behind to parked** ([`Subscription::catch_up`]). Under the hub's
//! lock, history has nothing left after the reader's cursor, and the channel is
//! at position `since`. So a message is either in what history gave, or in the
//! channel at `since` or after it. What was sent before, and still waits in the
//! channel or for one of the worker's turns, is not for this reader:
//! [`live::Live`] holds `since`, and skips what comes before it. The reader is
//! parked only once the socket has taken all that history gave, and the worker
//! takes nothing from the channel in between.
//!
//! **From parked to behind** ([`catching_up::CatchingUp::after`]). The socket took a
//! part of a write. The cursor goes to the event in which the write broke off,
//! and the rest of that event goes first; everything after it is found in
//! history, or announced as a gap if history has lost it by then. A worker that
//! lags, because the channel was overwritten before it was read, sends all of its
//! readers the same way, each from its own cursor. So does a large event of one
//! room that history has lost before it was read, for the readers of that room.
//!
//! Nothing is lost at either transition and nothing is doubled, whatever a socket
//! takes and whenever; `tests.rs` plays that against a plain model.
//!
//! No order is shared outside a lock: position, history and channel change under
//! the hub's lock, a mailbox and a pipe have a lock each. What is atomic beside
//! that are flags that are never unset, and sums that order nothing.
//!
//! [`Subscription::catch_up`]: crate::chat::Subscription::catch_up

mod catching_up;
mod counts;
mod group;
mod groups;
mod live;
mod mailbox;
mod pipe;
mod readers;
mod socket;
mod stamp;
#[cfg(test)]
mod tests;
mod transport;
mod worker;
mod write_budget;

use std::io;
use std::num::NonZeroUsize;
use std::sync::Arc;

use bytes::Bytes;
use mio::net::TcpStream;
use tokio_util::task::TaskTracker;

pub(super) use self::counts::Counts;
use self::mailbox::{Arrival, Mailbox, TakenConnection};
pub use self::pipe::Cut;
pub(super) use self::pipe::PipeBody;
use self::transport::Transport;
use self::write_budget::Delivered;
use super::handoff::Handoff;
use crate::http::{App, ConnectionPermit, StreamHandoff};

/// A worker keeps its tables for so many at least when they are given back.
const KEPT_PLACES: usize = 64;

/// How many free places are made in a full table of `len` readers. A quarter,
/// not as many again: these tables are most of what a reader costs.
fn more_places(len: usize) -> usize {
    (len / 4).max(1)
}

/// All workers of a server.
#[derive(Debug)]
pub(super) struct Fanout {
    mailboxes: Vec<Arc<Mailbox>>,
}

impl Fanout {
    /// Starts so many workers. They end when this is dropped, or told to stop.
    pub(super) fn start(app: &Arc<App>, workers: NonZeroUsize) -> io::Result<Self> {
        // If one can't be started, the drop ends those that were.
        let mut fanout = Self {
            mailboxes: Vec::with_capacity(workers.get()),
        };
        for number in 0..workers.get() {
            let mailbox = worker::start(Arc::clone(app), number)?;
            fanout.mailboxes.push(mailbox);
        }
        Ok(fanout)
    }

    /// Takes a reader over HTTP/1.1 with its socket.
    pub(super) fn take(
        &self,
        socket: std::net::TcpStream,
        handoff: Handoff,
        connection: ConnectionPermit,
        tasks: &TaskTracker,
    ) {
        let mailbox = self.least_loaded();
        mailbox.post(Arrival {
            transport: Transport::Tcp(TcpStream::from_std(socket)),
            handoff,
            permit: mailbox.permit(Some(TakenConnection::new(tasks, Some(connection)))),
        });
    }

    /// Takes a reader whose connection stays with hyper: the body of its
    /// response, which holds the first event already.
    pub(super) fn take_body(&self, stream: StreamHandoff) -> PipeBody {
        let mailbox = self.least_loaded();
        let first = stream.hello.text();
        mailbox.counts.told(Delivered {
            messages: 0,
            bytes: first.len() as u64,
        });
        let (writer, body) = pipe::pipe(mailbox, first);
        mailbox.post(Arrival {
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

    /// Of each worker how many readers it has, and what it counted.
    pub(super) fn workers(&self) -> impl Iterator<Item = (usize, &Counts)> {
        self.mailboxes
            .iter()
            .map(|mailbox| (mailbox.load(), &*mailbox.counts))
    }

    /// Makes every worker look at what has changed.
    pub(super) fn wake(&self) {
        self.mailboxes.iter().for_each(|mailbox| mailbox.ring());
    }

    /// Makes every worker panic.
    #[cfg(test)]
    pub(super) fn panic_all(&self) {
        for mailbox in &self.mailboxes {
            let panic = std::sync::atomic::Ordering::Relaxed;
            mailbox.has_bug.store(true, panic);
            mailbox.ring();
        }
    }

    /// Ends all workers, and with them their readers.
    pub(super) fn stop(&self) {
        self.mailboxes.iter().for_each(|mailbox| mailbox.stop());
    }
}

impl Drop for Fanout {
    fn drop(&mut self) {
        self.stop();
    }
}
