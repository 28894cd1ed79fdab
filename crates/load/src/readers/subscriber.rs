//! One subscriber: its connection, and its ledger of the messages it received.
//!
//! An event takes a short path: bytes from the socket, chunks removed, the event
//! decoded in place, its mark found. Nothing is allocated and no JSON is parsed,
//! except in a `gap`, which is rare.

use std::io::{self, Read as _};
use std::sync::atomic::Ordering::Relaxed;

use sse_chat_client::sse::Item;

use super::connection::{Connection, ConnectionEnd, ConnectionStep, is_not_ready, no_stream};
use crate::ledger::{Ledger, SentLog};
use crate::response::ResponsePart;
use crate::room_numbers::RoomNumbers;
use crate::shared::StreamError;
use crate::tally::{ReaderKind, Recorder};

/// One subscriber.
#[derive(Debug)]
pub(super) struct Subscriber {
    pub(super) kind: ReaderKind,
    pub(super) room: usize,
    pub(super) link: Link,
    ledger: Ledger,
    pub(super) numbers: RoomNumbers,
    /// The id of the last event: a reconnect sends it.
    last_event_id: String,
    /// Whether a stream was ever open.
    pub(super) was_open: bool,
    /// Whether it has reconnected and has every message it missed.
    is_complete: bool,
}

/// Its connection.
#[derive(Debug)]
pub(super) enum Link {
    Closed,
    Open(Box<Connection>),
}

impl Subscriber {
    /// A subscriber of `room` that is not connected.
    pub(super) fn new(kind: ReaderKind, room: usize, publishers: usize) -> Self {
        let ledger = match kind {
            ReaderKind::Fast | ReaderKind::Slow => Ledger::from_the_start(publishers),
            ReaderKind::Transient => Ledger::from_now_on(publishers),
        };
        Self {
            kind,
            room,
            link: Link::Closed,
            ledger,
            numbers: RoomNumbers::default(),
            last_event_id: String::new(),
            was_open: false,
            is_complete: false,
        }
    }

    /// Whether it waits for the response of a connection.
    pub(super) fn is_opening(&self) -> bool {
        matches!(&self.link, Link::Open(connection) if connection.is_opening())
    }

    /// Closes its connection, and keeps the last event id. Returns whether it had
    /// a stream.
    pub(super) fn close(&mut self) -> bool {
        let Link::Open(connection) = std::mem::replace(&mut self.link, Link::Closed) else {
            return false;
        };
        let id = connection.last_event_id();
        if !id.is_empty() {
            self.last_event_id = id;
        }
        !connection.is_opening()
    }

    /// Whether its ledger or its room numbers have holes.
    pub(super) fn has_holes(&self) -> bool {
        self.ledger.has_holes() || self.numbers.holes > 0
    }

    /// How many accepted messages it lacks. Of slow and transient subscribers only
    /// the messages between two received ones count.
    pub(super) fn missing(&self, sent: &SentLog) -> u64 {
        match self.kind {
            ReaderKind::Fast => self.ledger.lost(self.room, sent),
            ReaderKind::Slow | ReaderKind::Transient => self.ledger.holes(self.room, sent),
        }
    }

    /// The server has closed its side; bytes may still be unread.
    pub(super) fn expect_the_end(&mut self) {
        if let Link::Open(connection) = &mut self.link {
            connection.ends = true;
        }
    }

    /// Its socket is writable: the connection is established, or has failed.
    pub(super) fn on_writable(&mut self, recorder: &mut Recorder) -> Result<(), ConnectionEnd> {
        let Link::Open(connection) = &mut self.link else {
            return Ok(());
        };
        if connection.step != ConnectionStep::Connecting {
            return Ok(());
        }
        let request = recorder
            .shared
            .requests
            .subscribe(self.room, &self.last_event_id);
        let sent = connection.send_request(&request);
        sent.map_err(|error| no_stream(format_args!("can't connect: {error}")))?;
        if connection.step == ConnectionStep::Requested {
            let took = recorder.shared.now_ns() - connection.since_ns;
            recorder.tally.tcp.record_ns(took);
        }
        Ok(())
    }

