//! The HTTP/2 connections of a client: usually one, which all requests and
//! subscriptions share. Another one is opened when the server allows no more streams
//! on it, when it ends, or when it no longer answers.

use std::error::Error as StdError;
use std::sync::{Mutex, MutexGuard, PoisonError};

use hyper::{Response, Uri};
use tokio::time::{Duration, Instant};

use super::body::ServerBody;
use super::connector::Request;
use super::dial::{DialError, Dialer};
use super::error::root_cause;
use super::shared_connection::{SharedConnection, StreamSlot};

/// How often a request is sent in all, if the server has not processed it.
const ATTEMPTS: u32 = 3;
/// A connection on which a request waited this long, in vain, takes no more.
const UNANSWERED: Duration = Duration::from_secs(2);

/// Why a request got no response.
#[derive(Debug)]
pub(super) enum Http2Error {
    /// There is no connection.
    Dial(DialError),
    /// The connection or the stream ended. The line is the cause.
    Cut(String),
}

pub(super) struct Http2Pool {
    dialer: Dialer,
    connections: Mutex<Vec<SharedConnection>>,
    /// Held from opening a connection to its first response: then the server's limit
    /// on streams is known, and the others that wait can share it.
    opening: tokio::sync::Mutex<()>,
}

/// A connection for one request.
struct Taken<'a> {
    connection: SharedConnection,
    slot: StreamSlot,
    /// The connection is new.
    opening: Option<tokio::sync::MutexGuard<'a, ()>>,
}

/// Retires the connection of a request that is given up without a response.
struct Unanswered<'a> {
    slot: Option<&'a StreamSlot>,
    since: Instant,
}

impl Http2Pool {
    pub(super) fn new(dialer: Dialer) -> Self {
        Self {
            dialer,
            connections: Mutex::default(),
            opening: tokio::sync::Mutex::default(),
        }
    }

    /// Sends a request; returns the response when its head has arrived. A request that
    /// the server has not processed is sent again.
    pub(super) async fn send(&self, request: Request) -> Result<Response<ServerBody>, Http2Error> {
        for attempt in 1.. {
            let taken = self.take(request.uri()).await?;
            let unanswered = Unanswered::new(&taken.slot);
            let mut sender = taken.connection.sender();
            let error = match sender.try_send_request(request.clone()).await {
                Ok(response) => {
                    unanswered.answered();
                    let slot = self.share(taken);
                    return Ok(response.map(|incoming| ServerBody::shared(incoming, slot)));
                }
                Err(error) => error,
            };
            unanswered.answered();
            let is_unprocessed = error.message().is_some() || is_unprocessed(error.error());
            if is_unprocessed {
                taken.slot.retire();
            }
            if !is_unprocessed || attempt == ATTEMPTS {
                return Err(Http2Error::of(error.error(), taken.opening.is_some()));
            }
        }
        unreachable!("the last attempt returns")
    }

    /// A connection with a slot, which is opened if there is none.
    async fn take(&self, uri: &Uri) -> Result<Taken<'_>, Http2Error> {
        if let Some(taken) = self.find() {
            return Ok(taken);
        }
        let opening = self.opening.lock().await;
        if let Some(taken) = self.find() {
            return Ok(taken);
        }
        let dialing = self.dialer.clone().dial(uri.clone());
        let socket = dialing.await.map_err(Http2Error::Dial)?;
        let opened = SharedConnection::open(socket).await;
        let connection = opened.map_err(|error| Http2Error::of(&error, true))?;
        Ok(Taken {
            slot: connection.first_slot(),
            connection,
            opening: Some(opening),
        })
    }

    /// A connection with a slot. Those that have ended are dropped.
    fn find(&self) -> Option<Taken<'static>> {
        let mut connections = self.connections();
        connections.retain(SharedConnection::is_usable);
        connections.iter().find_map(|connection| {
            Some(Taken {
                slot: connection.slot()?,
                connection: connection.clone(),
                opening: None,
            })
        })
    }

    /// Shares a connection that is new, after its first response.
    fn share(&self, taken: Taken<'_>) -> StreamSlot {
        if taken.opening.is_some() {
            self.connections().push(taken.connection);
        }
        taken.slot
    }

    fn connections(&self) -> MutexGuard<'_, Vec<SharedConnection>> {
        let connections = self.connections.lock();
        connections.unwrap_or_else(PoisonError::into_inner)
    }
}

impl<'a> Unanswered<'a> {
    fn new(slot: &'a StreamSlot) -> Self {
        Self {
            slot: Some(slot),
            since: Instant::now(),
        }
    }

    fn answered(mut self) {
        self.slot = None;
    }
}

impl Drop for Unanswered<'_> {
    fn drop(&mut self) {
        if let Some(slot) = self.slot.filter(|_| self.since.elapsed() >= UNANSWERED) {
            slot.retire();
        }
    }
}

impl Http2Error {
    fn of(error: &hyper::Error, is_new: bool) -> Self {
        match h2_error(error) {
            // What answered are not frames.
            Some(error) if is_new && error.is_library() => Self::Dial(DialError::no_http2()),
            _ => Self::Cut(root_cause(error)),
        }
    }
}

/// Whether the server says that it has not processed the request, so that it may be
/// sent again (RFC 9113, section 8.7): it refused the stream, or began to shut down
/// before it.
fn is_unprocessed(error: &hyper::Error) -> bool {
    h2_error(error).is_some_and(|error| {
        let is_refused = error.reason() == Some(h2::Reason::REFUSED_STREAM);
        let is_shutdown = error.is_go_away() && error.reason() == Some(h2::Reason::NO_ERROR);
        error.is_remote() && (is_refused || is_shutdown)
    })
}

fn h2_error(error: &hyper::Error) -> Option<&h2::Error> {
    error.source()?.downcast_ref()
}
