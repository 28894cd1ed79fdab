//! The readers: their sockets, and how many messages each has received.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::thread::sleep;
use std::time::{Duration, Instant};

use mio::{Events, Interest, Poll, Token};

use crate::publish::MARK;

/// The number of connections that are opened before their answers are awaited.
const BATCH: usize = 256;
/// The time limit for opening a batch.
const OPEN_LIMIT: Duration = Duration::from_secs(20);
/// The timeout of one poll.
const TURN: Duration = Duration::from_millis(10);
const EVENTS: usize = 1024;
const BUFFER_BYTES: usize = 64 << 10;
/// The length of `HTTP/1.1 200`.
const STATUS_BYTES: usize = 12;

/// All readers, in one poll.
#[derive(Debug)]
pub(crate) struct Readers {
    poll: Poll,
    events: Events,
    buffer: Vec<u8>,
    all: Vec<Reader>,
    /// The interval at which they read; zero to read as soon as data arrives.
    nap: Duration,
    /// Messages received by all readers together.
    pub(crate) received: u64,
    /// The number of streams that were answered with 200.
    pub(crate) opened: u64,
    /// The number of answers with another status and of streams that ended.
    pub(crate) ended: u64,
}

#[derive(Debug)]
struct Reader {
    socket: mio::net::TcpStream,
    /// The first bytes of its answer have been read.
    answered: bool,
    received: u64,
}

impl Readers {
    /// Opens `count` streams with `request`.
    pub(crate) fn open(address: SocketAddr, request: &[u8], count: usize) -> io::Result<Self> {
        let mut readers = Self {
            poll: Poll::new()?,
            events: Events::with_capacity(EVENTS),
            buffer: vec![0; BUFFER_BYTES],
            all: Vec::with_capacity(count),
            nap: Duration::ZERO,
            received: 0,
            opened: 0,
            ended: 0,
        };
        while readers.all.len() < count {
            let batch = BATCH.min(count - readers.all.len());
            readers.open_batch(address, request, batch)?;
        }
        Ok(readers)
    }

    fn open_batch(&mut self, address: SocketAddr, request: &[u8], count: usize) -> io::Result<()> {
        for _ in 0..count {
            self.open_one(address, request)?;
        }
        let limit = Instant::now() + OPEN_LIMIT;
        while self.opened + self.ended < self.all.len() as u64 {
            if Instant::now() > limit {
                return Err(io::Error::other("streams are not answered"));
            }
            self.turn()?;
        }
        Ok(())
    }

    fn open_one(&mut self, address: SocketAddr, request: &[u8]) -> io::Result<()> {
        let mut socket = TcpStream::connect(address)?;
        socket.set_nodelay(true)?;
        socket.write_all(request)?;
        socket.set_nonblocking(true)?;
        let mut socket = mio::net::TcpStream::from_std(socket);
        let token = Token(self.all.len());
        self.poll
            .registry()
            .register(&mut socket, token, Interest::READABLE)?;
        self.all.push(Reader {
            socket,
            answered: false,
            received: 0,
        });
        Ok(())
    }

    /// Sets the interval at which readers read.
    pub(crate) fn nap(&mut self, nap: Duration) {
        self.nap = nap;
    }

    /// Reads all available data, after a nap or as soon as data arrives.
    pub(crate) fn turn(&mut self) -> io::Result<()> {
        let wait = match self.nap.is_zero() {
            true => TURN,
            false => Duration::ZERO,
        };
        sleep(self.nap);
        loop {
            match self.poll.poll(&mut self.events, Some(wait)) {
                Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(()),
                polled => polled?,
            }
            self.read_ready()?;
            // All available data is read before the next nap.
            if self.nap.is_zero() || self.events.is_empty() {
                return Ok(());
            }
        }
    }

    fn read_ready(&mut self) -> io::Result<()> {
        for event in &self.events {
            let reader = &mut self.all[event.token().0];
            let before = reader.received;
            let was_answered = reader.answered;
            let open = reader.read(&mut self.buffer)?;
            self.received += reader.received - before;
            self.opened += u64::from(open && !was_answered && reader.answered);
            if !open {
                self.ended += 1;
                self.poll.registry().deregister(&mut reader.socket)?;
            }
        }
        Ok(())
    }

    /// The numbers of lost and of duplicated deliveries, of `sent` messages.
    pub(crate) fn lost_and_doubled(&self, sent: u64) -> (u64, u64) {
        let lost = |reader: &Reader| sent.saturating_sub(reader.received);
        let doubled = |reader: &Reader| reader.received.saturating_sub(sent);
        (
            self.all.iter().map(lost).sum(),
            self.all.iter().map(doubled).sum(),
        )
    }
}

impl Reader {
    /// Reads until the socket is empty. False if the stream has ended or was refused.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<bool> {
        loop {
            match self.socket.read(buffer) {
                Ok(0) => return Ok(false),
                Ok(read) if !self.answered && !is_ok(&buffer[..read]) => return Ok(false),
                Ok(read) => {
                    self.answered = true;
                    self.received += marks(&buffer[..read]);
                    if read < buffer.len() {
                        return Ok(true);
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(true),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return Ok(false),
                Err(error) => return Err(error),
            }
        }
    }
}

/// Whether an answer begins with the status 200.
fn is_ok(answer: &[u8]) -> bool {
    answer.starts_with(b"HTTP/1.")
        && answer
            .get(..STATUS_BYTES)
            .is_some_and(|s| s.ends_with(b"200"))
}

fn marks(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|byte| **byte == MARK).count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_status_200_opens_a_stream() {
        assert!(is_ok(b"HTTP/1.0 200 OK\r\n"));
        assert!(!is_ok(b"HTTP/1.1 503 Service Unavailable\r\n"));
        assert!(!is_ok(b"HTTP/1.1"));
    }
}
