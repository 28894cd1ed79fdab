//! Accepting connections. A failed accept never ends the server, and never makes
//! it spin. What a connection does is in `connection`.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpListener, TcpStream};

use tracing::Instrument as _;

use super::client_stream::ClientStream;
use super::connection::Connection;
#[cfg(feature = "https")]
use super::connection_end;
use super::context::ServerContext;
#[cfg(feature = "https")]
use super::timeouts::TimeLimits;
#[cfg(feature = "https")]
use super::tls::NoSession;
use crate::config::{Limits, Scheme};
use crate::http::Caller;
#[cfg(feature = "https")]
use crate::http::{BadHead, ConnectionPermit};

/// TCP keep-alive: after this silence, and at this interval, the kernel probes the
/// client. Unanswered probes end the connection by `--stall`, so a vanished reader
/// is gone within a minute even if its pings are rare.
const KEEP_ALIVE_AFTER: Duration = Duration::from_secs(20);
const KEEP_ALIVE_EVERY: Duration = Duration::from_secs(5);
/// The pause after an accept error that time may mend, such as having no file
/// descriptor left.
const PAUSE: Duration = Duration::from_millis(100);
/// Accept errors are logged at most this often.
const LOG_INTERVAL: Duration = Duration::from_secs(10);

/// Accepts until the server drains; then the listener closes.
pub(super) async fn accept_all(listener: TcpListener, scheme: Scheme, context: ServerContext) {
    tokio::select! {
        () = context.app.draining.begins() => {}
        () = context.cut.cancelled() => {}
        () = accept_each(&listener, scheme, &context) => {}
    }
}

async fn accept_each(listener: &TcpListener, scheme: Scheme, context: &ServerContext) {
    let mut logged: Option<Instant> = None;
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => start(stream, peer, scheme, context),
            Err(error) if concerns_one_connection(&error) => {}
            Err(error) => {
                if logged.is_none_or(|logged| logged.elapsed() >= LOG_INTERVAL) {
                    logged = Some(Instant::now());
                    tracing::warn!(%error, "can't accept connections; retrying");
                }
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

fn start(stream: TcpStream, peer: SocketAddr, scheme: Scheme, context: &ServerContext) {
    let number = context.connections.accepted.inc() + 1;
    let config = &context.app.config;
    let Ok(permit) = context.app.admission.connect(peer.ip(), &config.access) else {
        context.connections.unanswered.inc();
        return;
    };
    let set_up = set_up(&stream, &config.limits).and_then(|()| stream.local_addr());
    let local = match set_up {
        Ok(local) => local,
        Err(error) => {
            tracing::debug!(%error, "connection closed before it was set up");
            return;
        }
    };
    let caller = Caller::new(peer, local, permit.refused).over(scheme);
    // Disabled, it costs one comparison per poll.
    let span = tracing::debug_span!("connection", number, %peer);
    match scheme {
        Scheme::Http => {
            let connection = Connection::new(context.clone(), caller);
            let serve = connection.serve(ClientStream::Clear(stream), permit);
            context.tasks.spawn(serve.instrument(span));
        }
        #[cfg(feature = "https")]
        Scheme::Https => {
            let serve = serve_tls(context.clone(), caller, stream, permit);
            context.tasks.spawn(serve.instrument(span));
        }
        #[cfg(not(feature = "https"))]
        Scheme::Https => unreachable!("the configuration was checked"),
    }
}

/// Serves a connection of a TLS listener, from its handshake on.
#[cfg(feature = "https")]
async fn serve_tls(
    context: ServerContext,
    caller: Caller,
    stream: TcpStream,
    permit: ConnectionPermit,
) {
    let tls = context.tls.clone();
    let tls = tls.expect("a TLS listener has certificates, as the configuration was checked");
    let longest = TimeLimits::longest_handshake(&caller);
    // Boxed: it has the session, and ends before the connection is served.
    let session = tokio::select! {
        session = Box::pin(tls.accept(stream, longest)) => session,
        () = context.app.draining.begins() => return,
        () = context.cut.cancelled() => return,
    };
    drop(tls);
    match session {
        Ok(session) => {
            let connection = Connection::new(context, caller);
            let stream = ClientStream::tls(session);
            connection.serve(stream, permit).await;
        }
        Err(NoSession::Clear(stream)) => {
            let bad = BadHead::Malformed("this port speaks TLS: use https");
            let stream = ClientStream::Clear(stream);
            connection_end::refuse(&context, stream, bad, false).await;
        }
        Err(NoSession::TimedOut) => tracing::debug!("connection closed: no handshake in time"),
        Err(NoSession::Gone(error)) => tracing::debug!(%error, "no TLS handshake"),
        Err(NoSession::Failed(error, stream)) => {
            tracing::debug!(%error, "the TLS handshake failed");
            connection_end::close_after_alert(&context, stream).await;
        }
    }
}

/// The kernel counts milliseconds in a C int: at most 24 days.
#[cfg(target_os = "linux")]
const LONGEST_USER_TIMEOUT: Duration = Duration::from_millis(i32::MAX as u64);

pub(super) fn set_up(stream: &TcpStream, limits: &Limits) -> io::Result<()> {
    // Events are small and must be sent at once.
    stream.set_nodelay(true)?;
    let socket = SockRef::from(stream);
    // By default the kernel buffers megabytes for a client that reads slowly.
    if limits.send_buffer > 0 {
        socket.set_send_buffer_size(limits.send_buffer)?;
    }
    // Data that a vanished client never acknowledges ends its connection.
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(limits.stall.min(LONGEST_USER_TIMEOUT)))?;
    let keep_alive = TcpKeepalive::new()
        .with_time(KEEP_ALIVE_AFTER)
        .with_interval(KEEP_ALIVE_EVERY);
    socket.set_tcp_keepalive(&keep_alive)
}

/// Whether the client gave up between its SYN and our accept.
fn concerns_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset
    )
}
