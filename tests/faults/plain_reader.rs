//! A reader that behaves like a browser's EventSource: it reconnects with the last
//! event id. It shares no code with the server or its client.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpSocket;

use crate::notes::{Notes, Page};
use crate::record::{Gap, Seen};
use crate::transport::{TestSocket, Transport};
use crate::wire::{Event, Item, PATIENCE, Pace, Wire};

/// Ping intervals without a byte after which an impatient reader reconnects. A
/// browser would wait longer.
const SILENT_PINGS: u32 = 5;
/// The receive buffer of a slow reader: the smallest one.
const SMALL: u32 = 2048;
/// The same for records of TLS, which the smallest window lets through a piece at a time,
/// each when a timer of the kernel ends.
const SMALL_FOR_RECORDS: u32 = 16 * 1024;

pub(crate) struct PlainReader {
    pub(crate) address: SocketAddr,
    transport: Transport,
    pub(crate) page: Page,
    /// Path and query of its stream.
    pub(crate) path: String,
    /// The Last-Event-ID of a reconnect; empty for none.
    pub(crate) cursor: String,
    retry: Duration,
    is_patient: bool,
    sips: Option<Notes>,
}

#[derive(Deserialize)]
struct Hello {
    cursor: String,
    ping_ms: u64,
    rooms: Vec<HelloRoom>,
}

#[derive(Deserialize)]
struct HelloRoom {
    room: String,
    next: u64,
}

#[derive(Deserialize)]
struct Hole {
    room: String,
    reason: String,
    lost: Option<u64>,
    next: u64,
}

impl PlainReader {
    pub(crate) fn new(address: SocketAddr, page: Page) -> Self {
        let rooms = page.look(|reading| reading.rooms.join("&room="));
        Self {
            address,
            transport: Transport::Clear,
            page,
            path: format!("/events?room={rooms}"),
            cursor: String::new(),
            retry: Duration::from_millis(50),
            is_patient: true,
            sips: None,
        }
    }

    /// Reads over this transport.
    pub(crate) fn over(mut self, transport: Transport) -> Self {
        self.transport = transport;
        self
    }

    /// Reconnects after silence: for tests that drop bytes or stop the server.
    /// Otherwise silence means a slow machine.
    pub(crate) fn impatient(mut self) -> Self {
        self.is_patient = false;
        self
    }

    /// Reads one byte per acknowledged message until the faults are over.
    pub(crate) fn sipping(mut self, notes: &Notes) -> Self {
        self.sips = Some(notes.clone());
        self
    }

    /// Reads and reconnects forever.
    pub(crate) async fn follow(mut self) {
        loop {
            self.read_one_stream().await;
            tokio::time::sleep(self.retry).await;
        }
    }

    /// Reads one stream to its end or error.
    pub(crate) async fn read_one_stream(&mut self) {
        let Ok(mut wire) = self.open().await else {
            return;
        };
        let end = loop {
            match wire.next().await {
                Ok(Item::Event(event)) => self.take(event, &mut wire),
                Ok(Item::Retry(retry)) => self.retry = retry,
                Ok(Item::End) => break Seen::Ended,
                Err(error) if error.kind() == io::ErrorKind::Other => {
                    self.page.saw(Seen::Invalid(error.to_string()));
                    break Seen::Cut;
                }
                Err(_) => break Seen::Cut,
            }
        };
        self.page.saw(end);
    }

    /// Opens the stream and reads the head. An error means that a browser would
    /// reconnect.
    async fn open(&self) -> io::Result<Wire> {
        let mut socket = self.connect().await?;
        let mut request = format!("GET {} HTTP/1.1\r\nHost: {}\r\n", self.path, self.address);
        if !self.cursor.is_empty() {
            request.push_str(&format!("Last-Event-ID: {}\r\n", self.cursor));
        }
        request.push_str("\r\n");
        socket.write_all(request.as_bytes()).await?;
        let pace = self.sips.as_ref().map_or(Pace::Free, Notes::sips);
        let mut wire = Wire::new(socket, pace);
        let head = wire.head().await?.to_lowercase();
        let is_stream = head.starts_with("http/1.1 200 ")
            && head.contains("\r\ncontent-type: text/event-stream\r\n")
            && head.contains("\r\ntransfer-encoding: chunked");
        match is_stream {
            true => Ok(wire),
            // Without a listener a connection may be to itself.
            false if head.starts_with("get ") => Err(io::ErrorKind::ConnectionRefused.into()),
            false => {
                self.page.saw(Seen::Invalid(head));
                Err(io::ErrorKind::InvalidData.into())
            }
        }
    }

    async fn connect(&self) -> io::Result<TestSocket> {
        let socket = TcpSocket::new_v4()?;
        if self.sips.is_some() {
            socket.set_recv_buffer_size(match self.transport {
                Transport::Clear => SMALL,
                _ => SMALL_FOR_RECORDS,
            })?;
        }
        let socket = socket.connect(self.address).await?;
        // Bytes may be dropped before there is a stream.
        tokio::time::timeout(PATIENCE, self.transport.client(socket)).await?
    }

    fn take(&mut self, event: Event, wire: &mut Wire) {
        let seen = match self.seen(&event, wire) {
            Ok(seen) => seen,
            Err(why) => Some(Seen::Invalid(format!("{why}: {event:?}"))),
        };
        if let Some(id) = event.id {
            self.cursor = id;
        }
        if let Some(seen) = seen {
            self.page.saw(seen);
        }
    }

    fn seen(&self, event: &Event, wire: &mut Wire) -> Result<Option<Seen>, String> {
        let id = event.id.clone();
        let seen = match (&*event.kind, id) {
            ("hello", Some(id)) => {
                let hello: Hello = parse(&event.data)?;
                wire.silence = match self.is_patient {
                    true => crate::DEADLINE,
                    false => Duration::from_millis(hello.ping_ms) * SILENT_PINGS,
                };
                if hello.cursor != id {
                    return Err("two cursors".to_owned());
                }
                Seen::Hello {
                    cursor: id,
                    next: hello
                        .rooms
                        .into_iter()
                        .map(|room| (room.room, room.next))
                        .collect(),
                }
            }
            ("update", Some(id)) => {
                let data: Value = parse(&event.data)?;
                if data["id"] != *id {
                    return Err("two ids".to_owned());
                }
                Seen::update(&event.data)?
            }
            ("change", Some(id)) => Seen::change(Some(id.parse()?), &event.data)?,
            ("gap", Some(cursor)) => {
                let hole: Hole = parse(&event.data)?;
                Seen::Gap(Gap {
                    cursor,
                    room: hole.room,
                    reason: hole.reason,
                    lost: hole.lost,
                    next: hole.next,
                })
            }
            ("bye", None) => {
                let bye: Value = parse(&event.data)?;
                let retry_ms = bye["retry_ms"].as_u64().ok_or("no retry_ms")?;
                Seen::Bye { retry_ms }
            }
            ("ping", None) => Seen::Ping,
            ("presence", None) => return Ok(None),
            _ => return Err("no event of ours".to_owned()),
        };
        Ok(Some(seen))
    }
}

fn parse<T: for<'de> Deserialize<'de>>(data: &str) -> Result<T, String> {
    serde_json::from_str(data).map_err(|error| error.to_string())
}
