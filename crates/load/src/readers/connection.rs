//! The stream of a subscriber, from connecting to its events: over a connection of its
//! own, or as one of several on a connection of HTTP/2.

use sse_chat_client::sse::Decoder;

use crate::response::Response;
use crate::shared::StreamError;
use crate::socket::LoadSocket;

/// An open stream, or one that is being opened.
#[derive(Debug)]
pub(super) struct Connection {
    /// When connecting began.
    pub(super) since_ns: u64,
    pub(super) step: ConnectionStep,
    pub(super) decoder: Decoder,
    pub(super) carrier: Carrier,
}

/// What carries the bytes of a stream.
#[derive(Debug)]
pub(super) enum Carrier {
    /// HTTP/1.1.
    Own(Box<OwnConnection>),
    /// HTTP/2: a connection by its index; its session knows the stream by the
    /// subscriber.
    Shared(usize),
}

/// A connection of HTTP/1.1, which has one stream.
#[derive(Debug)]
pub(super) struct OwnConnection {
    pub(super) socket: LoadSocket,
    /// The server has closed its side: no event announces the end again.
    pub(super) ends: bool,
    pub(super) response: Response,
}

/// The progress of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum ConnectionStep {
    Connecting,
    /// The TCP connection is established; TLS may not be yet.
    Connected,
    Requested,
    Answered,
    Streaming,
}

/// How a stream ended.
#[derive(Debug)]
pub(super) enum ConnectionEnd {
    /// The stream was open, and ended or was cut.
    StreamEnded,
    /// No stream was opened.
    NotOpened(StreamError),
}

impl Connection {
    /// A stream over a connection that was started at `since_ns`.
    pub(super) fn own(socket: LoadSocket, since_ns: u64) -> Self {
        let own = OwnConnection {
            socket,
            ends: false,
            response: Response::new(),
        };
        Self::new(Carrier::Own(Box::new(own)), since_ns)
    }

    /// A stream on the HTTP/2 connection of this index.
    pub(super) fn shared(connection: usize, since_ns: u64) -> Self {
        Self::new(Carrier::Shared(connection), since_ns)
    }

    fn new(carrier: Carrier, since_ns: u64) -> Self {
        Self {
            since_ns,
            step: ConnectionStep::Connecting,
            decoder: Decoder::default(),
            carrier,
        }
    }

    /// When connecting began.
    pub(super) fn since_ns(&self) -> u64 {
        self.since_ns
    }

    /// Whether the response has not arrived yet.
    pub(super) fn is_opening(&self) -> bool {
        self.step < ConnectionStep::Answered
    }

    /// The id of the last event.
    pub(super) fn last_event_id(&self) -> String {
        self.decoder.last_event_id().into_owned()
    }
}

impl ConnectionStep {
    /// How a stream in this step ends for this reason.
    pub(super) fn closed(self, why: impl std::fmt::Display) -> ConnectionEnd {
        match self < Self::Answered {
            true => no_stream(why),
            false => ConnectionEnd::StreamEnded,
        }
    }
}

/// No stream was opened, for this reason.
pub(super) fn no_stream(why: impl std::fmt::Display) -> ConnectionEnd {
    ConnectionEnd::NotOpened(StreamError::Unreachable(why.to_string()))
}
