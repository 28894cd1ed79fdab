//! Accepting. A failed accept never ends the server, and never makes it spin.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpListener, TcpStream};

use super::{Shared, connection};
use crate::config::Limits;
use crate::http::Caller;

/// When a connection has been silent for so long the kernel asks whether the
/// other side is still there, and then so often. What is never answered ends
/// it with the time of `--stall`: a vanished reader is gone within a minute,
/// even if its pings are rare.
const KEEP_ALIVE_AFTER: Duration = Duration::from_secs(20);
const KEEP_ALIVE_EVERY: Duration = Duration::from_secs(5);
/// How long accepting rests after an error that time may mend, such as having
/// no file descriptor left.
const PAUSE: Duration = Duration::from_millis(100);
/// How often the log says so, however often it happens.
const TELL_EVERY: Duration = Duration::from_secs(10);

/// Accepts until the server drains; then the listener closes.
pub(super) async fn accept_all(listener: TcpListener, shared: Shared) {
    tokio::select! {
        () = shared.app.draining.begins() => {}
        () = shared.cut.cancelled() => {}
        () = accept_each(&listener, &shared) => {}
    }
}

async fn accept_each(listener: &TcpListener, shared: &Shared) {
    let mut told: Option<Instant> = None;
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => start(stream, peer, shared),
            Err(error) if concerns_one_connection(&error) => {}
            Err(error) => {
                if told.is_none_or(|told| told.elapsed() >= TELL_EVERY) {
                    told = Some(Instant::now());
                    tracing::warn!(%error, "can't accept connections; trying on");
                }
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

fn start(stream: TcpStream, peer: SocketAddr, shared: &Shared) {
    shared.connections.accept();
    let config = &shared.app.config;
    // Without even a place to be told so, it is closed.
    let Ok(permit) = shared.app.admission.connect(peer.ip(), &config.access) else {
        shared.connections.close_unheard();
        return;
    };
    let set_up = set_up(&stream, &config.limits).and_then(|()| stream.local_addr());
    let local = match set_up {
        Ok(local) => local,
        Err(error) => {
            tracing::debug!(%error, "a connection ended before it began");
            return;
        }
    };
    let accepted = connection::Accepted {
        caller: Caller::new(peer, local, permit.refused),
        stream,
        permit,
    };
    shared
        .tasks
        .spawn(connection::serve(accepted, shared.clone()));
}

/// The kernel counts milliseconds in a C int: 24 days.
#[cfg(target_os = "linux")]
const LONGEST_USER_TIMEOUT: Duration = Duration::from_millis(i32::MAX as u64);

pub(super) fn set_up(stream: &TcpStream, limits: &Limits) -> io::Result<()> {
    // An event is small and must leave at once.
    stream.set_nodelay(true)?;
    let socket = SockRef::from(stream);
    // Left to itself, the kernel keeps megabytes for a client that reads slowly.
    if limits.send_buffer > 0 {
        socket.set_send_buffer_size(limits.send_buffer)?;
    }
    // What a vanished client never acknowledges ends its connection.
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(limits.stall.min(LONGEST_USER_TIMEOUT)))?;
    let keep_alive = TcpKeepalive::new()
        .with_time(KEEP_ALIVE_AFTER)
        .with_interval(KEEP_ALIVE_EVERY);
    socket.set_tcp_keepalive(&keep_alive)
}

/// The client gave up between its SYN and our accept.
fn concerns_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset
    )
}
