//! One subscriber: its connection, and its ledger of the messages it received.

use super::connection::{
    Carrier, Connection, ConnectionEnd, ConnectionStep, OwnConnection, no_stream,
};
use super::event_sink::EventSink;
use crate::ledger::{Ledger, SentLog};
use crate::response::ResponseHead;
use crate::room_numbers::RoomNumbers;
use crate::socket::Received;
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
        if let Some((_, own)) = self.own() {
            own.ends = true;
        }
    }

    /// The index of the HTTP/2 connection that carries its stream.
    pub(super) fn shared_connection(&self) -> Option<usize> {
        match &self.link {
            Link::Open(connection) => match connection.carrier {
                Carrier::Shared(index) => Some(index),
                Carrier::Own(_) => None,
            },
            Link::Closed => None,
        }
    }

    fn own(&mut self) -> Option<(&mut ConnectionStep, &mut OwnConnection)> {
        match &mut self.link {
            Link::Open(connection) => match &mut connection.carrier {
                Carrier::Own(own) => Some((&mut connection.step, own)),
                Carrier::Shared(_) => None,
            },
            Link::Closed => None,
        }
    }

    /// Its socket is writable: the connection is established, or has failed, or takes
    /// what it has not taken before.
    pub(super) fn on_writable(&mut self, recorder: &mut Recorder) -> Result<(), ConnectionEnd> {
        let Some((step, own)) = self.own() else {
            return Ok(());
        };
        if *step != ConnectionStep::Connecting {
            return own.socket.flush().map_err(|error| step.closed(error));
        }
        match own.socket.is_connected() {
            Ok(true) => {}
            Ok(false) => return Ok(()),
            Err(error) => return Err(no_stream(format_args!("can't connect: {error}"))),
        }
        *step = ConnectionStep::Connected;
        own.socket.start().map_err(no_stream)?;
        self.record_tcp(recorder);
        self.send_request(recorder)
    }

    /// Records the time until TCP was established.
    pub(super) fn record_tcp(&self, recorder: &mut Recorder) {
        if let Some(took) = self.since_start(recorder) {
            recorder.tally.tcp.record_ns(took);
        }
    }

    /// Records the time until the TLS handshake was complete.
    pub(super) fn record_tls(&self, recorder: &mut Recorder) {
        if let Some(took) = self.since_start(recorder) {
            recorder.tally.tls.record_ns(took);
        }
    }

    fn since_start(&self, recorder: &Recorder) -> Option<u64> {
        match &self.link {
            Link::Open(connection) => Some(recorder.shared.now_ns() - connection.since_ns),
            Link::Closed => None,
        }
    }

    /// Sends the request, once the socket is ready for it.
    fn send_request(&mut self, recorder: &mut Recorder) -> Result<(), ConnectionEnd> {
        let (room, last) = (self.room, &self.last_event_id);
        let Link::Open(connection) = &mut self.link else {
            return Ok(());
        };
        let Carrier::Own(own) = &mut connection.carrier else {
            return Ok(());
        };
        if connection.step != ConnectionStep::Connected || !own.socket.is_ready() {
            return Ok(());
        }
        connection.step = ConnectionStep::Requested;
        if own.socket.is_tls() {
            let took = recorder.shared.now_ns() - connection.since_ns;
            recorder.tally.tls.record_ns(took);
        }
        let request = recorder.shared.requests.subscribe(room, last);
        own.socket.write(&request).map_err(no_stream)
    }

    /// The header block of its request over HTTP/2, which is sent now.
    pub(super) fn request(&mut self, recorder: &Recorder) -> Vec<u8> {
        if let Link::Open(connection) = &mut self.link {
            connection.step = ConnectionStep::Requested;
        }
        let requests = &recorder.shared.requests;
        requests.subscribe(self.room, &self.last_event_id)
    }

    /// How its stream ends for this reason, by its progress.
    pub(super) fn closed(&self, why: impl std::fmt::Display) -> ConnectionEnd {
        match &self.link {
            Link::Open(connection) => connection.step.closed(why),
            Link::Closed => no_stream(why),
        }
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
            let Connection {
                step,
                since_ns,
                decoder,
                carrier: Carrier::Own(own),
            } = &mut **connection
            else {
                break;
            };
            let OwnConnection {
                socket,
                ends,
                response,
            } = &mut **own;
            let mut events = EventSink {
                kind: self.kind,
                room: self.room,
                ledger: &mut self.ledger,
                numbers: &mut self.numbers,
                recorder,
                since_ns: *since_ns,
                now_ns: 0,
                step,
                decoder,
            };
            let received =
                socket.read(buffer, limit - total, |piece| events.parse(response, piece))?;
            let step = *events.step;
            match received {
                Received::Bytes { taken, emptied } => {
                    total += taken;
                    recorder.add_bytes(taken);
                    let ends = *ends;
                    self.send_request(recorder)?;
                    // An event announces more.
                    if emptied && !ends {
                        break;
                    }
                }
                Received::Nothing => break,
                Received::End => return Err(step.closed("the server closed the connection")),
                Received::Broken(error) => return Err(step.closed(error)),
            }
        }
        Ok(total)
    }

    /// Takes the head of its response over HTTP/2.
    pub(super) fn on_head(
        &mut self,
        head: ResponseHead,
        now_ns: u64,
        recorder: &mut Recorder,
    ) -> Result<(), ConnectionEnd> {
        self.sink(now_ns, recorder)
            .map_or(Ok(()), |mut sink| sink.on_head(head))
    }

    /// Takes a piece of its stream over HTTP/2.
    pub(super) fn on_body(
        &mut self,
        body: &[u8],
        now_ns: u64,
        recorder: &mut Recorder,
    ) -> Result<(), ConnectionEnd> {
        self.sink(now_ns, recorder)
            .map_or(Ok(()), |mut sink| sink.on_body(body))
    }

    fn sink<'a>(&'a mut self, now_ns: u64, recorder: &'a mut Recorder) -> Option<EventSink<'a>> {
        let Link::Open(connection) = &mut self.link else {
            return None;
        };
        Some(EventSink {
            kind: self.kind,
            room: self.room,
            ledger: &mut self.ledger,
            numbers: &mut self.numbers,
            recorder,
            since_ns: connection.since_ns,
            now_ns,
            step: &mut connection.step,
            decoder: &mut connection.decoder,
        })
    }

    /// Whether it has, for the first time, all messages expected in its room.
    pub(super) fn became_complete(&mut self, expected: &[u64]) -> bool {
        let is_new = !self.is_complete && self.ledger.messages >= expected[self.room];
        self.is_complete |= is_new;
        is_new
    }
}
