//! One subscriber: its connection, from the first packet to the last event, and
//! the books that it keeps of what it was given.
//!
//! The way of an event is short: bytes from the socket, chunks undone, the event
//! decoded in place, its mark found. Nothing is allocated and no JSON is parsed,
//! except in a `gap`, which should not be.

use std::io::{self, Read as _, Write as _};
use std::sync::atomic::Ordering::Relaxed;

use mio::net::TcpStream;

use crate::ledger::{Seen, Sent};
use crate::numbers::Numbers;
use crate::response::{Part, Response};
use crate::shared::Trouble;
use crate::tally::{Desk, Kind};
use sse_chat_client::sse::{Decoder, Item};

/// One subscriber.
#[derive(Debug)]
pub(super) struct Subscriber {
    pub(super) kind: Kind,
    pub(super) room: usize,
    pub(super) link: Link,
    pub(super) seen: Seen,
    pub(super) numbers: Numbers,
    /// The id of the last event, which a reconnect sends.
    pub(super) last_event_id: String,
    /// Its stream was open once.
    pub(super) was_open: bool,
    /// It came back, and has all it missed.
    is_whole: bool,
}

/// Its connection.
#[derive(Debug)]
pub(super) enum Link {
    /// None.
    Closed,
    /// One that is being used.
    Open(Box<Connection>),
}

/// A connection that is being used.
#[derive(Debug)]
pub(super) struct Connection {
    socket: TcpStream,
    /// When it was begun.
    since_ns: u64,
    step: Step,
    /// The server has sent its last byte: no event tells of the end again.
    ends: bool,
    response: Response,
    decoder: Decoder,
}

/// How far a connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Connecting,
    Asked,
    Answered,
    Streaming,
}

/// Why a connection is no more.
#[derive(Debug)]
pub(super) enum Ended {
    /// The stream was open, and ended or was cut.
    Stream,
    /// There never was a stream.
    NoStream(Trouble),
}

impl Connection {
    /// A connection that was begun at `since_ns`.
    pub(super) fn new(socket: TcpStream, since_ns: u64) -> Self {
        Self {
            socket,
            since_ns,
            step: Step::Connecting,
            ends: false,
            response: Response::new(),
            decoder: Decoder::default(),
        }
    }

    /// When it was begun.
    pub(super) fn since_ns(&self) -> u64 {
        self.since_ns
    }

    /// Whether the answer is not there yet.
    pub(super) fn is_opening(&self) -> bool {
        matches!(self.step, Step::Connecting | Step::Asked)
    }

    /// The socket, to register it.
    pub(super) fn socket(&mut self) -> &mut TcpStream {
        &mut self.socket
    }

    /// The id that a reconnect sends.
    pub(super) fn last_event_id(&self) -> String {
        self.decoder.last_event_id().into_owned()
    }

