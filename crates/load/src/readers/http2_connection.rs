//! The connections of HTTP/2 of one reader thread, and what a read of one does to the
//! subscribers that share it. What follows from that is in `multiplexed`.

use std::io;

use super::connection::{ConnectionEnd, ConnectionStep};
use super::subscriber::Subscriber;
use crate::http2::{Http2Part, Http2Session, NotHttp2, error_name};
use crate::socket::{LoadSocket, Received};
use crate::tally::Recorder;

/// The connections of one reader thread. The index of one is its token.
#[derive(Debug)]
pub(super) struct Http2Connections {
    pub(super) streams_per_connection: usize,
    pub(super) all: Vec<Option<Box<Http2Connection>>>,
    /// Indices that no connection has.
    free: Vec<usize>,
    /// The connection of each group of subscribers.
    of_group: Vec<Option<usize>>,
}

/// A connection. The owners of its session's streams are subscribers.
#[derive(Debug)]
pub(super) struct Http2Connection {
    pub(super) socket: LoadSocket,
    pub(super) session: Http2Session,
    pub(super) step: ConnectionStep,
    pub(super) was_ready: bool,
    /// The server has closed its side: no event announces the end again.
    pub(super) ends: bool,
    group: usize,
    /// Subscribers whose requests wait until the connection is established.
    pub(super) waiting: Vec<usize>,
}

/// What happened to a subscriber in one read. It is acted upon after the read, because
/// that may close the connection.
#[derive(Debug)]
pub(super) enum Happened {
    Opened(usize),
    Received(usize),
    Ended(usize, ConnectionEnd),
}

impl Http2Connections {
    pub(super) fn new(streams_per_connection: usize) -> Self {
        Self {
            streams_per_connection,
            all: Vec::new(),
            free: Vec::new(),
            of_group: Vec::new(),
        }
    }

    pub(super) fn group(&self, subscriber: usize) -> usize {
        subscriber / self.streams_per_connection
    }

    /// The connection of a group, if it takes further streams.
    pub(super) fn open_one(&self, group: usize) -> Option<usize> {
        self.of_group.get(group).copied().flatten()
    }

    /// The index of the next connection.
    pub(super) fn next_index(&self) -> usize {
        self.free.last().copied().unwrap_or(self.all.len())
    }

    /// Adds a connection at [`Self::next_index`].
    pub(super) fn add(&mut self, socket: LoadSocket, group: usize) {
        let connection = Some(Box::new(Http2Connection {
            socket,
            session: Http2Session::new(),
            step: ConnectionStep::Connecting,
            was_ready: false,
            ends: false,
            group,
            waiting: Vec::new(),
        }));
        let index = self.next_index();
        match self.free.pop() {
            Some(index) => self.all[index] = connection,
            None => self.all.push(connection),
        }
        if self.of_group.len() <= group {
            self.of_group.resize(group + 1, None);
        }
        self.of_group[group] = Some(index);
    }

    pub(super) fn get(&mut self, index: usize) -> Option<&mut Http2Connection> {
        self.all.get_mut(index)?.as_deref_mut()
    }

    pub(super) fn remove(&mut self, index: usize) {
        self.retire(index);
        if self.all[index].take().is_some() {
            self.free.push(index);
        }
    }

    /// Lets the group use another connection for its next stream.
    pub(super) fn retire(&mut self, index: usize) {
        if let Some(connection) = &self.all[index]
            && self.of_group[connection.group] == Some(index)
        {
            self.of_group[connection.group] = None;
        }
    }
}

impl Http2Connection {
    /// Whether requests may be sent.
    pub(super) fn is_ready(&self) -> bool {
        self.step == ConnectionStep::Connected && self.socket.is_ready()
    }

    /// Sends what the session has to send.
    pub(super) fn send(&mut self) -> io::Result<()> {
        if self.session.out().is_empty() || !self.is_ready() {
            return Ok(());
        }
        let sent = self.socket.write(self.session.out());
        self.session.out().clear();
        sent
    }

    /// The subscribers that use it.
    pub(super) fn subscribers(&self) -> impl Iterator<Item = usize> {
        self.session.owners().chain(self.waiting.iter().copied())
    }
}

/// One read of a connection.
#[derive(Debug)]
pub(super) struct SharedRead<'a> {
    pub(super) subscribers: &'a mut [Subscriber],
    pub(super) recorder: &'a mut Recorder,
    pub(super) happened: Vec<Happened>,
}

impl SharedRead<'_> {
    /// Reads at most `limit` bytes, and returns their number, with the reason why the
    /// connection is over if it is.
    pub(super) fn read(
        &mut self,
        connection: &mut Http2Connection,
        buffer: &mut [u8],
        limit: usize,
    ) -> (usize, Option<String>) {
        let mut total = 0;
        while total < limit {
            let session = &mut connection.session;
            let received = connection
                .socket
                .read(buffer, limit - total, |piece| self.take(session, piece));
            match received {
                Ok(Received::Bytes { taken, emptied }) => {
                    total += taken;
                    self.recorder.add_bytes(taken);
                    // An event announces more.
                    if emptied && !connection.ends {
                        break;
                    }
                }
                Ok(Received::Nothing) => break,
                Ok(Received::End) => {
                    return (total, Some("the server closed the connection".to_owned()));
                }
                Ok(Received::Broken(error)) => return (total, Some(error.to_string())),
                Err(error) => return (total, Some(error.to_string())),
            }
        }
        (total, None)
    }

    fn take(&mut self, session: &mut Http2Session, mut piece: &[u8]) -> Result<(), NotHttp2> {
        let now_ns = self.recorder.shared.now_ns();
        loop {
            let (owner, taken) = match session.next(&mut piece)? {
                Http2Part::Wait => return Ok(()),
                Http2Part::Head { owner, head } => {
                    let subscriber = &mut self.subscribers[owner];
                    let taken = subscriber.on_head(head, now_ns, self.recorder);
                    if taken.is_ok() {
                        self.happened.push(Happened::Opened(owner));
                    }
                    (owner, taken)
                }
                Http2Part::Body { owner, data } => {
                    let subscriber = &mut self.subscribers[owner];
                    let taken = subscriber.on_body(data, now_ns, self.recorder);
                    if self.recorder.expected_per_room.is_some() {
                        self.happened.push(Happened::Received(owner));
                    }
                    (owner, taken)
                }
                Http2Part::End { owner } => {
                    let end = self.subscribers[owner].closed("the stream ended");
                    (owner, Err(end))
                }
                Http2Part::Reset { owner, code } => {
                    let why = format!("the server reset the stream: {}", error_name(code));
                    (owner, Err(self.subscribers[owner].closed(why)))
                }
            };
            if let Err(end) = taken {
                self.happened.push(Happened::Ended(owner, end));
            }
        }
    }
}
