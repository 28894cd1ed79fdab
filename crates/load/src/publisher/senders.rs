//! The connections that publish: opened, written, read, and opened again after
//! they were cut. What became of a message is handed back as an `Outcome`.

use std::collections::{BTreeSet, VecDeque};
use std::io::{self, Read as _};
use std::sync::Arc;

use mio::event::Event;
use mio::{Interest, Registry, Token};

use super::sender::{Sender, Sending};
use crate::shared::Shared;
use crate::sockets::connect;

const BUFFER_BYTES: usize = 16 * 1024;
/// How long a connection that was cut waits before it is opened again.
const RETURN_AFTER_NS: u64 = 100_000_000;

/// What became of a message, or of a connection that had none.
#[derive(Debug)]
pub(super) enum Outcome {
    /// The server answered.
    Answered {
        sending: Sending,
        status: u16,
        at_ns: u64,
    },
    /// The connection is no more; whether the server took the message that it
    /// carried, nobody knows.
    Cut {
        sending: Option<Sending>,
        why: String,
    },
}

/// All connections. The place of one is its token.
pub(super) struct Senders {
    shared: Arc<Shared>,
    registry: Registry,
    all: Vec<Sender>,
    /// Those that wait for a message. The lowest is taken, so that few are used
    /// when few are needed.
    idle: BTreeSet<usize>,
    buffer: Vec<u8>,
    outcomes: VecDeque<Outcome>,
}

impl Senders {
    /// As many as the plan has publishers, all closed.
    pub(super) fn new(shared: Arc<Shared>, registry: Registry) -> Self {
        let publishers = shared.plan.publishers;
        Self {
            shared,
            registry,
            all: (0..publishers).map(|_| Sender::default()).collect(),
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

    /// The messages that wait for their answers.
    pub(super) fn unanswered(&self) -> impl Iterator<Item = Sending> {
        self.all.iter().filter_map(|sender| sender.sending)
    }

    /// What happened next, of that which was not yet told.
    pub(super) fn next_outcome(&mut self) -> Option<Outcome> {
        self.outcomes.pop_front()
    }

    /// Opens those that are closed and have waited long enough, and cuts those
    /// whose answer takes too long.
    pub(super) fn turn(&mut self, now_ns: u64) {
        let timeout = self.shared.plan.timeout;
        let timeout_ns = timeout.as_nanos() as u64;
        for index in 0..self.all.len() {
            let sender = &self.all[index];
            let is_late = |sending: Sending| now_ns.saturating_sub(sending.sent_ns) > timeout_ns;
            if sender.sending.is_some_and(is_late) {
                self.cut(index, format!("no answer within {timeout:?}"));
            } else if sender.socket.is_none()
                && sender.return_at_ns <= now_ns
                && let Err(error) = self.open(index)
            {
                self.cut(index, format!("can't connect: {error}"));
            }
        }
    }

    fn open(&mut self, index: usize) -> io::Result<()> {
        let plan = &self.shared.plan;
        let mut socket = connect(self.shared.place.address, plan.source(index), false)?;
        let interests = Interest::READABLE | Interest::WRITABLE;
        self.registry
            .register(&mut socket, Token(index), interests)?;
        let sender = &mut self.all[index];
        sender.socket = Some(socket);
        sender.connected = false;
        Ok(())
    }

    /// Sends a message over a connection that is free.
    pub(super) fn send(&mut self, index: usize, sending: Sending, request: &[u8]) {
        self.idle.remove(&index);
        if let Err(error) = self.all[index].send(sending, request) {
            self.cut(index, error.to_string());
        }
    }

    pub(super) fn on_event(&mut self, index: usize, event: &Event) {
        if event.is_writable()
            && let Err(error) = self.on_writable(index)
        {
            return self.cut(index, format!("can't connect: {error}"));
        }
        if let Err(why) = self.read(index, event.is_read_closed()) {
            self.cut(index, why);
        }
    }

    fn on_writable(&mut self, index: usize) -> io::Result<()> {
        let sender = &mut self.all[index];
        let Some(socket) = &sender.socket else {
            return Ok(());
        };
        if sender.connected {
            return sender.write(&[]);
        }
        if let Some(error) = socket.take_error()? {
            return Err(error);
        }
        if socket.peer_addr().is_ok() {
            sender.connected = true;
            self.idle.insert(index);
        }
        Ok(())
    }

    /// Reads what is there, and the end behind it if the server has `ended`: no
    /// event tells of that again.
    fn read(&mut self, index: usize, ended: bool) -> Result<(), String> {
        loop {
            let sender = &mut self.all[index];
            let Some(socket) = sender.socket.as_mut().filter(|_| sender.connected) else {
                return Ok(());
            };
            match socket.read(&mut self.buffer) {
                Ok(0) if sender.take_end() => {
                    self.on_answer(index);
                    return Ok(());
                }
                Ok(0) => return Err("the server closed the connection".to_owned()),
                Ok(read) => {
                    let whole = sender.take(&self.buffer[..read])?;
                    if whole {
                        self.on_answer(index);
                    }
                    if read < self.buffer.len() && !ended {
                        return Ok(());
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.to_string()),
            }
        }
    }

    fn on_answer(&mut self, index: usize) {
        let at_ns = self.shared.now_ns();
        let sender = &mut self.all[index];
        let Some(sending) = sender.sending.take() else {
            return;
        };
        let status = sender.status;
        if sender.keep_alive {
            self.idle.insert(index);
        } else {
            sender.close(at_ns);
        }
        self.outcomes.push_back(Outcome::Answered {
            sending,
            status,
            at_ns,
        });
    }

    /// Closes a connection that failed, to be opened again.
    fn cut(&mut self, index: usize, why: String) {
        let now_ns = self.shared.now_ns();
        self.idle.remove(&index);
        let sender = &mut self.all[index];
        if sender.is_idle() {
            // Servers may close a connection that nobody uses.
            return sender.close(now_ns);
        }
        sender.close(now_ns + RETURN_AFTER_NS);
        let sending = sender.sending.take();
        self.outcomes.push_back(Outcome::Cut { sending, why });
    }
}
