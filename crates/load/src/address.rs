//! The address of a server: resolved and tried once before a run, then connected
//! to without waiting.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream as BlockingStream, ToSocketAddrs as _};
use std::time::Duration;

use mio::net::TcpStream;
use rustls::ClientConnection;
use rustls::pki_types::ServerName;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use sse_chat_client::client::ServerUrl;

use crate::error::{LoadError, LoadErrorKind};
use crate::http_version::HttpVersion;
use crate::socket::{LoadSocket, TlsPeer};
use crate::trust::{CertificateTrust, client_config, explain};

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
    /// What a TLS handshake needs; none for plain HTTP.
    pub(crate) tls: Option<TlsPeer>,
}

impl Address {
    /// Resolves `url` to the first address that accepts a connection and, over `https`,
    /// completes a handshake.
    pub(crate) fn reach(
        url: &ServerUrl,
        http: HttpVersion,
        trust: &CertificateTrust,
    ) -> Result<Self, LoadError> {
        let unreachable = |why: String| {
            LoadErrorKind::Unreachable.because(format_args!("can't reach {url}: {why}"))
        };
        let tls = match url.is_tls() {
            true => Some(peer(url, http, trust).map_err(|why| LoadErrorKind::Failed.because(why))?),
            false => None,
        };
        let addresses = (url.host(), url.port())
            .to_socket_addrs()
            .map_err(|error| unreachable(error.to_string()))?;
        let mut why = "the name has no address".to_owned();
        for socket in addresses {
            match attempt(socket, tls.as_ref(), http) {
                Ok(()) => {
                    return Ok(Self {
                        socket,
                        host: url.authority().to_owned(),
                        prefix: url.path(""),
                        tls,
                    });
                }
                Err(error) => why = error,
            }
        }
        Err(unreachable(why))
    }

    /// Starts a connection without waiting for it. It is established, or has failed,
    /// when the socket is writable.
    pub(crate) fn connect(&self, source: Option<IpAddr>, slow: bool) -> io::Result<LoadSocket> {
        let tcp = connect(self.socket, source, slow)?;
        LoadSocket::new(tcp, self.tls.as_ref())
    }
}

fn peer(url: &ServerUrl, http: HttpVersion, trust: &CertificateTrust) -> Result<TlsPeer, String> {
    let name = ServerName::try_from(url.host().to_owned())
        .map_err(|error| format!("{}: {error}", url.host()))?;
    Ok(TlsPeer {
        config: client_config(trust, http)?,
        name,
    })
}

/// Connects to `address` once, with a handshake if there is a `peer`.
fn attempt(address: SocketAddr, peer: Option<&TlsPeer>, http: HttpVersion) -> Result<(), String> {
    let connected = BlockingStream::connect_timeout(&address, REACH_TIMEOUT);
    let mut tcp = connected.map_err(|error| error.to_string())?;
    let Some(TlsPeer { config, name }) = peer else {
        return Ok(());
    };
    let mut tls =
        ClientConnection::new(config.clone(), name.clone()).map_err(|error| explain(&error))?;
    let timeouts = tcp.set_read_timeout(Some(REACH_TIMEOUT));
    timeouts.map_err(|error| error.to_string())?;
    tls.complete_io(&mut tcp).map_err(|error| {
        let cause = error.get_ref().and_then(|cause| cause.downcast_ref());
        match (cause, error.kind()) {
            (Some(cause), _) => explain(cause),
            (None, io::ErrorKind::WouldBlock) => {
                format!("no TLS handshake within {REACH_TIMEOUT:?}")
            }
            (None, _) => format!("the TLS handshake failed: {error}"),
        }
    })?;
    if http.is_http2() && tls.alpn_protocol() != Some(http.alpn()) {
        return Err("the server does not speak HTTP/2".to_owned());
    }
    tls.send_close_notify();
    // The server may have closed the connection already.
    let _ = tls.write_tls(&mut tcp);
    Ok(())
}

fn connect(address: SocketAddr, source: Option<IpAddr>, slow: bool) -> io::Result<TcpStream> {
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
