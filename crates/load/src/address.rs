//! The address of a server: resolved and tried once before a run, then connected
//! to without waiting.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream as BlockingStream, ToSocketAddrs as _};
use std::time::Duration;

use mio::net::TcpStream;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use sse_chat_client::client::ServerUrl;

use crate::error::{LoadError, LoadErrorKind};

/// Timeout of the first connection.
const REACH_TIMEOUT: Duration = Duration::from_secs(3);
/// Receive buffer of a slow subscriber: small, so that its backpressure reaches
/// the server.
const SLOW_RECEIVE_BUFFER: usize = 4 * 1024;

/// The address that all connections of a run go to.
#[derive(Debug, Clone)]
pub(crate) struct Address {
    /// The address to connect to.
    pub(crate) socket: SocketAddr,
    /// The value of the `Host` header.
    pub(crate) host: String,
    /// The prefix of every path.
    pub(crate) prefix: String,
}

impl Address {
    /// Resolves `url` to the first address that accepts a connection.
    pub(crate) fn reach(url: &ServerUrl) -> Result<Self, LoadError> {
        let unreachable = |why: String| {
            LoadErrorKind::Unreachable.because(format_args!("can't reach {url}: {why}"))
        };
        let addresses = (url.host(), url.port())
            .to_socket_addrs()
            .map_err(|error| unreachable(error.to_string()))?;
        let mut why = "the name has no address".to_owned();
        for socket in addresses {
            match BlockingStream::connect_timeout(&socket, REACH_TIMEOUT) {
                Ok(_) => {
                    return Ok(Self {
                        socket,
                        host: url.authority().to_owned(),
                        prefix: url.path(""),
                    });
                }
                Err(error) => why = error.to_string(),
            }
        }
        Err(unreachable(why))
    }
}

/// Starts a connection without waiting for it. It is established, or has failed,
/// when the socket is writable.
pub(crate) fn connect(
    address: SocketAddr,
    source: Option<IpAddr>,
    slow: bool,
) -> io::Result<TcpStream> {
    let domain = Domain::for_address(address);
    let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    socket.set_tcp_nodelay(true)?;
    if slow {
        socket.set_recv_buffer_size(SLOW_RECEIVE_BUFFER)?;
    }
    if let Some(source) = source {
        socket.bind(&SockAddr::from(SocketAddr::new(source, 0)))?;
    }
    match socket.connect(&SockAddr::from(address)) {
        Err(error) if !is_in_progress(&error) => Err(error),
        _ => Ok(TcpStream::from_std(socket.into())),
    }
}

fn is_in_progress(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock
        || error.raw_os_error() == Some(rustix::io::Errno::INPROGRESS.raw_os_error())
}
