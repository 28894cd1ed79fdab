//! One connection that publishes: a request at a time, and the answer to it.

use std::io::{self, Write as _};

use mio::net::TcpStream;

use crate::ledger::Place;
use crate::response::{Part, Response};

/// One connection.
#[derive(Default)]
pub(super) struct Sender {
    pub(super) socket: Option<TcpStream>,
    pub(super) connected: bool,
    response: Option<Response>,
    pub(super) status: u16,
    pub(super) keep_alive: bool,
    /// What of the request was not taken by the system.
    unsent: Vec<u8>,
    pub(super) sending: Option<Sending>,
    /// When to open it again.
    pub(super) return_at_ns: u64,
}

/// A message that is not answered.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sending {
    pub(super) message: u64,
    pub(super) room: usize,
    pub(super) place: Place,
    pub(super) sent_ns: u64,
    pub(super) measured: bool,
}

impl Sender {
    /// Whether it is connected and waits for a message.
    pub(super) fn is_idle(&self) -> bool {
        self.connected && self.sending.is_none()
    }

    /// Sends a message, whose answer is waited for.
    pub(super) fn send(&mut self, sending: Sending, request: &[u8]) -> io::Result<()> {
        self.response = Some(Response::new());
        self.sending = Some(sending);
        self.write(request)
    }

    /// Sends what was left over and `request`, as far as the system takes it.
    pub(super) fn write(&mut self, request: &[u8]) -> io::Result<()> {
        let Some(socket) = &mut self.socket else {
            return Ok(());
        };
        self.unsent.extend_from_slice(request);
        while !self.unsent.is_empty() {
            match socket.write(&self.unsent) {
                Ok(written) => drop(self.unsent.drain(..written)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Takes a piece of the answer. Whether it is whole.
    pub(super) fn take(&mut self, mut piece: &[u8]) -> Result<bool, String> {
        let Some(response) = &mut self.response else {
            return Err("the server answered what was not asked".to_owned());
        };
        loop {
            match response
                .next(&mut piece)
                .map_err(|error| error.to_string())?
            {
                Part::Head(head) => {
                    self.status = head.status;
                    self.keep_alive = head.keep_alive;
                }
                Part::Body(_) => {}
                Part::Wait => return Ok(false),
                Part::End => {
                    self.response = None;
                    return Ok(true);
                }
            }
        }
    }

    /// The connection has ended. Whether that makes the answer whole.
    pub(super) fn take_end(&mut self) -> bool {
        let response = self.response.take();
        response.is_some_and(|response| response.ends_with_its_connection())
    }

    /// Closes the connection, which is to be opened again at a time.
    pub(super) fn close(&mut self, return_at_ns: u64) {
        self.socket = None;
        self.connected = false;
        self.unsent.clear();
        self.return_at_ns = return_at_ns;
    }
}