    /// The connection stands, or failed: sends the request.
    fn ask(&mut self, request: &[u8]) -> io::Result<()> {
        if let Some(error) = self.socket.take_error()? {
            return Err(error);
        }
        match self.socket.write(request) {
            // A request fits into the empty buffer of a new socket.
            Ok(written) if written == request.len() => {
                self.step = Step::Asked;
                Ok(())
            }
            Ok(_) => Err(io::Error::other("the request was not taken whole")),
            Err(error) if is_not_ready(&error) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// The connection is still on its way.
fn is_not_ready(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::NotConnected
    )
}

impl Subscriber {
    /// One that is not connected, in `room`.
    pub(super) fn new(kind: Kind, room: usize, publishers: usize) -> Self {
        let seen = match kind {
            Kind::Good | Kind::Slow => Seen::from_the_start(publishers),
            Kind::Passing => Seen::from_now_on(publishers),
        };
        Self {
            kind,
            room,
            link: Link::Closed,
            seen,
            numbers: Numbers::default(),
            last_event_id: String::new(),
            was_open: false,
            is_whole: false,
        }
    }

    /// Closes its connection, and keeps the place where it was. Whether there
    /// was a stream.
    pub(super) fn cut(&mut self) -> bool {
        let Link::Open(connection) = std::mem::replace(&mut self.link, Link::Closed) else {
            return false;
        };
        let id = connection.last_event_id();
        if !id.is_empty() {
            self.last_event_id = id;
        }
        !connection.is_opening()
    }

    /// Whether something is missing in its books.
    pub(super) fn has_holes(&self) -> bool {
        self.seen.has_holes() || self.numbers.holes > 0
    }

    /// Of what was sent, how many messages it should have and has not: who
    /// comes late or reads slowly only what lies between two that it has.
    pub(super) fn missing(&self, sent: &Sent) -> u64 {
        match self.kind {
            Kind::Good => self.seen.lost(self.room, sent),
            Kind::Slow | Kind::Passing => self.seen.holes(self.room, sent),
        }
    }

    /// The server has sent its last byte, which may not be read yet.
    pub(super) fn expect_the_end(&mut self) {
        if let Link::Open(connection) = &mut self.link {
            connection.ends = true;
        }
    }

    /// Its socket can be written: the connection stands, or has failed.
    pub(super) fn on_writable(&mut self, desk: &mut Desk) -> Result<(), Ended> {
        let Link::Open(connection) = &mut self.link else {
            return Ok(());
        };
        if connection.step != Step::Connecting {
            return Ok(());
        }
        let request = desk
            .shared
            .requests
            .subscribe(self.room, &self.last_event_id);
        let asked = connection.ask(&request);
        asked.map_err(|error| no_stream(format_args!("can't connect: {error}")))?;
        if connection.step == Step::Asked {
            let took = desk.shared.now_ns() - connection.since_ns;
            desk.tally.tcp.record_ns(took);
        }
        Ok(())
    }

    /// Reads at most `limit` bytes of what is there, in one or more pieces of
    /// `buffer`'s size. How many they were.
    pub(super) fn read(
        &mut self,
        buffer: &mut [u8],
        limit: usize,
        desk: &mut Desk,
    ) -> Result<usize, Ended> {
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
                    self.take(&buffer[..read], desk)?;
                    // Less than there was room for: the socket is empty, and
                    // says so itself when there is more.
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

    /// Takes a piece of what the server sent.
    fn take(&mut self, mut piece: &[u8], desk: &mut Desk) -> Result<(), Ended> {
        let now_ns = desk.shared.now_ns();
        desk.bytes(piece.len(), now_ns);
        let Link::Open(connection) = &mut self.link else {
            return Ok(());
        };
        loop {
            let part = connection.response.next(&mut piece);
            match part.map_err(|error| connection.closed(error))? {
                Part::Head(head) if head.status != 200 => {
                    return Err(Ended::NoStream(Trouble::Refused(format!(
                        "the server answered {}",
                        head.status
                    ))));
                }
                Part::Head(head) if !head.event_stream => {
                    return Err(no_stream("what answers is no event stream"));
                }
                Part::Head(_) => {
                    connection.step = Step::Answered;
                    let took = now_ns - connection.since_ns;
                    desk.tally.answered.record_ns(took);
                }
                Part::Body(body) => {
                    let mut books = Books {
                        kind: self.kind,
                        room: self.room,
                        seen: &mut self.seen,
                        numbers: &mut self.numbers,
                        desk: &mut *desk,
                        now_ns,
                        events: 0,
                    };
                    let fed = connection.decoder.feed(body, |item| books.enter(&item));
                    let events = books.events;
                    fed.map_err(|error| connection.closed(error))?;
                    connection.first_event(events, now_ns, desk);
                }
                Part::End => return Err(connection.closed("the stream ended")),
                Part::Wait => return Ok(()),
            }
        }
    }

    /// It came back, and now, for the first time, has all that its room should
    /// have.
    pub(super) fn became_whole(&mut self, whole_at: &[u64]) -> bool {
        let is_new = !self.is_whole && self.seen.messages >= whole_at[self.room];
        self.is_whole |= is_new;
        is_new
    }
}

impl Connection {
    fn closed(&self, why: impl std::fmt::Display) -> Ended {
        match self.is_opening() {
            true => no_stream(why),
            false => Ended::Stream,
        }
    }

    fn first_event(&mut self, events: usize, now_ns: u64, desk: &mut Desk) {
        if events > 0 && self.step == Step::Answered {
            self.step = Step::Streaming;
            desk.tally.first_event.record_ns(now_ns - self.since_ns);
        }
    }
}

fn no_stream(why: impl std::fmt::Display) -> Ended {
    Ended::NoStream(Trouble::Unreachable(why.to_string()))
}

/// The books of a subscriber, open for a piece of its stream.
struct Books<'a> {
    kind: Kind,
    room: usize,
    seen: &'a mut Seen,
    numbers: &'a mut Numbers,
    desk: &'a mut Desk,
    now_ns: u64,
    events: usize,
}

impl Books<'_> {
    fn enter(&mut self, item: &Item<'_>) {
        let Item::Event(event) = item else {
            return;
        };
        self.events += 1;
        self.numbers.take(event);
        let data = event.data.as_bytes();
        let mark = self.desk.shared.requests.marks().find(data);
        // A number that was never sent is of a server that changes messages.
        let sent = self.desk.shared.counters.sent.load(Relaxed);
        if let Some(mark) = mark.filter(|mark| mark.message < sent) {
            let arrival = self.seen.take(mark.place);
            self.desk
                .deliver(self.kind, self.room, mark, arrival, self.now_ns);
        }
    }
}
