//! A parked TLS session: the socket of a reader over HTTPS (HTTP/1.1), with nothing of
//! hyper or tokio left. One write of a worker is one record and one write of the
//! socket; alerts, new keys and the close are rustls' work.
//!
//! Bytes count as written once they are encrypted. A session has at most one record, or
//! several small ones of the same length, that the socket has not taken: more is
//! encrypted only when that is flushed, so a slow reader costs one record, and not the
//! buffer of rustls.

use std::io::{self, ErrorKind, Read, Write};

use bytes::Bytes;
use mio::net::TcpStream;
use rustls::ServerConnection;

use super::socket::{Framing, Socket, Written};
use crate::server::tls::{MAX_RECORD_BYTES, RecordSize};

/// A socket with its TLS session, after the handshake. `T` is another socket in tests
/// only.
#[derive(Debug)]
pub(super) struct TlsSocket<T = TcpStream> {
    pub(super) tcp: T,
    session: ServerConnection,
    records: RecordSize,
}

impl<T: Socket + Write> TlsSocket<T> {
    pub(super) fn new(tcp: T, session: ServerConnection) -> Self {
        Self {
            tcp,
            session,
            records: RecordSize::new(),
        }
    }

    /// Encrypts some of `bytes`: one large record, or several small ones. Returns how
    /// many it were.
    fn encrypt(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let bytes = &bytes[..bytes.len().min(MAX_RECORD_BYTES)];
        let mut encrypted = 0;
        while encrypted < bytes.len() {
            let record = self.records.fitting(&bytes[encrypted..]);
            match self.session.writer().write(record)? {
                0 => return Err(ErrorKind::WriteZero.into()),
                written => {
                    encrypted += written;
                    self.records.wrote(written);
                }
            }
        }
        Ok(encrypted)
    }

    /// Decrypts what was read, and discards it. Returns whether the client has closed
    /// its side.
    fn process(&mut self) -> io::Result<bool> {
        let state = match self.session.process_new_packets() {
            Ok(state) => state,
            Err(error) => {
                // The alert that says why.
                let _ = self.flush();
                return Err(io::Error::new(ErrorKind::InvalidData, error));
            }
        };
        if state.plaintext_bytes_to_read() > 0 {
            // Into nothing: it is not needed.
            let mut reader = self.session.reader();
            let mut bytes = [0; 4096];
            while matches!(reader.read(&mut bytes), Ok(1..)) {}
        }
        Ok(state.peer_has_closed())
    }
}

impl<T: Socket + Write> Read for TlsSocket<T> {
    /// Returns the number of bytes that the client sent, also if they are no data of
    /// an application: a client has no reason to send many. The data is discarded.
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        match self.session.read_tls(&mut self.tcp)? {
            0 => Ok(0),
            read => {
                let is_closed = self.process()?;
                // An answer of the session, such as its new key. The next write
                // flushes what is left of it.
                if self.session.wants_write()
                    && let Written::Failed(error) = self.flush()
                {
                    return Err(error);
                }
                Ok(if is_closed { 0 } else { read })
            }
        }
    }
}

impl<T: Socket + Write> Socket for TlsSocket<T> {
    fn framing(&self) -> Framing {
        Framing::Chunked
    }

    fn send<'a, B: AsRef<[u8]>>(
        &mut self,
        _: impl Iterator<Item = &'a Bytes>,
        joined: impl FnOnce() -> B,
    ) -> Written {
        match self.flush() {
            Written::All => {}
            Written::Partial(_) => return Written::Partial(0),
            Written::Failed(error) => return Written::Failed(error),
        }
        let joined = joined();
        let bytes = joined.as_ref();
        let mut written = 0;
        while written < bytes.len() {
            match self.encrypt(&bytes[written..]) {
                Ok(encrypted) => written += encrypted,
                Err(error) => return Written::Failed(error),
            }
            match self.flush() {
                Written::All => {}
                // Also if all is encrypted: the reader waits until it is flushed.
                Written::Partial(_) => return Written::Partial(written),
                Written::Failed(error) => return Written::Failed(error),
            }
        }
        Written::All
    }

    fn flush(&mut self) -> Written {
        let mut flushed = 0;
        while self.session.wants_write() {
            match self.session.write_tls(&mut self.tcp) {
                Ok(0) => return Written::Failed(ErrorKind::WriteZero.into()),
                Ok(written) => flushed += written,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    return Written::Partial(flushed);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Written::Failed(error),
            }
        }
        Written::All
    }

    fn finish(&mut self) {
        self.session.send_close_notify();
        // It fails only if the connection is gone already.
        let _ = self.flush();
        self.tcp.finish();
    }

    fn can_stall(&self) -> bool {
        true
    }

    fn abandon(&mut self) {
        self.tcp.abandon();
    }
}
