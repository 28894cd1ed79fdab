//! The loop of a reader thread: one poll for all its sockets, and the commands of
//! the driver.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::Duration;

use mio::{Events, Poll, Token};

use super::streams::Streams;
use crate::ledger::SentLog;
use crate::tally::Tally;

/// The token of the waker that announces a command.
pub(super) const WAKER: Token = Token(usize::MAX);
/// The longest wait for an event: timers are checked this often.
const TURN: Duration = Duration::from_millis(10);

/// A command to a reader thread.
#[derive(Debug)]
pub(crate) enum Command {
    /// Open all streams.
    Connect,
    /// Start the subscribers that come and go.
    Churn,
    /// Close all streams.
    Disconnect,
    /// Open them again, and record when a subscriber of each room has this many
    /// messages.
    Reconnect(Vec<u64>),
    /// End, and compare the ledgers with what was sent.
    Finish(Arc<SentLog>),
}

/// A reader thread's state.
pub(super) struct EventLoop {
    streams: Streams,
    poll: Poll,
    commands: Receiver<Command>,
}

impl EventLoop {
    pub(super) fn new(streams: Streams, poll: Poll, commands: Receiver<Command>) -> Self {
        Self {
            streams,
            poll,
            commands,
        }
    }

    /// Runs until [`Command::Finish`], or until the sender of commands is dropped.
    pub(super) fn run(mut self) -> io::Result<Tally> {
        let mut events = Events::with_capacity(1024);
        loop {
            let wait = match self.streams.has_unread() {
                false => TURN,
                true => Duration::ZERO,
            };
            match self.poll.poll(&mut events, Some(wait)) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                polled => polled?,
            }
            self.streams.begin_turn();
            for event in &events {
                if event.token() != WAKER {
                    self.streams.on_event(event);
                }
            }
            loop {
                match self.commands.try_recv() {
                    Ok(Command::Finish(sent)) => return Ok(self.streams.finish(&sent)),
                    Ok(command) => self.obey(command),
                    Err(TryRecvError::Empty) => break,
                    // The run was dropped.
                    Err(TryRecvError::Disconnected) => return Ok(self.streams.into_tally()),
                }
            }
            self.streams.run_timers();
        }
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Connect => self.streams.connect_all(),
            Command::Churn => self.streams.start_churn(),
            Command::Disconnect => self.streams.disconnect_all(),
            Command::Reconnect(expected) => self.streams.reconnect_all(expected),
            Command::Finish(_) => {}
        }
    }
}
