//! One connection while hyper has it: hyper reads requests, the service answers
//! them, and timeouts and a shutdown end it. How it ends after that is in
//! `connection_end`. A request for an event stream over HTTP/1.1 is its last: the
//! socket leaves hyper and goes to the fan-out.

use std::future::{pending, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;

use super::body_gate::BodyGate;
use super::client_stream::ClientStream;
use super::connection_end;
use super::context::ServerContext;
use super::fanout::Handoff;
use super::handoff::HandoffSlot;
#[cfg(feature = "https")]
use super::http2::SocketEnd;
use super::hyper_refusal;
use super::large_head::{self, LargeHead, NoHead};
use super::timeouts::{TimeoutTimer, Timeouts};
use super::tracked_io::TrackedIo;
use crate::config::SMALL_HEAD_BYTES;
use crate::http::{Caller, ConnectionPermit};

/// How long a connection that never sent a request may delay a shutdown: browsers
/// open connections in advance and may leave them unused.
const FIRST_REQUEST_GRACE: Duration = Duration::from_millis(500);

/// A connection while hyper has it. The atomics and locks are used by its one
/// task only, and order nothing.
pub(super) struct Connection {
    context: ServerContext,
    caller: Caller,
    timeouts: Timeouts,
    has_request: AtomicBool,
    /// hyper's buffer is empty: everything that it wrote is with the kernel.
    is_flushed: AtomicBool,
    gate: Arc<BodyGate>,
    slot: HandoffSlot,
}

/// Why hyper stopped.
enum HyperEnd {
    /// It served the connection to its end.
    Served(hyper::Result<()>),
    /// The client was too slow.
    TimedOut,
    /// An event stream begins, which does not need hyper.
    Stream(Box<Handoff>),
}

/// What hyper leaves of a connection.
struct AfterHyper {
    end: HyperEnd,
    stream: ClientStream,
    /// Bytes that were read and belong to no request that was answered.
    read: Bytes,
    /// The status with which hyper refused a head.
    refused: Option<StatusCode>,
}

impl AfterHyper {
    /// Whether the head that hyper refused may only be larger than `small` bytes.
    /// Less than that remains if empty lines preceded the head, which hyper drops
    /// (RFC 9112, section 2.2).
    fn has_large_head(&self, small: usize) -> bool {
        self.refused == Some(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE)
            && self.read.len() >= small / 2
    }

    /// Whether hyper has found the preface of HTTP/2, or refused the beginning of it:
    /// its version is no version of HTTP/1.
    #[cfg(feature = "https")]
    fn begins_http2(&self) -> bool {
        matches!(self.end, HyperEnd::Served(Err(_))) && super::http2::is_begun(&self.read)
    }
}

impl Connection {
    pub(super) fn new(context: ServerContext, caller: Caller) -> Self {
        Self {
            timeouts: Timeouts::of(&caller, &context.app.config.limits),
            context,
            caller,
            has_request: AtomicBool::new(false),
            is_flushed: AtomicBool::new(true),
            gate: Arc::default(),
            slot: HandoffSlot::default(),
        }
    }

    /// Serves the connection until it ends or is handed over.
    pub(super) async fn serve(self, stream: ClientStream, mut permit: ConnectionPermit) {
        permit.set_carrier(self.caller.carrier());
        tracing::debug!(is_refused = self.caller.is_refused(), "connection accepted");
        #[cfg(feature = "https")]
        if stream.is_http2() {
            // Boxed, because every connection would have room for it.
            return Box::pin(self.serve_http2(stream, Bytes::new(), permit)).await;
        }
        let max_head_bytes = self.context.app.config.limits.max_head_bytes;
        let small = max_head_bytes.min(SMALL_HEAD_BYTES);
        let Some(after) = self.run_hyper(stream, Bytes::new(), small).await else {
            return;
        };
        #[cfg(feature = "https")]
        if after.begins_http2() && !self.has_request.load(Ordering::Relaxed) {
            return Box::pin(self.serve_http2(after.stream, after.read, permit)).await;
        }
        if small < max_head_bytes && after.has_large_head(small) {
            // Boxed, too.
            Box::pin(self.serve_large_head(after, permit)).await;
        } else {
            self.finish(after, permit).await;
        }
    }

    /// Serves a connection over HTTP/2, of which `read` was read.
    #[cfg(feature = "https")]
    async fn serve_http2(
        &self,
        mut stream: ClientStream,
        read: Bytes,
        mut permit: ConnectionPermit,
    ) {
        let (context, caller) = (&self.context, self.caller.over_http2());
        permit.set_carrier(caller.carrier());
        match super::http2::serve(context, caller, &mut stream, read).await {
            SocketEnd::Linger => connection_end::close_lingering(context, stream).await,
            SocketEnd::Close => {}
            SocketEnd::Reset => connection_end::reset_on_drop(&stream),
        }
        drop(permit);
    }

    /// Lets hyper serve requests with heads of up to `head_bytes`; `ahead` was
    /// read of the first one before. `None` when a shutdown cuts the connection.
    async fn run_hyper(
        &self,
        stream: ClientStream,
        ahead: Bytes,
        head_bytes: usize,
    ) -> Option<AfterHyper> {
        let service = service_fn(|request: Request<Incoming>| {
            self.has_request.store(true, Ordering::Relaxed);
            self.timeouts.asked();
            self.slot.answer(
                &self.context,
                self.caller,
                request,
                &self.timeouts,
                &self.gate,
            )
        });
        let io = TrackedIo {
            stream,
            is_deferred: true,
            flushed: &self.is_flushed,
            gate: &self.gate,
            timeouts: &self.timeouts,
            ahead,
            refused: None,
        };
        let mut hyper = hyper_for(head_bytes).serve_connection(TokioIo::new(io), service);
        let mut timer = TimeoutTimer::new(&self.timeouts);
        let context = &self.context;
        let end = tokio::select! {
            biased;
            end = self.drive(&mut hyper, &mut timer) => Some(end),
            () = context.cut.cancelled() => None,
            () = context.app.draining.begins() => {
                Pin::new(&mut hyper).graceful_shutdown();
                tokio::select! {
                    end = self.drive(&mut hyper, &mut timer) => Some(end),
                    () = context.cut.cancelled() => None,
                    () = self.no_first_request() => None,
                }
            }
        };
        let Some(end) = end else {
            tracing::debug!("connection closed by the shutdown");
            return None;
        };
        let parts = hyper.into_parts();
        let io = parts.io.into_inner();
        Some(AfterHyper {
            end,
            stream: io.stream,
            read: parts.read_buf,
            refused: io.refused,
        })
    }

    /// Polls hyper until one of its ends.
    ///
    /// hyper is polled as a future that also closes the socket. It does that only
    /// when the requests end: when a stream begins, the answer that hyper waits
    /// for never comes.
    async fn drive<C>(&self, hyper: &mut C, timer: &mut TimeoutTimer) -> HyperEnd
    where
        C: Future<Output = hyper::Result<()>> + Unpin,
    {
        poll_fn(|cx| self.poll_end(Pin::new(&mut *hyper), timer, cx)).await
    }

    fn poll_end(
        &self,
        hyper: Pin<&mut impl Future<Output = hyper::Result<()>>>,
        timer: &mut TimeoutTimer,
        cx: &mut Context<'_>,
    ) -> Poll<HyperEnd> {
        if let Poll::Ready(served) = hyper.poll(cx) {
            return Poll::Ready(HyperEnd::Served(served));
        }
        // hyper reads a request while earlier answers may still be in its buffer,
        // where they must not be left.
        if self.is_flushed.load(Ordering::Relaxed)
            && let Some(handoff) = self.slot.take()
        {
            return Poll::Ready(HyperEnd::Stream(handoff));
        }
        timer.poll(&self.timeouts, cx).map(|()| HyperEnd::TimedOut)
    }

    /// Ends if no request comes within a grace period; never, if there was one.
    async fn no_first_request(&self) {
        tokio::time::sleep(FIRST_REQUEST_GRACE).await;
        if self.has_request.load(Ordering::Relaxed) {
            pending::<()>().await;
        }
    }

    /// Reads the rest of a large head, and lets hyper serve that one request.
    async fn serve_large_head(&self, after: AfterHyper, permit: ConnectionPermit) {
        let AfterHyper {
            mut stream, read, ..
        } = after;
        // The head may have come in one packet with an earlier request.
        self.timeouts.received();
        let is_head = is_head(&read);
        let Some(head) = self.read_large_head(&mut stream, read).await else {
            return;
        };
        match head {
            Ok(LargeHead {
                bytes,
                permit: memory,
            }) => {
                self.slot.close_after_next();
                let head_bytes = bytes.len().max(SMALL_HEAD_BYTES);
                if let Some(after) = self.run_hyper(stream, bytes, head_bytes).await {
                    drop(memory);
                    self.finish(after, permit).await;
                }
            }
            Err(NoHead::Bad(bad)) => {
                connection_end::refuse(&self.context, stream, bad, is_head).await;
            }
            Err(NoHead::Gone(error)) => tracing::debug!(%error, "connection closed early"),
        }
    }

    /// Reads the rest of the head that begins with `read`. `None` if the connection
    /// timed out or is cut.
    async fn read_large_head(
        &self,
        stream: &mut ClientStream,
        read: Bytes,
    ) -> Option<Result<LargeHead, NoHead>> {
        let (app, heads) = (&self.context.app, &self.context.heads);
        let max_head_bytes = app.config.limits.max_head_bytes;
        let share = app.admission.head_share(&self.caller, &app.config.access);
        let mut timer = TimeoutTimer::new(&self.timeouts);
        tokio::select! {
            head = large_head::read(stream, read, max_head_bytes, heads, share) => Some(head),
            () = poll_fn(|cx| timer.poll(&self.timeouts, cx)) => {
                connection_end::time_out(&self.context, stream, &self.timeouts);
                None
            }
            () = self.context.cut.cancelled() => None,
        }
    }

    /// Ends the connection, or hands it over.
    async fn finish(&self, after: AfterHyper, permit: ConnectionPermit) {
        let AfterHyper {
            end,
            stream,
            read,
            refused,
        } = after;
        let context = &self.context;
        if let (HyperEnd::Served(Err(_)), Some(status)) = (&end, refused) {
            let (bad, is_head) = (hyper_refusal::reason(status, &read), is_head(&read));
            drop(read);
            return connection_end::refuse(context, stream, bad, is_head).await;
        }
        drop(read);
        match end {
            HyperEnd::Served(Ok(())) if self.slot.client_may_still_send() => {
                connection_end::close_lingering(context, stream).await;
            }
            HyperEnd::Served(Ok(())) => tracing::debug!("connection closed"),
            HyperEnd::Served(Err(error)) => {
                connection_end::fail(context, &stream, &self.timeouts, &error);
            }
            HyperEnd::TimedOut => connection_end::time_out(context, &stream, &self.timeouts),
            HyperEnd::Stream(handoff) => {
                connection_end::hand_over(context, stream, *handoff, permit);
            }
        }
    }
}

fn hyper_for(head_bytes: usize) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        // Our own timeouts distinguish the head from the wait before it.
        .header_read_timeout(None)
        // The bound of a head, and of what is buffered in each direction.
        .max_buf_size(head_bytes)
        // Answers are small: one write of head and body together is faster than a
        // vectored one.
        .writev(false);
    builder
}

/// Whether a request's method is HEAD, whose response has no body.
fn is_head(request: &[u8]) -> bool {
    request.starts_with(b"HEAD ")
}
