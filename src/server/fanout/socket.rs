//! What the fan-out needs of a socket: a non-blocking one, the write half of a
//! pipe, or in tests one that takes as much as it is told to.

use std::io::{self, Read, Write};

use bytes::{Buf as _, Bytes};

use crate::sse::{Encoded, LAST_CHUNK};

/// What a client may send on after its request: nobody reads it, but a browser
/// or a proxy that sends a little is not thrown out for it.
const MAX_JUNK_BYTES: usize = 64 * 1024;

/// What stands around the events of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Framing {
    /// Each event is a chunk (RFC 9112, section 7.1).
    Chunked,
    /// Nothing: hyper frames what it sends.
    Bare,
}

impl Framing {
    /// An event as it is written.
    pub(super) fn frame(self, event: &Encoded) -> Bytes {
        match self {
            Self::Chunked => event.chunk().clone(),
            Self::Bare => event.text(),
        }
    }

    /// The last event, and the end of the body.
    pub(super) fn frame_last(self, event: &Encoded) -> Bytes {
        match self {
            Self::Chunked => [event.chunk(), LAST_CHUNK].concat().into(),
            Self::Bare => event.text(),
        }
    }
}

/// A socket that never blocks.
pub(super) trait Socket: Read {
    /// How events are written to it.
    fn framing(&self) -> Framing;

    /// One write of `events`. `joined` gives all of them in one piece, for
    /// sockets that copy what they take.
    fn send<'a, B: AsRef<[u8]>>(
        &mut self,
        events: impl Iterator<Item = &'a Bytes>,
        joined: impl FnOnce() -> B,
    ) -> Written;

    /// One write of a part of an event.
    fn send_one(&mut self, bytes: &Bytes) -> Written {
        self.send(std::iter::once(bytes), || bytes)
    }

    /// Says that no more will be written.
    fn finish(&mut self);

    /// Whether the worker closes it when its client takes nothing for too long.
    /// Where hyper has the connection, only that sees what the client takes, and
    /// closes it by the same time.
    fn can_stall(&self) -> bool;

    /// Sees to it that what the other side did not take yet is thrown away
    /// when this is dropped, and not before.
    fn abandon(&mut self);
}

/// How a write went.
#[derive(Debug)]
pub(super) enum Written {
    /// The socket took all of it.
    All,
    /// It took so many bytes, perhaps none, and is full.
    Part(usize),
    /// There is nobody any more.
    Gone(io::Error),
}

/// One non-blocking write.
pub(super) fn write(socket: &mut impl Write, bytes: &[u8]) -> Written {
    loop {
        return match socket.write(bytes) {
            Ok(written) if written == bytes.len() => Written::All,
            Ok(0) => Written::Gone(io::ErrorKind::WriteZero.into()),
            Ok(written) => Written::Part(written),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Written::Part(0),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => Written::Gone(error),
        };
    }
}

/// Where a write of several events broke off: how many of them went out whole,
/// and what is left of the one that went out in part, if there is one.
pub(super) fn broken_off<'a>(
    events: impl IntoIterator<Item = &'a Bytes>,
    mut written: usize,
) -> (usize, Option<Bytes>) {
    let mut whole = 0;
    for event in events {
        if written < event.len() {
            let mut rest = event.clone();
            rest.advance(written);
            return (whole, (written > 0).then_some(rest));
        }
        written -= event.len();
        whole += 1;
    }
    (whole, None)
}

/// Reads what a client sends on after its request, to throw it away. A client
/// that ends its half is gone, as hyper has it too.
pub(super) fn read_junk(socket: &mut impl Read, junk: &mut usize) -> io::Result<()> {
    let mut bytes = [0; 4096];
    loop {
        match socket.read(&mut bytes) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(read) => *junk += read,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        if *junk > MAX_JUNK_BYTES {
            return Err(io::Error::other("it sends on after its request"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_breaks_off_between_events_or_within_one() {
        let events = ["abc", "d", "ef"].map(Bytes::from);
        let after = |written| broken_off(&events, written);
        assert_eq!(after(0), (0, None));
        assert_eq!(after(1), (0, Some("bc".into())));
        assert_eq!(after(3), (1, None));
        assert_eq!(after(4), (2, None));
        assert_eq!(after(5), (2, Some("f".into())));
        assert_eq!(after(6), (3, None));
    }
}
