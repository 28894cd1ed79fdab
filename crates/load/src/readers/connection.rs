//! One connection of a subscriber, and its progress from connecting to streaming.

use std::io::{self, Write as _};

use mio::net::TcpStream;
use sse_chat_client::sse::Decoder;

use crate::response::Response;
use crate::shared::StreamError;
use crate::tally::Recorder;

/// An open connection, or one that is being opened.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) socket: TcpStream,
    /// When connecting began.
    pub(super) since_ns: u64,
    pub(super) step: ConnectionStep,
    /// The server has closed its side: no event announces the end again.
    pub(super) ends: bool,
    pub(super) response: Response,
    pub(super) decoder: Decoder,
}

/// The progress of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ConnectionStep {
    Connecting,
    Requested,
    Answered,
    Streaming,
}

/// How a connection ended.
#[derive(Debug)]
pub(super) enum ConnectionEnd {
    /// The stream was open, and ended or was cut.
    StreamEnded,
    /// No stream was opened.
    NotOpened(StreamError),
}

impl Connection {
    /// A connection that was started at `since_ns`.
    pub(super) fn new(socket: TcpStream, since_ns: u64) -> Self {
        Self {
            socket,
            since_ns,
            step: ConnectionStep::Connecting,
            ends: false,
            response: Response::new(),
            decoder: Decoder::default(),
        }
    }

    /// When connecting began.
    pub(super) fn since_ns(&self) -> u64 {
        self.since_ns
    }

    /// Whether the response has not arrived yet.
    pub(super) fn is_opening(&self) -> bool {
        matches!(
            self.step,
            ConnectionStep::Connecting | ConnectionStep::Requested
        )
    }

    /// The socket, to register it.
    pub(super) fn socket(&mut self) -> &mut TcpStream {
        &mut self.socket
    }

    /// The id of the last event.
    pub(super) fn last_event_id(&self) -> String {
        self.decoder.last_event_id().into_owned()
    }

    /// Sends the request once the connection is established.
    pub(super) fn send_request(&mut self, request: &[u8]) -> io::Result<()> {
        if let Some(error) = self.socket.take_error()? {
            return Err(error);
        }
        match self.socket.write(request) {
            // A request fits into the empty buffer of a new socket.
            Ok(written) if written == request.len() => {
                self.step = ConnectionStep::Requested;
                Ok(())
            }
            Ok(_) => Err(io::Error::other("the request was not taken whole")),
            Err(error) if is_not_ready(&error) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// How it ends for this reason, by its progress.
    pub(super) fn closed(&self, why: impl std::fmt::Display) -> ConnectionEnd {
        match self.is_opening() {
            true => no_stream(why),
            false => ConnectionEnd::StreamEnded,
        }
    }

    /// Records the time to the first event.
    pub(super) fn first_event(&mut self, events: usize, now_ns: u64, recorder: &mut Recorder) {
        if events > 0 && self.step == ConnectionStep::Answered {
            self.step = ConnectionStep::Streaming;
            recorder.tally.first_event.record_ns(now_ns - self.since_ns);
        }
    }
}

/// The connection is not established yet, or has nothing to read.
pub(super) fn is_not_ready(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::NotConnected
    )
}

/// No stream was opened, for this reason.
pub(super) fn no_stream(why: impl std::fmt::Display) -> ConnectionEnd {
    ConnectionEnd::NotOpened(StreamError::Unreachable(why.to_string()))
}
