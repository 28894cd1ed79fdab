//! A non-blocking socket of the generator, in clear or with TLS. Both are read into a
//! buffer that all sockets of a thread share.

mod session;
mod tls_peer;

use std::io::{self, Read as _, Write as _};

use mio::net::TcpStream;

use self::session::Session;
pub(crate) use self::tls_peer::TlsPeer;

/// A socket, and its TLS session if it has one.
#[derive(Debug)]
pub(crate) struct LoadSocket {
    tcp: TcpStream,
    session: Option<Box<Session>>,
    /// Bytes that the kernel has not taken.
    unsent: Vec<u8>,
}

/// The result of one read.
#[derive(Debug)]
pub(crate) enum Received {
    /// Bytes came over TCP.
    Bytes {
        taken: usize,
        /// The socket is empty: an event announces more.
        emptied: bool,
    },
    /// Nothing has come.
    Nothing,
    /// The server has closed its side.
    End,
    /// The connection is broken.
    Broken(io::Error),
}

impl LoadSocket {
    /// A socket whose connection is being established. With a `peer` it speaks TLS.
    pub(crate) fn new(tcp: TcpStream, peer: Option<&TlsPeer>) -> io::Result<Self> {
        let session = peer.map(Session::new).transpose()?;
        Ok(Self {
            tcp,
            session: session.map(Box::new),
            unsent: Vec::new(),
        })
    }

    /// The socket, to register it.
    pub(crate) fn tcp(&mut self) -> &mut TcpStream {
        &mut self.tcp
    }

    pub(crate) fn is_tls(&self) -> bool {
        self.session.is_some()
    }

    /// Whether the TCP connection is established.
    ///
    /// # Errors
    ///
    /// The reason why it can't be.
    pub(crate) fn is_connected(&self) -> io::Result<bool> {
        if let Some(error) = self.tcp.take_error()? {
            return Err(error);
        }
        match self.tcp.peer_addr() {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Sends the first flight of the handshake, over a TCP connection that is
    /// established. Without TLS there is none.
    pub(crate) fn start(&mut self) -> io::Result<()> {
        if let Some(session) = &mut self.session {
            let started = session.receive(&mut [], &mut self.unsent, |_| Ok::<(), ()>(()));
            started.map_err(|error| io::Error::other(error.reason()))?;
        }
        self.flush()
    }

    /// Whether requests may be sent: at once in clear, else after the handshake.
    pub(crate) fn is_ready(&self) -> bool {
        self.session
            .as_ref()
            .is_none_or(|session| session.is_established())
    }

    /// Sends `bytes`, or keeps them until the kernel takes them. The socket is ready.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.session {
            None => self.unsent.extend_from_slice(bytes),
            Some(session) => session.send(bytes, &mut self.unsent)?,
        }
        self.flush()
    }

    /// Sends what the kernel has not taken so far.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        while !self.unsent.is_empty() {
            match self.tcp.write(&self.unsent) {
                Ok(written) if written == self.unsent.len() => self.unsent = Vec::new(),
                Ok(written) => drop(self.unsent.drain(..written)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Reads once, at most `limit` bytes, and calls `sink` with each piece of what the
    /// server sent. `buffer` must have room for a TLS record and more.
    ///
    /// # Errors
    ///
    /// Those of `sink`.
    pub(crate) fn read<E>(
        &mut self,
        buffer: &mut [u8],
        limit: usize,
        mut sink: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<Received, E> {
        let kept = match &mut self.session {
            None => 0,
            Some(session) if session.is_over() => return Ok(Received::End),
            Some(session) => session.restore(buffer),
        };
        let room = (buffer.len() - kept).min(limit);
        let taken = loop {
            match self.tcp.read(&mut buffer[kept..kept + room]) {
                Ok(0) => return Ok(Received::End),
                Ok(taken) => break taken,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    if let Some(session) = &mut self.session {
                        session.keep(&buffer[..kept]);
                    }
                    return Ok(match is_not_ready(&error) {
                        true => Received::Nothing,
                        false => Received::Broken(error),
                    });
                }
            }
        };
        let received = Received::Bytes {
            taken,
            emptied: taken < room,
        };
        let Some(session) = &mut self.session else {
            sink(&buffer[..taken])?;
            return Ok(received);
        };
        let done = session.receive(&mut buffer[..kept + taken], &mut self.unsent, sink);
        // Also an alert has to be sent.
        let flushed = self.flush();
        match (done, flushed) {
            (Err(session::Failure::Sink(error)), _) => Err(error),
            (Err(failure), _) => Ok(Received::Broken(io::Error::other(failure.reason()))),
            (Ok(()), Err(error)) => Ok(Received::Broken(error)),
            (Ok(()), Ok(())) => Ok(received),
        }
    }
}

/// The connection is not established yet, or has nothing to read.
fn is_not_ready(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::NotConnected
    )
}
