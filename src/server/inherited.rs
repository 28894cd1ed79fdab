//! Sockets that a service manager has opened and hands to this process as
//! descriptors: sd_listen_fds(3). It keeps them over a restart, so connections
//! that arrive meanwhile wait in their queue and are not refused. An empty
//! variable counts as unset.

use std::io;
use std::net::TcpListener;
use std::os::fd::AsRawFd as _;

use listenfd::ListenFd;
use socket2::SockRef;

use super::StartError;

/// Addresses that one server listens on, many times over.
const MOST: usize = 1024;

/// The sockets that were handed over; none if nobody did, or if `LISTEN_PID` is
/// another process.
///
/// Call it before a thread starts: it takes `LISTEN_FDS` and `LISTEN_PID` out of
/// the environment, so that no child takes them for its own.
///
/// # Errors
///
/// [`StartError::Inherited`] at the first that is not a TCP listener.
pub fn inherited() -> Result<Vec<TcpListener>, StartError> {
    let variable = |name| std::env::var(name).ok();
    let is_ours = |id: String| id.is_empty() || id.parse() == Ok(std::process::id());
    let count = variable("LISTEN_FDS").filter(|count| !count.trim().is_empty());
    if variable("LISTEN_PID").is_none_or(is_ours) {
        check_count(count.as_deref()).map_err(StartError::Inherited)?;
    }
    let mut sockets = ListenFd::from_env();
    (0..sockets.len())
        .map(|place| listener(&mut sockets, place))
        .map(|socket| socket.map_err(StartError::Inherited))
        .collect()
}

/// Each of them would be taken for a socket.
fn check_count(count: Option<&str>) -> io::Result<()> {
    let is_fine = |count: &str| count.parse::<usize>().is_ok_and(|count| count <= MOST);
    match count.is_none_or(is_fine) {
        true => Ok(()),
        false => Err(io::Error::other(format!(
            "it is to say how many sockets there are, at most {MOST}"
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
    fn so_many_sockets_as_nobody_has_are_a_mistake() {
        for fine in [None, Some("0"), Some("1"), Some("1024")] {
            assert!(check_count(fine).is_ok(), "{fine:?}");
        }
        for wrong in ["", "x", "-1", "1025", "2000000000", "99999999999"] {
            assert!(check_count(Some(wrong)).is_err(), "{wrong}");
        }
    }
}
