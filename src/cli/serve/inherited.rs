//! Socket activation: sockets that a service manager opened and passes to this
//! process as descriptors, by sd_listen_fds(3). They stay open over a restart, so
//! connections that arrive meanwhile wait in their queue and are not refused. An
//! empty variable counts as unset. A socket with the name `https`
//! (`FileDescriptorName=`) speaks TLS, every other one is in clear.

use std::io;
use std::net::TcpListener;
use std::os::fd::AsRawFd as _;

use listenfd::ListenFd;
use socket2::SockRef;

use crate::config::Scheme;
use crate::server::{PassedSocket, StartError};

/// The name of a socket that speaks TLS.
const HTTPS: &str = "https";
/// More sockets than any server listens on.
const MAX_SOCKETS: usize = 1024;

/// The sockets that were passed to this process; none if `LISTEN_FDS` is unset or
/// `LISTEN_PID` is another process.
///
/// Call it before any thread starts: it removes `LISTEN_FDS` and `LISTEN_PID` from
/// the environment, so that child processes do not use them.
///
/// # Errors
///
/// [`StartError::Inherited`] at the first socket that is not a TCP listener.
pub(super) fn inherited() -> Result<Vec<PassedSocket>, StartError> {
    let variable = |name| std::env::var(name).ok();
    let is_ours = |id: String| id.is_empty() || id.parse() == Ok(std::process::id());
    let count = variable("LISTEN_FDS").filter(|count| !count.trim().is_empty());
    if variable("LISTEN_PID").is_none_or(is_ours) {
        check_count(count.as_deref()).map_err(StartError::Inherited)?;
    }
    let names = variable("LISTEN_FDNAMES").unwrap_or_default();
    let mut sockets = ListenFd::from_env();
    (0..sockets.len())
        .map(|place| {
            let socket = listener(&mut sockets, place).map_err(StartError::Inherited)?;
            let scheme = scheme(&names, place);
            Ok(PassedSocket { socket, scheme })
        })
        .collect()
}

/// What the socket at `place` speaks, by the names with colons between them.
fn scheme(names: &str, place: usize) -> Scheme {
    match names.split(':').nth(place) {
        Some(HTTPS) => Scheme::Https,
        _ => Scheme::Http,
    }
}

/// Checks `LISTEN_FDS`: each descriptor of this number would be used as a socket.
fn check_count(count: Option<&str>) -> io::Result<()> {
    let is_fine = |count: &str| {
        count
            .parse::<usize>()
            .is_ok_and(|count| count <= MAX_SOCKETS)
    };
    match count.is_none_or(is_fine) {
        true => Ok(()),
        false => Err(io::Error::other(format!(
            "expected the number of sockets, at most {MAX_SOCKETS}"
        ))),
    }
}

fn listener(sockets: &mut ListenFd, place: usize) -> io::Result<TcpListener> {
    let socket = sockets
        .take_tcp_listener(place)?
        .ok_or(io::ErrorKind::NotFound)?;
    // A socket unit with Accept=yes hands over connections.
    if !SockRef::from(&socket).is_listener()? {
        let why = format!("fd {} does not listen", socket.as_raw_fd());
        return Err(io::Error::other(why));
    }
    socket.set_nonblocking(true)?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_named_https_speaks_tls() {
        let schemes = |names| [0, 1, 2].map(|place| scheme(names, place));
        let (http, https) = (Scheme::Http, Scheme::Https);
        assert_eq!(schemes("sse-chat.socket:https:https"), [http, https, https]);
        assert_eq!(schemes("https"), [https, http, http]);
        assert_eq!(schemes(""), [http; 3]);
        assert_eq!(schemes("HTTPS:https2:"), [http; 3]);
    }

    #[test]
    fn an_implausible_number_of_sockets_is_refused() {
        for fine in [None, Some("0"), Some("1"), Some("1024")] {
            assert!(check_count(fine).is_ok(), "{fine:?}");
        }
        for wrong in ["", "x", "-1", "1025", "2000000000", "99999999999"] {
            assert!(check_count(Some(wrong)).is_err(), "{wrong}");
        }
    }
}
