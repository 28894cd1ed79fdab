//! Listening and accepting. A failed accept never ends the server, and never
//! makes it spin.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, TcpStream};

use super::{Shared, connection};

/// Connections that wait to be accepted; the kernel may hold it to less.
const BACKLOG: u32 = 4096;
/// How long accepting rests after an error that time may mend, such as having
/// no file descriptor left.
const PAUSE: Duration = Duration::from_millis(100);

pub(super) fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // A server that was restarted takes its port again at once, while its old
    // connections are still in TIME_WAIT. It does not share a port in use.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
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
    let mut failing = false;
    loop {
        match listener.accept().await {
            Ok((stream, _peer)) => {
                failing = false;
                start(stream, shared);
            }
            Err(error) if concerns_one_connection(&error) => {}
            Err(error) => {
                if !std::mem::replace(&mut failing, true) {
                    tracing::warn!(%error, "can't accept connections; trying on");
                }
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

fn start(stream: TcpStream, shared: &Shared) {
    if let Err(error) = set_up(&stream, shared.app.config.stall) {
        tracing::debug!(%error, "a connection ended before it began");
        return;
    }
    shared
        .tasks
        .spawn(connection::serve(stream, shared.clone()));
}

/// The kernel counts milliseconds in a C int: 24 days.
#[cfg(target_os = "linux")]
const LONGEST_USER_TIMEOUT: Duration = Duration::from_millis(i32::MAX as u64);

pub(super) fn set_up(stream: &TcpStream, stall: Duration) -> io::Result<()> {
    // An event is small and must leave at once.
    stream.set_nodelay(true)?;
    // hyper has no timeout for writing, and does not look at a body while the
    // socket is full. The kernel does: a reader that takes nothing for so long,
    // or that has vanished, is gone.
    #[cfg(target_os = "linux")]
    socket2::SockRef::from(stream).set_tcp_user_timeout(Some(stall.min(LONGEST_USER_TIMEOUT)))?;
    Ok(())
}

/// The client gave up between its SYN and our accept.
fn concerns_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset
    )
}
