//! A client that writes frames by hand, as no honest one would.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

use crate::support::{TestServer, within};

pub(super) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

pub(super) const DATA: u8 = 0;
pub(super) const HEADERS: u8 = 1;
pub(super) const RESET: u8 = 3;
pub(super) const SETTINGS: u8 = 4;
pub(super) const PING: u8 = 6;
pub(super) const GO_AWAY: u8 = 7;
pub(super) const WINDOW_UPDATE: u8 = 8;
pub(super) const CONTINUATION: u8 = 9;

pub(super) const END_STREAM: u8 = 1;
pub(super) const ACK: u8 = 1;
pub(super) const END_HEADERS: u8 = 4;

/// Reasons of resets and ends.
pub(super) const NO_ERROR: u32 = 0;
pub(super) const PROTOCOL_ERROR: u32 = 1;
pub(super) const REFUSED_STREAM: u32 = 7;
pub(super) const CANCEL: u32 = 8;
pub(super) const ENHANCE_YOUR_CALM: u32 = 11;

/// The bytes of one frame.
pub(super) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = vec![length[1], length[2], length[3], kind, flags];
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// A frame with settings.
pub(super) fn settings(pairs: &[(u16, u32)]) -> Vec<u8> {
    let mut payload = Vec::new();
    for (name, value) in pairs {
        payload.extend(name.to_be_bytes());
        payload.extend(value.to_be_bytes());
    }
    frame(SETTINGS, 0, 0, &payload)
}

/// A header block without compression.
pub(super) fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    let string = |block: &mut Vec<u8>, text: &str| {
        // An integer with a prefix of 7 bits (RFC 7541, section 5.1).
        let mut rest = text.len();
        if rest < 127 {
            block.push(u8::try_from(rest).unwrap());
        } else {
            block.push(127);
            rest -= 127;
            while rest >= 128 {
                block.push(u8::try_from(rest % 128 + 128).unwrap());
                rest /= 128;
            }
            block.push(u8::try_from(rest).unwrap());
        }
        block.extend(text.as_bytes());
    };
    for (name, value) in fields {
        block.push(0);
        string(&mut block, name);
        string(&mut block, value);
    }
    block
}

/// The header block of a request.
pub(super) fn request(method: &str, path: &str, more: &[(&str, &str)]) -> Vec<u8> {
    let fields = [
        (":method", method),
        (":scheme", "http"),
        (":path", path),
        (":authority", "a"),
    ];
    block(&[&fields, more].concat())
}

/// A request without a body.
pub(super) fn get(stream: u32, path: &str) -> Vec<u8> {
    let block = request("GET", path, &[]);
    frame(HEADERS, END_STREAM | END_HEADERS, stream, &block)
}

/// A frame that was received.
#[derive(Debug, Clone)]
pub(super) struct Frame {
    pub(super) kind: u8,
    pub(super) flags: u8,
    pub(super) stream: u32,
    pub(super) payload: Vec<u8>,
}

impl Frame {
    /// The reason of a reset or an end.
    pub(super) fn reason(&self) -> u32 {
        // GOAWAY has the number of a stream before it, and may have a text after it.
        let start = if self.kind == GO_AWAY { 4 } else { 0 };
        let reason = self.payload[start..].first_chunk().unwrap();
        u32::from_be_bytes(*reason)
    }

    /// Whether the response's status is 200.
    pub(super) fn is_ok(&self) -> bool {
        // The first field, from the static table (RFC 7541, appendix A).
        self.kind == HEADERS && self.payload.first() == Some(&0x88)
    }
}

/// One connection.
pub(super) struct Raw {
    read: OwnedReadHalf,
    /// `None` if another task writes.
    write: Option<OwnedWriteHalf>,
    received: Vec<u8>,
}

impl Raw {
    /// A connection on which nothing was sent.
    pub(super) async fn connect(server: &TestServer) -> Self {
        let stream = within(TcpStream::connect(server.address())).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let (read, write) = stream.into_split();
        Self {
            read,
            write: Some(write),
            received: Vec::new(),
        }
    }

    /// A connection that has begun with these settings.
    pub(super) async fn open(server: &TestServer, pairs: &[(u16, u32)]) -> Self {
        let mut raw = Self::connect(server).await;
        raw.send(&[PREFACE, &settings(pairs)].concat()).await;
        raw
    }

    pub(super) async fn send(&mut self, bytes: &[u8]) {
        let write = self.write.as_mut().unwrap();
        within(write.write_all(bytes)).await.unwrap();
    }

    /// The half that writes, for another task.
    pub(super) fn take_write(&mut self) -> OwnedWriteHalf {
        self.write.take().unwrap()
    }

    /// The next frame; `None` when the server has closed.
    pub(super) async fn next(&mut self) -> Option<Frame> {
        loop {
            if let Some(frame) = self.take() {
                return Some(frame);
            }
            match within(self.read.read_buf(&mut self.received)).await {
                Ok(0) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }

    fn take(&mut self) -> Option<Frame> {
        let [a, b, c, kind, flags, stream @ ..] = *self.received.first_chunk::<9>()?;
        let end = 9 + u32::from_be_bytes([0, a, b, c]) as usize;
        let payload = self.received.get(9..end)?.to_vec();
        self.received.drain(..end);
        Some(Frame {
            kind,
            flags,
            stream: u32::from_be_bytes(stream),
            payload,
        })
    }

    /// The next frame of this kind. Others are skipped, and pings answered.
    pub(super) async fn find(&mut self, kind: u8) -> Frame {
        loop {
            let frame = self.next().await.expect("the connection goes on");
            if frame.kind == kind {
                return frame;
            }
            self.answer(&frame).await;
        }
    }

    /// Answers a ping and settings.
    async fn answer(&mut self, received: &Frame) {
        if matches!(received.kind, PING | SETTINGS) && received.flags & ACK == 0 {
            let payload = match received.kind {
                PING => &*received.payload,
                _ => &[],
            };
            let answer = frame(received.kind, ACK, 0, payload);
            if let Some(write) = &mut self.write {
                // The server may have closed.
                let _ = within(write.write_all(&answer)).await;
            }
        }
    }

    /// Reads until the server closes. Returns the reason of its last GOAWAY.
    pub(super) async fn end(&mut self) -> Option<u32> {
        let mut reason = None;
        while let Some(frame) = self.next().await {
            if frame.kind == GO_AWAY {
                reason = Some(frame.reason());
            }
            self.answer(&frame).await;
        }
        reason
    }
}
