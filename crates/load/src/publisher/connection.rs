//! One publishing connection: a request at a time, and its response.

use std::io;

use crate::http_version::HttpVersion;
use crate::http2::{Http2Part, Http2Session, error_name};
use crate::ledger::LanePosition;
use crate::response::{Response, ResponsePart};
use crate::socket::{LoadSocket, Received};
use crate::target::PublishBytes;

/// One publishing connection.
#[derive(Default)]
pub(super) struct PublishConnection {
    pub(super) socket: Option<LoadSocket>,
    /// Whether the TCP connection is established.
    pub(super) connected: bool,
    /// Whether TLS is, so that messages can be sent.
    pub(super) ready: bool,
    exchange: Option<Exchange>,
    pub(super) status: u16,
    pub(super) keep_alive: bool,
    pub(super) pending: Option<PendingPublish>,
    /// When to open it again.
    pub(super) reopen_at_ns: u64,
}

/// The parser of responses.
enum Exchange {
    /// Of the response that is awaited.
    Http1(Response),
    /// Of all responses of the connection.
    Http2(Box<Http2Session>),
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
    /// A connection that is being established.
    pub(super) fn open(&mut self, socket: LoadSocket, http: HttpVersion) {
        self.socket = Some(socket);
        self.connected = false;
        self.ready = false;
        self.exchange = match http {
            HttpVersion::Http1 => None,
            HttpVersion::Http2 { .. } => Some(Exchange::Http2(Box::new(Http2Session::new()))),
        };
    }

    /// Whether it is established and free.
    pub(super) fn is_idle(&self) -> bool {
        self.ready && self.pending.is_none()
    }

    /// Sends a message.
    pub(super) fn send(
        &mut self,
        pending: PendingPublish,
        request: &PublishBytes,
    ) -> io::Result<()> {
        self.pending = Some(pending);
        let Some(socket) = &mut self.socket else {
            return Ok(());
        };
        if let Some(Exchange::Http2(session)) = &mut self.exchange {
            let (block, body) = request.parts();
            session.request(0, block, body);
            return self.send_frames();
        }
        self.exchange = Some(Exchange::Http1(Response::new()));
        socket.write(request.whole())
    }

    /// Sends what an HTTP/2 session has to send.
    pub(super) fn send_frames(&mut self) -> io::Result<()> {
        let (Some(Exchange::Http2(session)), Some(socket)) = (&mut self.exchange, &mut self.socket)
        else {
            return Ok(());
        };
        if session.out().is_empty() || !self.ready {
            return Ok(());
        }
        let sent = socket.write(session.out());
        session.out().clear();
        sent
    }

    /// Reads once into `buffer`. Returns with what was received whether the response is
    /// complete.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> Result<(Received, bool), String> {
        let Some(socket) = self.socket.as_mut().filter(|_| self.connected) else {
            return Ok((Received::Nothing, false));
        };
        let mut reply = Reply {
            exchange: &mut self.exchange,
            status: self.status,
            keep_alive: self.keep_alive,
            is_whole: false,
        };
        let all = buffer.len();
        let received = socket.read(buffer, all, |piece| reply.parse(piece))?;
        let is_whole = reply.is_whole;
        (self.status, self.keep_alive) = (reply.status, reply.keep_alive);
        if is_whole && matches!(self.exchange, Some(Exchange::Http1(_))) {
            self.exchange = None;
        }
        Ok((received, is_whole))
    }

    /// Records the end of the connection. Returns whether it completes the response.
    pub(super) fn end(&mut self) -> bool {
        match self.exchange.take() {
            Some(Exchange::Http1(response)) => response.ends_with_its_connection(),
            Some(Exchange::Http2(_)) | None => false,
        }
    }

    /// Closes the connection, to be opened again at `reopen_at_ns`.
    pub(super) fn close(&mut self, reopen_at_ns: u64) {
        self.socket = None;
        self.connected = false;
        self.ready = false;
        self.exchange = None;
        self.reopen_at_ns = reopen_at_ns;
    }
}

/// What a read finds out about the response.
struct Reply<'a> {
    exchange: &'a mut Option<Exchange>,
    status: u16,
    keep_alive: bool,
    is_whole: bool,
}

impl Reply<'_> {
    fn parse(&mut self, mut piece: &[u8]) -> Result<(), String> {
        match &mut self.exchange {
            None => Err("the server answered what was not asked".to_owned()),
            Some(Exchange::Http1(response)) => {
                while !self.is_whole {
                    let part = response.next(&mut piece);
                    match part.map_err(|error| error.to_string())? {
                        ResponsePart::Head(head) => {
                            self.status = head.status;
                            self.keep_alive = head.keep_alive;
                        }
                        ResponsePart::Body(_) => {}
                        ResponsePart::Wait => break,
                        ResponsePart::End => self.is_whole = true,
                    }
                }
                Ok(())
            }
            Some(Exchange::Http2(session)) => loop {
                let part = session.next(&mut piece);
                match part.map_err(|error| error.to_string())? {
                    Http2Part::Head { head, .. } => self.status = head.status,
                    Http2Part::Body { .. } => {}
                    Http2Part::End { .. } => self.is_whole = true,
                    Http2Part::Reset { code, .. } => {
                        return Err(format!("the server reset the stream: {}", error_name(code)));
                    }
                    Http2Part::Wait => {
                        self.keep_alive = !session.is_going_away();
                        return Ok(());
                    }
                }
            },
        }
    }
}
