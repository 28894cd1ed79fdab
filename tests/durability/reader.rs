//! A reader that behaves like a browser's EventSource: it reconnects with the last event id.
//! It shares no code with the server or its client.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use serde::Deserialize;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::event_id::Id;
use crate::ledger::{Hello, ReaderNo, StreamGap, Violation};
use crate::notes::Notes;
use crate::register::Time;
use crate::shown::Shown;
use crate::transport::TestSocket;
use crate::wire::{Event, Item, Pace, Wire};

/// Ping intervals without a byte after which it reconnects.
const SILENT_PINGS: u32 = 5;
/// The wait before it reconnects.
const PAUSE: Duration = Duration::from_millis(20);
/// The name of all events of programs.
pub(crate) const EVENT: &str = "note";

pub(crate) struct Reader {
    address: SocketAddr,
    notes: Notes,
    no: ReaderNo,
    /// Path and query of its stream.
    path: String,
    /// The only room, whose events come without JSON.
    room: Option<String>,
}

impl Reader {
    /// A reader of these rooms that goes on from this cursor.
    pub(crate) fn new(
        address: SocketAddr,
        notes: &Notes,
        name: &str,
        rooms: &[&str],
        begins: Option<Id>,
    ) -> Self {
        let (path, room) = match rooms {
            [room] => (format!("/rooms/{room}/events"), Some((*room).to_owned())),
            _ => (format!("/events?room={}", rooms.join("&room=")), None),
        };
        Self {
            address,
            notes: notes.clone(),
            no: notes.ledger().add_reader(name, rooms, begins),
            path,
            room,
        }
    }

    /// Reads and reconnects forever.
    pub(crate) async fn follow(self) {
        loop {
            // Each way to end is one of a crash.
            let _ = self.read_one_stream().await;
            self.notes.ledger().reader_mut(self.no).cuts += 1;
            self.notes.announce();
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn read_one_stream(&self) -> io::Result<()> {
        let (since, cursor) = {
            let ledger = self.notes.ledger();
            (ledger.now(), ledger.reader(self.no).last.clone())
        };
        let mut socket = TcpStream::connect(self.address).await?;
        let mut request = format!("GET {} HTTP/1.1\r\nHost: {}\r\n", self.path, self.address);
        if let Some(cursor) = cursor {
            request.push_str(&format!("Last-Event-ID: {cursor}\r\n"));
        }
        request.push_str("\r\n");
        socket.write_all(request.as_bytes()).await?;
        let mut wire = Wire::new(TestSocket::Clear(socket), Pace::Free);
        let head = wire.head().await?.to_lowercase();
        if head.starts_with("get ") {
            // Without a listener a connection may be to itself.
            return Ok(());
        }
        if !head.starts_with("http/1.1 200 ") || !head.contains("text/event-stream") {
            self.complain(head);
            return Ok(());
        }
        loop {
            match wire.next().await? {
                Item::Event(event) => {
                    if let Err(why) = self.take(&event, since, &mut wire) {
                        self.complain(format!("{why}: {event:?}"));
                    }
                    self.notes.announce();
                }
                Item::Retry(_) => {}
                Item::End => return Ok(()),
            }
        }
    }

    fn take(&self, event: &Event, since: Time, wire: &mut Wire) -> Result<(), String> {
        let mut ledger = self.notes.ledger();
        let id: Option<Id> = event.id.as_deref().map(str::parse).transpose()?;
        match (&*event.kind, id) {
            ("hello", Some(id)) => {
                let hello: Hello = parse(&event.data)?;
                if hello.cursor != id {
                    return Err("two cursors".to_owned());
                }
                wire.silence = Duration::from_millis(hello.ping_ms) * SILENT_PINGS;
                ledger.hello(self.no, &hello, since);
            }
            ("update", Some(id)) => {
                let shown = Shown::parse(&event.data)?;
                if shown.id != id {
                    return Err("two ids".to_owned());
                }
                ledger.entry(self.no, &id, &shown, since);
            }
            ("change", Some(id)) => {
                let shown = Shown::parse(&event.data)?;
                if shown.id == id && !shown.deleted {
                    return Err("not deleted".to_owned());
                }
                ledger.entry(self.no, &id, &shown, since);
            }
            (EVENT, Some(id)) => {
                let shown = match &self.room {
                    Some(room) => Shown::plain_event(id.clone(), room, EVENT, &event.data),
                    None => Shown::parse(&event.data)?,
                };
                ledger.entry(self.no, &id, &shown, since);
            }
            ("gap", Some(cursor)) => {
                let gap: StreamGap = parse(&event.data)?;
                ledger.gap(self.no, &cursor, &gap);
            }
            ("bye", None) => ledger.reader_mut(self.no).byes += 1,
            ("ping", None) => {}
            _ => return Err("no event of this test".to_owned()),
        }
        Ok(())
    }

    fn complain(&self, what: String) {
        let mut ledger = self.notes.ledger();
        let by = ledger.reader(self.no).name.clone();
        ledger.violate(Violation::Invalid { by, what });
    }
}

fn parse<T: for<'de> Deserialize<'de>>(data: &str) -> Result<T, String> {
    serde_json::from_str(data).map_err(|error| error.to_string())
}
