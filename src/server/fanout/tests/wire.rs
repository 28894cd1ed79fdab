//! A socket that takes a set number of bytes, and the client at its other end.

use std::cell::RefCell;
use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::rc::Rc;

use bytes::Bytes;

use super::super::socket::{Framing, Socket, Written, write};

/// The state of a connection that server and client share.
#[derive(Debug, Default)]
pub(super) struct Wire {
    /// How many more bytes the socket takes.
    pub(super) room: usize,
    /// Bytes that it took and the client has not read.
    pub(super) taken: Vec<u8>,
    /// The number of its writes.
    pub(super) writes: usize,
    /// The largest of them.
    pub(super) largest: usize,
    /// Bytes that the client sent and the server has not read.
    pub(super) sent: Vec<u8>,
    /// The client hung up.
    pub(super) is_closed: bool,
    /// The kernel's user timeout is over.
    pub(super) is_timed_out: bool,
    /// The server shut its side down.
    pub(super) is_finished: bool,
    /// The server discards unsent data when it closes.
    pub(super) is_abandoned: bool,
    /// The server closed it.
    pub(super) is_dropped: bool,
}

/// The server's end.
#[derive(Debug)]
pub(super) struct FakeSocket(pub(super) Rc<RefCell<Wire>>);

impl Read for FakeSocket {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let mut wire = self.0.borrow_mut();
        if wire.is_timed_out {
            return Err(ErrorKind::TimedOut.into());
        }
        let read = wire.sent.len().min(bytes.len());
        if read == 0 && !wire.is_closed {
            return Err(ErrorKind::WouldBlock.into());
        }
        bytes[..read].copy_from_slice(&wire.sent[..read]);
        wire.sent.drain(..read);
        Ok(read)
    }
}

impl Write for FakeSocket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut wire = self.0.borrow_mut();
        if wire.is_timed_out {
            return Err(ErrorKind::TimedOut.into());
        }
        if wire.is_closed {
            return Err(ErrorKind::BrokenPipe.into());
        }
        let written = wire.room.min(bytes.len());
        if written == 0 {
            return Err(ErrorKind::WouldBlock.into());
        }
        wire.room -= written;
        wire.writes += 1;
        wire.largest = wire.largest.max(written);
        wire.taken.extend_from_slice(&bytes[..written]);
        Ok(written)
    }

    fn write_vectored(&mut self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        let parts: Vec<&[u8]> = parts.iter().map(|part| &**part).collect();
        self.write(&parts.concat())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Socket for FakeSocket {
    fn framing(&self) -> Framing {
        Framing::Chunked
    }

    fn send<'a, B: AsRef<[u8]>>(
        &mut self,
        _: impl Iterator<Item = &'a Bytes>,
        joined: impl FnOnce() -> B,
    ) -> Written {
        write(self, joined().as_ref())
    }

    fn finish(&mut self) {
        self.0.borrow_mut().is_finished = true;
    }

    fn can_stall(&self) -> bool {
        true
    }

    fn abandon(&mut self) {
        self.0.borrow_mut().is_abandoned = true;
    }
}

impl Drop for FakeSocket {
    fn drop(&mut self) {
        self.0.borrow_mut().is_dropped = true;
    }
}

/// The client's end, which parses head and chunks.
#[derive(Debug, Default)]
pub(super) struct FakeClient {
    pub(super) wire: Rc<RefCell<Wire>>,
    /// Read, but not a whole chunk yet.
    bytes: Vec<u8>,
    is_past_head: bool,
    /// The last chunk has arrived.
    pub(super) is_at_end: bool,
}

impl FakeClient {
    /// The text of the whole chunks since the last call.
    pub(super) fn text(&mut self) -> Vec<u8> {
        self.bytes.append(&mut self.wire.borrow_mut().taken);
        if !self.is_past_head {
            let Some(head) = find(&self.bytes, b"\r\n\r\n") else {
                return Vec::new();
            };
            self.bytes.drain(..head + 4);
            self.is_past_head = true;
        }
        let mut text = Vec::new();
        while let Some(chunk) = self.next_chunk() {
            text.extend_from_slice(&chunk);
        }
        text
    }

    fn next_chunk(&mut self) -> Option<Vec<u8>> {
        let head = find(&self.bytes, b"\r\n")?;
        let digits = std::str::from_utf8(&self.bytes[..head]).unwrap();
        let size = usize::from_str_radix(digits, 16).unwrap();
        let (start, end) = (head + 2, head + 2 + size);
        let line_end = self.bytes.get(end..end + 2)?;
        assert_eq!(line_end, b"\r\n", "a chunk is as long as it says");
        assert!(!self.is_at_end, "nothing comes after the last chunk");
        self.is_at_end = size == 0;
        let chunk = self.bytes[start..end].to_vec();
        self.bytes.drain(..end + 2);
        (!self.is_at_end).then_some(chunk)
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}
