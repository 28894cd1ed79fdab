//! The publishing connections: opened, written, read, and opened again after a
//! failure. Each message ends in a `PublishOutcome`.

use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::sync::Arc;

use mio::event::Event;
use mio::{Interest, Registry, Token};

use super::connection::{PendingPublish, PublishConnection};
use crate::shared::Shared;
use crate::socket::{LoadSocket, Received};
use crate::target::PublishBytes;

/// Room for a TLS record and more.
const BUFFER_BYTES: usize = 32 * 1024;
/// The wait before a failed connection is opened again.
const REOPEN_AFTER_NS: u64 = 100_000_000;

/// The outcome of a message, or of a connection without one.
#[derive(Debug)]
pub(super) enum PublishOutcome {
    /// The server answered.
    Answered {
        pending: PendingPublish,
        status: u16,
        at_ns: u64,
    },
    /// The connection failed. Whether the server took its message is unknown.
    Failed {
        pending: Option<PendingPublish>,
        why: String,
    },
}

/// All publishing connections. The index of one is its token.
pub(super) struct PublishConnections {
    shared: Arc<Shared>,
    registry: Registry,
    all: Vec<PublishConnection>,
    /// The free ones. The lowest is used first, so that few are used when few are
    /// needed.
    idle: BTreeSet<usize>,
    buffer: Vec<u8>,
    outcomes: VecDeque<PublishOutcome>,
}

impl PublishConnections {
    /// One for each publisher of the plan, all closed.
    pub(super) fn new(shared: Arc<Shared>, registry: Registry) -> Self {
        let publishers = shared.plan.publishers;
        Self {
            shared,
            registry,
            all: (0..publishers)
                .map(|_| PublishConnection::default())
                .collect(),
            idle: BTreeSet::new(),
            buffer: vec![0; BUFFER_BYTES],
            outcomes: VecDeque::new(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// The connection that sends the next message, if one is free.
    pub(super) fn first_idle(&self) -> Option<usize> {
        self.idle.first().copied()
    }

    /// The messages that wait for an answer.
    pub(super) fn unanswered(&self) -> impl Iterator<Item = PendingPublish> {
        self.all.iter().filter_map(|connection| connection.pending)
    }

    /// The next outcome that was not returned yet.
    pub(super) fn next_outcome(&mut self) -> Option<PublishOutcome> {
        self.outcomes.pop_front()
    }

    /// Opens connections whose wait is over, and closes those whose answer exceeds
    /// the timeout.
    pub(super) fn check_timeouts(&mut self, now_ns: u64) {
        let timeout = self.shared.plan.timeout;
        let timeout_ns = timeout.as_nanos() as u64;
        for index in 0..self.all.len() {
            let connection = &self.all[index];
            let is_late =
                |pending: PendingPublish| now_ns.saturating_sub(pending.sent_ns) > timeout_ns;
            if connection.pending.is_some_and(is_late) {
                self.fail(index, format!("no answer within {timeout:?}"));
            } else if connection.socket.is_none()
                && connection.reopen_at_ns <= now_ns
                && let Err(error) = self.open(index)
            {
                self.fail(index, format!("can't connect: {error}"));
            }
        }
    }

    fn open(&mut self, index: usize) -> io::Result<()> {
        let plan = &self.shared.plan;
        let mut socket = self.shared.address.connect(plan.source(index), false)?;
        let interests = Interest::READABLE | Interest::WRITABLE;
        self.registry
            .register(socket.tcp(), Token(index), interests)?;
        self.all[index].open(socket, plan.http);
        Ok(())
    }

    /// Sends a message over a connection that is free.
    pub(super) fn send(&mut self, index: usize, pending: PendingPublish, request: &PublishBytes) {
        self.idle.remove(&index);
        if let Err(error) = self.all[index].send(pending, request) {
            self.fail(index, error.to_string());
        }
    }

    pub(super) fn on_event(&mut self, index: usize, event: &Event) {
        if event.is_writable()
            && let Err(error) = self.on_writable(index)
        {
            return self.fail(index, format!("can't connect: {error}"));
        }
        if let Err(why) = self.read(index, event.is_read_closed()) {
            self.fail(index, why);
        }
    }

    fn on_writable(&mut self, index: usize) -> io::Result<()> {
        let connection = &mut self.all[index];
        let Some(socket) = &mut connection.socket else {
            return Ok(());
        };
        if connection.connected {
            return socket.flush();
        }
        if socket.is_connected()? {
            connection.connected = true;
            socket.start()?;
            self.on_ready(index);
        }
        Ok(())
    }

    /// Uses a connection for messages, once TLS is established.
    fn on_ready(&mut self, index: usize) {
        let connection = &mut self.all[index];
        let is_new = connection.connected && !connection.ready;
        if is_new && connection.socket.as_ref().is_some_and(LoadSocket::is_ready) {
            connection.ready = true;
            self.idle.insert(index);
        }
    }

    /// Reads all bytes, and the end of the stream if the server has `ended` it: no
    /// event announces that again.
    fn read(&mut self, index: usize, ended: bool) -> Result<(), String> {
        loop {
            let connection = &mut self.all[index];
            let (received, is_whole) = connection.read(&mut self.buffer)?;
            if is_whole {
                self.on_answer(index);
            }
            match received {
                Received::Bytes { emptied, .. } => {
                    self.on_ready(index);
                    let sent = self.all[index].send_frames();
                    sent.map_err(|error| error.to_string())?;
                    if emptied && !ended {
                        return Ok(());
                    }
                }
                Received::Nothing => return Ok(()),
                Received::End if self.all[index].end() => {
                    self.on_answer(index);
                    return Ok(());
                }
                Received::End => return Err("the server closed the connection".to_owned()),
                Received::Broken(error) => return Err(error.to_string()),
            }
        }
    }

    fn on_answer(&mut self, index: usize) {
        let at_ns = self.shared.now_ns();
        let connection = &mut self.all[index];
        let Some(pending) = connection.pending.take() else {
            return;
        };
        let status = connection.status;
        if connection.keep_alive {
            self.idle.insert(index);
        } else {
            connection.close(at_ns);
        }
        self.outcomes.push_back(PublishOutcome::Answered {
            pending,
            status,
            at_ns,
        });
    }

    /// Closes a failed connection, to be opened again.
    fn fail(&mut self, index: usize, why: String) {
        let now_ns = self.shared.now_ns();
        self.idle.remove(&index);
        let connection = &mut self.all[index];
        if connection.is_idle() {
            // A server may close an idle connection.
            return connection.close(now_ns);
        }
        connection.close(now_ns + REOPEN_AFTER_NS);
        let pending = connection.pending.take();
        self.outcomes
            .push_back(PublishOutcome::Failed { pending, why });
    }
}
