//! Reads an event stream from a socket by RFC 9112 and the HTML standard: head, chunks,
//! lines, fields. A decoder for these tests only, so that a bug of the client's decoder
//! is not repeated.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::transport::TestSocket;

/// Timeout of a silent connection until hello has the ping interval.
pub(crate) const PATIENCE: Duration = Duration::from_secs(3);

/// The most bytes of one read.
const MOST: usize = 4096;

/// One event, or the proper end of the stream.
#[derive(Debug)]
pub(crate) enum Item {
    Event(Event),
    Retry(Duration),
    End,
}

#[derive(Debug, Default)]
pub(crate) struct Event {
    pub(crate) kind: String,
    /// The id in this event, not that of an earlier one.
    pub(crate) id: Option<String>,
    pub(crate) data: String,
}

/// The speed of a reader.
pub(crate) enum Pace {
    /// As fast as possible.
    Free,
    /// A byte per acknowledged message; as fast as possible after the faults.
    Sips {
        clock: watch::Receiver<usize>,
        over: CancellationToken,
    },
}

impl Pace {
    /// Waits until it may read. Returns the number of bytes.
    async fn most(&mut self) -> usize {
        match self {
            Self::Free => MOST,
            Self::Sips { clock, over } => tokio::select! {
                biased;
                () = over.cancelled() => MOST,
                _ = clock.changed() => 1,
            },
        }
    }
}

pub(crate) struct Wire {
    socket: TestSocket,
    pace: Pace,
    /// Timeout of silence.
    pub(crate) silence: Duration,
    /// Received bytes that are not parsed yet.
    bytes: Vec<u8>,
    /// Remaining bytes of the current chunk.
    chunk: usize,
    line: Vec<u8>,
    event: Event,
    items: VecDeque<Item>,
}

impl Wire {
    pub(crate) fn new(socket: TestSocket, pace: Pace) -> Self {
        Self {
            socket,
            pace,
            silence: PATIENCE,
            bytes: Vec::new(),
            chunk: 0,
            line: Vec::new(),
            event: Event::default(),
            items: VecDeque::new(),
        }
    }

    /// Reads the head of the response.
    pub(crate) async fn head(&mut self) -> io::Result<String> {
        self.until(b"\r\n\r\n").await
    }

    /// The next item of the stream. An error is a cut.
    pub(crate) async fn next(&mut self) -> io::Result<Item> {
        loop {
            if let Some(item) = self.items.pop_front() {
                return Ok(item);
            }
            if self.chunk == 0 {
                let size = self.until(b"\r\n").await?;
                self.chunk = usize::from_str_radix(&size, 16).map_err(io::Error::other)?;
                if self.chunk == 0 {
                    self.until(b"\r\n").await?;
                    return self.end().await;
                }
            }
            if self.bytes.is_empty() {
                self.more().await?;
            }
            let count = self.chunk.min(self.bytes.len());
            let piece: Vec<u8> = self.bytes.drain(..count).collect();
            piece.into_iter().for_each(|byte| self.take(byte));
            self.chunk -= count;
            if self.chunk == 0 && !self.until(b"\r\n").await?.is_empty() {
                return Err(io::Error::other("a chunk is longer than it says"));
            }
        }
    }

    /// Checks that after the last chunk the connection is closed without an
    /// incomplete event.
    async fn end(&mut self) -> io::Result<Item> {
        match self.more().await {
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => {}
            Err(error) => return Err(error),
            Ok(()) => return Err(io::Error::other("more after the end")),
        }
        match self.line.is_empty() && self.event.data.is_empty() {
            true => Ok(Item::End),
            false => Err(io::Error::other("the end of an event is missing")),
        }
    }

    /// Reads up to and including `mark`; returns the part before it.
    async fn until(&mut self, mark: &[u8]) -> io::Result<String> {
        loop {
            let found = self
                .bytes
                .windows(mark.len())
                .position(|window| window == mark);
            if let Some(at) = found {
                let text = String::from_utf8_lossy(&self.bytes[..at]).into_owned();
                self.bytes.drain(..at + mark.len());
                return Ok(text);
            }
            self.more().await?;
        }
    }

    async fn more(&mut self) -> io::Result<()> {
        let most = self.pace.most().await;
        let mut buffer = [0; MOST];
        let read = self.socket.read(&mut buffer[..most]);
        let count = tokio::time::timeout(self.silence, read).await??;
        if count == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        self.bytes.extend_from_slice(&buffer[..count]);
        Ok(())
    }

    fn take(&mut self, byte: u8) {
        if byte != b'\n' {
            return self.line.push(byte);
        }
        let line = std::mem::take(&mut self.line);
        let line = String::from_utf8_lossy(&line);
        if line.is_empty() {
            return self.dispatch();
        }
        let (field, value) = line.split_once(':').unwrap_or((&line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => self.event.kind = value.to_owned(),
            "data" => self.event.data.push_str(&format!("{value}\n")),
            "id" => self.event.id = Some(value.to_owned()),
            "retry" => {
                let millis = value.parse().unwrap_or(0);
                self.items
                    .push_back(Item::Retry(Duration::from_millis(millis)));
            }
            _ => {}
        }
    }

    fn dispatch(&mut self) {
        let mut event = std::mem::take(&mut self.event);
        if event.data.pop().is_some() {
            self.items.push_back(Item::Event(event));
        }
    }
}
