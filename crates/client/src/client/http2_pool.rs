//! The HTTP/2 connections of a client: usually one, which all requests and
//! subscriptions share. Another one is opened when the server allows no more streams
//! on it, when it ends, or when it no longer answers.

use std::error::Error as StdError;
use std::sync::{Mutex, MutexGuard, PoisonError};

use hyper::{Response, Uri};
use tokio::time::{Duration, Instant};

use super::body::ServerBody;
use super::dial::Dialer;
use super::error::root_cause;
use super::request::Request;
use super::request_error::{DialError, Http2Error};
use super::shared_connection::{SharedConnection, StreamSlot};

/// How often a request is sent in all, if the server has not processed it.
const ATTEMPTS: u32 = 3;
/// A connection on which a request waited this long, in vain, takes no more.
const UNANSWERED: Duration = Duration::from_secs(2);

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
                return Err(http2_error(error.error(), taken.opening.is_some()));
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
        let connection = opened.map_err(|error| http2_error(&error, true))?;
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

/// The error of a request on a connection that is new or not.
fn http2_error(error: &hyper::Error, is_new: bool) -> Http2Error {
    match h2_error(error) {
        // What answered are not frames.
        Some(error) if is_new && error.is_library() => Http2Error::Dial(DialError::no_http2()),
        _ => Http2Error::Cut(root_cause(error)),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::request::request;
    use crate::client::{ClientOptions, ServerUrl};
    use http_body_util::BodyExt as _;
    use hyper::Method;
    use tokio::net::TcpListener;

    /// Answers the streams of all connections in the order of their arrival: resets
    /// those with a reason.
    async fn serve(listener: TcpListener, answers: Vec<Option<h2::Reason>>) {
        let answers = std::sync::Arc::new(Mutex::new(answers.into_iter()));
        loop {
            let (socket, _) = listener.accept().await.unwrap();
            let mut connection = h2::server::handshake(socket).await.unwrap();
            let answers = std::sync::Arc::clone(&answers);
            tokio::spawn(async move {
                while let Some(Ok((_, mut respond))) = connection.accept().await {
                    match answers.lock().unwrap().next().unwrap() {
                        Some(reason) => respond.send_reset(reason),
                        None => drop(respond.send_response(Response::new(()), true).unwrap()),
                    }
                }
            });
        }
    }

    fn pool_for(listener: &TcpListener) -> (Http2Pool, Request) {
        let url = format!("http://{}", listener.local_addr().unwrap());
        let url: ServerUrl = url.parse().unwrap();
        let options = ClientOptions {
            http2: true,
            ..ClientOptions::default()
        };
        let pool = Http2Pool::new(Dialer::new(&url, &options).unwrap());
        (pool, request(&url, Method::GET, "/healthz").unwrap())
    }

    async fn status_of(answers: &[Option<h2::Reason>]) -> Result<u16, Http2Error> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (pool, asked) = pool_for(&listener);
        tokio::spawn(serve(listener, answers.to_vec()));
        let sent = pool.send(asked).await;
        sent.map(|response| response.status().as_u16())
    }

    #[tokio::test]
    async fn a_refused_stream_is_tried_again() {
        let refused = Some(h2::Reason::REFUSED_STREAM);
        assert_eq!(status_of(&[refused, None]).await.unwrap(), 200);
        assert_eq!(status_of(&[refused, refused, None]).await.unwrap(), 200);
        let error = status_of(&[refused; 3]).await.unwrap_err();
        assert!(matches!(error, Http2Error::Cut(_)), "{error:?}");
    }

    #[tokio::test]
    async fn a_request_that_may_have_been_processed_is_not_sent_again() {
        for reason in [h2::Reason::INTERNAL_ERROR, h2::Reason::CANCEL] {
            let error = status_of(&[Some(reason), None]).await.unwrap_err();
            assert!(matches!(error, Http2Error::Cut(_)), "{error:?}");
        }
    }

    #[tokio::test]
    async fn a_server_that_vanishes_is_noticed_by_a_ping() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (pool, asked) = pool_for(&listener);
        let (vanish, vanished) = tokio::sync::oneshot::channel::<()>();
        tokio::spawn(async move {
            let (socket, _) = listener.accept().await.unwrap();
            let mut connection = h2::server::handshake(socket).await.unwrap();
            let (_, mut respond) = connection.accept().await.unwrap().unwrap();
            let _body = respond.send_response(Response::new(()), false).unwrap();
            tokio::select! {
                _ = connection.accept() => {}
                _ = vanished => {}
            }
            std::future::pending::<()>().await;
        });
        let mut body = pool.send(asked).await.unwrap().into_body();
        vanish.send(()).unwrap();
        tokio::time::pause();
        let begun = Instant::now();
        body.frame().await.unwrap().unwrap_err();
        let after = begun.elapsed();
        assert!((20..31).contains(&after.as_secs()), "{after:?}");
    }
}
