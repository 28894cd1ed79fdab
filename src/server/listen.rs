//! Listening and accepting. A failed accept never ends the server, and never
//! makes it spin.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

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

/// Listens on one of `all` addresses. `[::]` is every address of IPv4, too,
/// unless `0.0.0.0` is one of the others.
pub(super) fn bind(
    address: SocketAddr,
    all: &[SocketAddr],
    limits: &Limits,
) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // A server that was restarted takes its port again at once, while its old
    // connections are still in TIME_WAIT. It does not share a port in use.
    socket.set_reuseaddr(true)?;
    let ipv4 = SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), address.port());
    if address.ip() == Ipv6Addr::UNSPECIFIED && all.contains(&ipv4) {
        SockRef::from(&socket).set_only_v6(true)?;
    }
    socket.bind(address)?;
    socket.listen(limits.accept_queue)
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_address_of_both_kinds_may_be_listed() {
        let limits = Limits::default();
        let first = bind("0.0.0.0:0".parse().unwrap(), &[], &limits).unwrap();
        let ipv4 = first.local_addr().unwrap();
        let ipv6 = SocketAddr::new("::".parse().unwrap(), ipv4.port());
        let both = [ipv4, ipv6];
        assert!(bind(ipv6, &[ipv6], &limits).is_err(), "it would be both");
        let local = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), ipv4.port());
        assert!(bind(ipv6, &[ipv6, local], &limits).is_err(), "and so here");
        let second = bind(ipv6, &both, &limits).unwrap();
        assert_eq!(second.local_addr().unwrap(), ipv6);
    }
}
