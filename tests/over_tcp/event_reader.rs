//! A client of an event stream over a raw socket: dechunked and decoded.

use std::collections::VecDeque;
use std::io;
use std::time::Duration;

use serde_json::Value;
use sse_chat::sse::{Decoder, Item};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::support::{Response, find, within};
use crate::transport::TestSocket;

/// One event of a stream.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Event {
    pub(crate) event: String,
    /// The last event id as of this event.
    pub(crate) id: String,
    /// The data as JSON; null if it is none.
    pub(crate) data: Value,
    /// The data as text.
    pub(crate) text: String,
}

/// Reads an event stream, decoded or raw.
pub(crate) struct EventReader {
    stream: TestSocket,
    pub(crate) head: Response,
    chunked: bool,
    /// Received and not dechunked yet.
    wire: Vec<u8>,
    /// The stream's text so far.
    pub(crate) text: Vec<u8>,
    decoder: Decoder,
    events: VecDeque<Event>,
    pub(crate) retry: Option<Duration>,
    ended: bool,
}

impl EventReader {
    /// Sends a request for a stream on a connection, and reads the head.
    pub(crate) async fn open(stream: impl Into<TestSocket>, request: &[u8]) -> Self {
        let mut stream = stream.into();
        within(stream.write_all(request)).await.unwrap();
        Self::begin(stream, Vec::new()).await
    }

    /// Reads the head of a stream that was requested already.
    pub(crate) async fn begin(stream: impl Into<TestSocket>, mut wire: Vec<u8>) -> Self {
        let mut stream = stream.into();
        let end = loop {
            if let Some(end) = find(&wire, b"\r\n\r\n") {
                break end + 4;
            }
            let read = within(stream.read_buf(&mut wire)).await.unwrap();
            assert_ne!(
                read,
                0,
                "closed before the head: {:?}",
                String::from_utf8_lossy(&wire)
            );
        };
        let head = Response::parse(&wire[..end]);
        assert_eq!(head.status, 200, "{:?}", String::from_utf8_lossy(&wire));
        assert_eq!(head.header("content-type"), Some("text/event-stream"));
        let mut reader = Self {
            stream,
            chunked: head.header("transfer-encoding") == Some("chunked"),
            head,
            wire: wire.split_off(end),
            text: Vec::new(),
            decoder: Decoder::default(),
            events: VecDeque::new(),
            retry: None,
            ended: false,
        };
        reader.take_wire();
        reader
    }

    /// The next event of any name; `None` at a clean end.
    pub(crate) async fn next_or_end(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Some(event);
            }
            if self.ended {
                return None;
            }
            let read = within(self.stream.read_buf(&mut self.wire)).await;
            match read {
                Ok(0) if !self.chunked => self.ended = true,
                Ok(0) => panic!("the stream was cut, not ended"),
                Ok(_) => self.take_wire(),
                Err(error) => panic!("the stream was cut: {error}"),
            }
        }
    }

    pub(crate) async fn next(&mut self) -> Event {
        self.next_or_end().await.expect("the stream goes on")
    }

    /// The next event, which must have this name.
    pub(crate) async fn expect(&mut self, name: &str) -> Event {
        let event = self.next().await;
        assert_eq!(event.event, name, "{event:?}");
        event
    }

    /// The next event of this name; others are skipped.
    pub(crate) async fn find(&mut self, name: &str) -> Event {
        // Pings would extend the deadline of each event for ever.
        within(async {
            loop {
                let event = self.next().await;
                if event.event == name {
                    return event;
                }
            }
        })
        .await
    }

    /// The texts of the next `count` updates.
    pub(crate) async fn messages(&mut self, count: usize) -> Vec<String> {
        let mut messages = Vec::new();
        while messages.len() < count {
            let update = self.find("update").await;
            messages.push(update.data["message"].as_str().unwrap().to_owned());
        }
        messages
    }

    /// The connection, for unusual requests.
    pub(crate) fn into_stream(self) -> TestSocket {
        self.stream
    }

    pub(crate) fn stream(&mut self) -> &mut TestSocket {
        &mut self.stream
    }

    fn take_wire(&mut self) {
        let start = self.text.len();
        if self.chunked {
            while let Some(chunk) = take_chunk(&mut self.wire).unwrap() {
                self.ended |= chunk.is_empty();
                self.text.extend(chunk);
            }
        } else {
            self.text.append(&mut self.wire);
        }
        let (events, retry) = (&mut self.events, &mut self.retry);
        let each = |item: Item<'_>| match item {
            Item::Event(event) => events.push_back(Event {
                event: event.event.into_owned(),
                id: event.id.into_owned(),
                data: serde_json::from_str(&event.data).unwrap_or(Value::Null),
                text: event.data.into_owned(),
            }),
            Item::Retry(wait) => *retry = Some(wait),
            Item::Comment(_) => {}
        };
        self.decoder.feed(&self.text[start..], each).unwrap();
    }
}

/// Removes one whole chunk from the front, if there is one.
fn take_chunk(wire: &mut Vec<u8>) -> io::Result<Option<Vec<u8>>> {
    let Some(line) = find(wire, b"\r\n") else {
        return Ok(None);
    };
    let size = std::str::from_utf8(&wire[..line])
        .ok()
        .and_then(|size| usize::from_str_radix(size, 16).ok());
    let size = size.ok_or_else(|| io::Error::other("not a chunk size"))?;
    let end = line + 2 + size + 2;
    if wire.len() < end {
        return Ok(None);
    }
    let chunk = wire[line + 2..end - 2].to_vec();
    wire.drain(..end);
    Ok(Some(chunk))
}
