//! The transports of a worker's readers.

use std::io::{self, Read};

use bytes::Bytes;
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};

use super::pipe::PipeWriter;
use super::socket::{Framing, Socket, Written, write};

/// How a reader's stream reaches it.
#[derive(Debug)]
pub(super) enum Transport {
    /// HTTP/1.1: the worker has the socket.
    Tcp(TcpStream),
    /// hyper has the connection, and the worker the write half of its body.
    Pipe(PipeWriter),
}

impl Transport {
    /// From now on the worker learns under `token` when it can write, and when
    /// the client is gone.
    pub(super) fn register(&mut self, registry: &Registry, token: usize) -> io::Result<()> {
        match self {
            Self::Tcp(socket) => {
                let interest = Interest::READABLE | Interest::WRITABLE;
                registry.register(socket, Token(token), interest)
            }
            Self::Pipe(pipe) => {
                pipe.register(token);
                Ok(())
            }
        }
    }
}

impl Read for Transport {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(socket) => socket.read(bytes),
            Self::Pipe(pipe) => pipe.read(bytes),
        }
    }
}

impl Socket for Transport {
    fn framing(&self) -> Framing {
        match self {
            Self::Tcp(_) => Framing::Chunked,
            Self::Pipe(pipe) => pipe.framing(),
        }
    }

    fn send<'a, B: AsRef<[u8]>>(
        &mut self,
        events: impl Iterator<Item = &'a Bytes>,
        joined: impl FnOnce() -> B,
    ) -> Written {
        match self {
            Self::Tcp(socket) => write(socket, joined().as_ref()),
            Self::Pipe(pipe) => pipe.send(events, joined),
        }
    }

    fn finish(&mut self) {
        match self {
            // An error says that the other side is gone already.
            Self::Tcp(socket) => drop(socket.shutdown(std::net::Shutdown::Write)),
            Self::Pipe(pipe) => pipe.finish(),
        }
    }

    fn can_stall(&self) -> bool {
        match self {
            Self::Tcp(_) => true,
            Self::Pipe(pipe) => pipe.can_stall(),
        }
    }

    fn abandon(&mut self) {
        match self {
            Self::Tcp(socket) => {
                let linger = Some(std::time::Duration::ZERO);
                let _ = socket2::SockRef::from(&*socket).set_linger(linger);
            }
            Self::Pipe(pipe) => pipe.abandon(),
        }
    }
}
