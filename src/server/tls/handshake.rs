//! The TLS handshake of a new connection: a deadline for all of it, and a bound on how
//! many are in progress. A client that has not sent its hello yet costs no place, so
//! idle connections do not keep others waiting.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustls::server::Acceptor;
use rustls::{Error, InvalidMessage, ServerConfig};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;

use crate::config::TlsSettings;
use crate::http::{LabeledCounters, labeled};

/// The first byte of a TLS handshake (RFC 8446, section 5.1).
const HANDSHAKE: u8 = 22;
/// The most bytes that a session buffers for a client while hyper has it: two records.
const BUFFER_BYTES: usize = 32 * 1024;

/// A fatal alert `decode_error` (RFC 8446, section 6).
const DECODE_ERROR: [u8; 7] = [21, 3, 3, 0, 2, 2, 50];

/// The bounds of all handshakes of a server, and their counts.
#[derive(Debug)]
pub(in crate::server) struct Handshakes {
    places: Semaphore,
    deadline: Duration,
    /// By `outcome`.
    pub(in crate::server) counts: LabeledCounters,
}

/// Why a connection has no session.
#[derive(Debug)]
pub(in crate::server) enum NoSession {
    /// The client speaks no TLS. Nothing was read.
    Clear(TcpStream),
    /// The deadline has passed.
    TimedOut,
    /// The client is gone.
    Gone(io::Error),
    /// The handshake failed. The client was sent an alert, and may still be sending.
    Failed(io::Error, TcpStream),
}

impl NoSession {
    fn outcome(&self) -> &'static str {
        match self {
            Self::Clear(_) => "clear",
            Self::TimedOut => "timeout",
            Self::Gone(_) | Self::Failed(..) => "failed",
        }
    }

    fn after(error: io::Error, stream: TcpStream) -> Self {
        let reason = error
            .get_ref()
            .and_then(|inner| inner.downcast_ref::<Error>());
        let Some(reason) = reason else {
            return Self::Gone(error);
        };
        // The one error before a session for which rustls has no alert.
        if *reason == Error::InvalidMessage(InvalidMessage::HandshakePayloadTooLarge) {
            // It serves only the client: errors do not matter.
            let _ = stream.try_write(&DECODE_ERROR);
        }
        Self::Failed(error, stream)
    }
}

impl Handshakes {
    pub(super) fn new(settings: &TlsSettings) -> Self {
        let most = settings.max_handshakes.get();
        Self {
            places: Semaphore::new(most.min(Semaphore::MAX_PERMITS)),
            deadline: settings.handshake_timeout,
            counts: labeled("outcome", ["ok", "failed", "timeout", "clear"]),
        }
    }

    /// Makes a session within the deadline and `longest`.
    ///
    /// # Errors
    ///
    /// [`NoSession`], which is counted.
    pub(super) async fn accept(
        &self,
        stream: TcpStream,
        config: &Arc<ServerConfig>,
        longest: Duration,
    ) -> Result<TlsStream<TcpStream>, NoSession> {
        let handshake = self.shake_hands(stream, config);
        let done = tokio::time::timeout(self.deadline.min(longest), handshake).await;
        let session = done.unwrap_or(Err(NoSession::TimedOut));
        let outcome = session.as_ref().map_or_else(NoSession::outcome, |_| "ok");
        self.counts.get_or_create(&[("outcome", outcome)]).inc();
        session
    }

    async fn shake_hands(
        &self,
        stream: TcpStream,
        config: &Arc<ServerConfig>,
    ) -> Result<TlsStream<TcpStream>, NoSession> {
        let mut first = [0];
        if stream.peek(&mut first).await.map_err(NoSession::Gone)? == 1 && first[0] != HANDSHAKE {
            return Err(NoSession::Clear(stream));
        }
        let mut acceptor = LazyConfigAcceptor::new(Acceptor::default(), stream);
        let hello = match (&mut acceptor).await {
            Ok(hello) => hello,
            Err(error) => {
                let stream = acceptor.take_io().expect("it is left after an error");
                return Err(NoSession::after(error, stream));
            }
        };
        // From here on it costs the signature, and memory.
        let _place = self.places.acquire().await.expect("it is never closed");
        let bound = |session: &mut rustls::ServerConnection| {
            session.set_buffer_limit(Some(BUFFER_BYTES));
        };
        let handshake = hello.into_stream_with(Arc::clone(config), bound);
        let session = handshake.into_fallible().await;
        session.map_err(|(error, stream)| NoSession::after(error, stream))
    }
}