    /// Reads at most `limit` bytes, in pieces of at most the size of `buffer`, and
    /// returns their number.
    pub(super) fn read(
        &mut self,
        buffer: &mut [u8],
        limit: usize,
        recorder: &mut Recorder,
    ) -> Result<usize, ConnectionEnd> {
        let mut total = 0;
        while total < limit {
            let Link::Open(connection) = &mut self.link else {
                break;
            };
            let room = buffer.len().min(limit - total);
            let ends = connection.ends;
            match connection.socket.read(&mut buffer[..room]) {
                Ok(0) => return Err(connection.closed("the server closed the connection")),
                Ok(read) => {
                    total += read;
                    self.parse(&buffer[..read], recorder)?;
                    // A short read empties the socket; an event announces more.
                    if read < room && !ends {
                        break;
                    }
                }
                Err(error) if is_not_ready(&error) => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(connection.closed(error)),
            }
        }
        Ok(total)
    }

    /// Parses a piece of the response.
    fn parse(&mut self, mut piece: &[u8], recorder: &mut Recorder) -> Result<(), ConnectionEnd> {
        let now_ns = recorder.shared.now_ns();
        recorder.add_bytes(piece.len(), now_ns);
        let Link::Open(connection) = &mut self.link else {
            return Ok(());
        };
        loop {
            let part = connection.response.next(&mut piece);
            match part.map_err(|error| connection.closed(error))? {
                ResponsePart::Head(head) if head.status != 200 => {
                    return Err(ConnectionEnd::NotOpened(StreamError::Refused(format!(
                        "the server answered {}",
                        head.status
                    ))));
                }
                ResponsePart::Head(head) if !head.event_stream => {
                    return Err(no_stream("what answers is no event stream"));
                }
                ResponsePart::Head(_) => {
                    connection.step = ConnectionStep::Answered;
                    let took = now_ns - connection.since_ns;
                    recorder.tally.answered.record_ns(took);
                }
                ResponsePart::Body(body) => {
                    let mut sink = EventSink {
                        kind: self.kind,
                        room: self.room,
                        ledger: &mut self.ledger,
                        numbers: &mut self.numbers,
                        recorder: &mut *recorder,
                        now_ns,
                        events: 0,
                    };
                    let fed = connection.decoder.feed(body, |item| sink.record(&item));
                    let events = sink.events;
                    fed.map_err(|error| connection.closed(error))?;
                    connection.first_event(events, now_ns, recorder);
                }
                ResponsePart::End => return Err(connection.closed("the stream ended")),
                ResponsePart::Wait => return Ok(()),
            }
        }
    }

    /// Whether it has, for the first time, all messages expected in its room.
    pub(super) fn became_complete(&mut self, expected: &[u64]) -> bool {
        let is_new = !self.is_complete && self.ledger.messages >= expected[self.room];
        self.is_complete |= is_new;
        is_new
    }
}

/// Records the events of one piece of a subscriber's stream.
struct EventSink<'a> {
    kind: ReaderKind,
    room: usize,
    ledger: &'a mut Ledger,
    numbers: &'a mut RoomNumbers,
    recorder: &'a mut Recorder,
    now_ns: u64,
    events: usize,
}

impl EventSink<'_> {
    fn record(&mut self, item: &Item<'_>) {
        let Item::Event(event) = item else {
            return;
        };
        self.events += 1;
        self.numbers.observe(event);
        let data = event.data.as_bytes();
        let mark = self.recorder.shared.requests.payloads().find(data);
        // A higher number comes from a server that changed the message.
        let sent = self.recorder.shared.counters.sent.load(Relaxed);
        if let Some(mark) = mark.filter(|mark| mark.message < sent) {
            let arrival = self.ledger.record(mark.position);
            self.recorder
                .deliver(self.kind, self.room, mark, arrival, self.now_ns);
        }
    }
}
