//! One publishing connection: a request at a time, and its response.

use std::io::{self, Write as _};

use mio::net::TcpStream;

use crate::ledger::LanePosition;
use crate::response::{Response, ResponsePart};

/// One publishing connection.
#[derive(Default)]
pub(super) struct PublishConnection {
    pub(super) socket: Option<TcpStream>,
    pub(super) connected: bool,
    response: Option<Response>,
    pub(super) status: u16,
    pub(super) keep_alive: bool,
    /// The part of the request that the kernel has not taken.
    unsent: Vec<u8>,
    pub(super) pending: Option<PendingPublish>,
    /// When to open it again.
    pub(super) reopen_at_ns: u64,
}

/// A message that waits for its answer.
#[derive(Debug, Clone, Copy)]
pub(super) struct PendingPublish {
    pub(super) message: u64,
    pub(super) room: usize,
    pub(super) position: LanePosition,
    pub(super) sent_ns: u64,
    pub(super) measured: bool,
}

impl PublishConnection {
    /// Whether it is connected and free.
    pub(super) fn is_idle(&self) -> bool {
        self.connected && self.pending.is_none()
    }

    /// Sends a message.
    pub(super) fn send(&mut self, pending: PendingPublish, request: &[u8]) -> io::Result<()> {
        self.response = Some(Response::new());
        self.pending = Some(pending);
        self.write(request)
    }

    /// Writes the unsent bytes and `request`, as far as the kernel takes them.
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

    /// Parses a piece of the response. Returns whether the response is complete.
    pub(super) fn parse(&mut self, mut piece: &[u8]) -> Result<bool, String> {
        let Some(response) = &mut self.response else {
            return Err("the server answered what was not asked".to_owned());
        };
        loop {
            match response
                .next(&mut piece)
                .map_err(|error| error.to_string())?
            {
                ResponsePart::Head(head) => {
                    self.status = head.status;
                    self.keep_alive = head.keep_alive;
                }
                ResponsePart::Body(_) => {}
                ResponsePart::Wait => return Ok(false),
                ResponsePart::End => {
                    self.response = None;
                    return Ok(true);
                }
            }
        }
    }

    /// Records the end of the connection. Returns whether it completes the response.
    pub(super) fn end(&mut self) -> bool {
        let response = self.response.take();
        response.is_some_and(|response| response.ends_with_its_connection())
    }

    /// Closes the connection, to be opened again at `reopen_at_ns`.
    pub(super) fn close(&mut self, reopen_at_ns: u64) {
        self.socket = None;
        self.connected = false;
        self.unsent.clear();
        self.reopen_at_ns = reopen_at_ns;
    }
}
