//! One connection: hyper reads requests, the service answers them, and a
//! shutdown ends it between two of them. A request for an event stream over
//! HTTP/1.1 is its last: the socket leaves hyper and goes to the fan-out.

use std::convert::Infallible;
use std::future::{pending, poll_fn};
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, Version};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::Shared;
use crate::http::{Access, Body, Opening, answer};

/// Bounds a request's head, and what one connection buffers in each direction.
const MAX_BUFFER_BYTES: usize = 16 * 1024;
/// How long a connection that never sent a request may hold up a shutdown:
/// browsers open such connections on a guess and leave them.
const FIRST_REQUEST_PATIENCE: Duration = Duration::from_millis(500);

pub(super) async fn serve(stream: TcpStream, shared: Shared) {
    let _open = shared.connections.open();
    let client = client_of(&stream, &shared);
    let (asked, flushed) = (AtomicBool::new(false), AtomicBool::new(true));
    let given = Given::default();
    let service = service_fn(|request| {
        asked.store(true, Ordering::Relaxed);
        given.answer(&shared, request, client)
    });
    let io = Flushing {
        stream,
        waits: true,
        flushed: &flushed,
    };
    let mut connection = http1::Builder::new()
        // Without a timer hyper's timeout for the head is silently off.
        .timer(TokioTimer::new())
        .header_read_timeout(shared.app.config.head_timeout)
        .max_buf_size(MAX_BUFFER_BYTES)
        // Answers are small: copied into one piece they are out sooner than
        // head and body are as two.
        .writev(false)
        .serve_connection(TokioIo::new(io), service);
    let end = tokio::select! {
        biased;
        end = end_of(&mut connection, &given, &flushed) => end,
        () = shared.cut.cancelled() => return,
        () = shared.app.draining.begins() => {
            Pin::new(&mut connection).graceful_shutdown();
            tokio::select! {
                end = end_of(&mut connection, &given, &flushed) => end,
                () = shared.cut.cancelled() => return,
                () = no_request(&asked) => return,
            }
        }
    };
    match end {
        End::Served(Ok(())) => {}
        // A client that went away, or sent what is not HTTP: no error of ours.
        End::Served(Err(error)) => {
            shared.connections.broke(&error);
            tracing::debug!(%error, "a connection ended early");
        }
        End::Stream(opening) => {
            // What the client sent after its last request is dropped with the parts.
            let io = connection.into_parts().io.into_inner();
            give_away(io.stream, *opening, &shared);
        }
    }
}

/// Whom the access log names: for now whoever is at the other end.
fn client_of(stream: &TcpStream, shared: &Shared) -> Option<IpAddr> {
    let peer = shared.app.config.access_log.then(|| stream.peer_addr());
    peer?.ok().map(|peer| peer.ip().to_canonical())
}

/// How hyper's part of a connection ends.
enum End {
    /// It is over.
    Served(hyper::Result<()>),
    /// An event stream begins, and goes on without hyper.
    Stream(Box<Opening>),
}

/// Lets hyper work until either end.
///
/// The connection is polled as what it is, a future that also closes the
/// socket. That is hyper's to do when requests end; when a stream begins, the
/// answer that hyper waits for never comes, so that it does not get so far.
async fn end_of<C>(connection: &mut C, given: &Given, flushed: &AtomicBool) -> End
where
    C: Future<Output = hyper::Result<()>> + Unpin,
{
    poll_fn(|cx| {
        if let Poll::Ready(served) = Pin::new(&mut *connection).poll(cx) {
            return Poll::Ready(End::Served(served));
        }
        // hyper reads a request while answers to earlier ones may still be on
        // their way; they must not stay behind in its buffer.
        if !flushed.load(Ordering::Relaxed) {
            return Poll::Pending;
        }
        match given.take() {
            Some(opening) => Poll::Ready(End::Stream(opening)),
            None => Poll::Pending,
        }
    })
    .await
}

fn give_away(stream: TcpStream, opening: Opening, shared: &Shared) {
    match stream.into_std() {
        Ok(socket) => shared.fanout.take(socket, opening, &shared.tasks),
        Err(error) => tracing::warn!(%error, "a socket can't be given to the fan-out"),
    }
}

/// The event stream that a connection gives away.
#[derive(Debug, Default)]
struct Given(Mutex<Option<Box<Opening>>>);

impl Given {
    /// Answers a request, or takes its stream: then the answer never comes.
    async fn answer(
        &self,
        shared: &Shared,
        request: Request<Incoming>,
        client: Option<IpAddr>,
    ) -> Result<Response<Body>, Infallible> {
        let access = Access::begin(&shared.app, &request, client);
        // Before that there are no chunks, and hyper ends the stream by closing.
        let has_chunks = request.version() == Version::HTTP_11;
        let mut response = answer(&shared.app, request).await;
        if let Some(access) = access {
            response = access.answered(response);
        }
        if !has_chunks || !shared.fanout.takes_readers() {
            return Ok(response);
        }
        match Opening::of(response) {
            Ok(opening) => self.put(opening),
            Err(response) => return Ok(response),
        }
        pending().await
    }

    fn put(&self, opening: Opening) {
        *self.lock() = Some(Box::new(opening));
    }

    fn take(&self) -> Option<Box<Opening>> {
        self.lock().take()
    }

    fn lock(&self) -> MutexGuard<'_, Option<Box<Opening>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A stream that knows whether hyper has handed everything to the kernel: hyper
/// flushes after its last write.
struct Flushing<'a> {
    stream: TcpStream,
    /// The next write waits until the runtime has gone round once.
    waits: bool,
    flushed: &'a AtomicBool,
}

impl AsyncRead for Flushing<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Flushing<'_> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.flushed.store(false, Ordering::Relaxed);
        if std::mem::take(&mut self.waits) {
            // Others whose requests are here are answered in the same go: many
            // small writes in a row wake a client that has many connections
            // once, and not once for each.
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
        self.flushed.store(true, Ordering::Relaxed);
        self.waits = true;
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// Ends when no request comes; never, if there was one.
async fn no_request(asked: &AtomicBool) {
    tokio::time::sleep(FIRST_REQUEST_PATIENCE).await;
    if asked.load(Ordering::Relaxed) {
        pending::<()>().await;
    }
}
