//! The connections of HTTP/2, each with the streams of several subscribers. The group
//! of subscribers that share one is fixed; a connection that ends or takes no further
//! streams is replaced when one of the group connects again.

use std::io;

use mio::event::Event;

use super::connection::{Connection, ConnectionEnd, ConnectionStep};
use super::streams::Streams;
use crate::http2::{Http2Part, Http2Session, NotHttp2, error_name};
use crate::socket::{LoadSocket, Received};

/// The connections of one reader thread. The index of one is its token.
#[derive(Debug)]
pub(super) struct Http2Connections {
    streams_per_connection: usize,
    all: Vec<Option<Box<Http2Connection>>>,
    /// Indices that no connection has.
    free: Vec<usize>,
    /// The connection of each group of subscribers.
    of_group: Vec<Option<usize>>,
}

/// A connection. The owners of its session's streams are subscribers.
#[derive(Debug)]
struct Http2Connection {
    socket: LoadSocket,
    session: Http2Session,
    step: ConnectionStep,
    was_ready: bool,
    /// The server has closed its side: no event announces the end again.
    ends: bool,
    group: usize,
    /// Subscribers whose requests wait until the connection is established.
    waiting: Vec<usize>,
}

/// What happened to a subscriber in one read. It is acted upon after the read, because
/// that may close the connection.
#[derive(Debug)]
enum Happened {
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

    fn group(&self, subscriber: usize) -> usize {
        subscriber / self.streams_per_connection
    }

    /// The connection of a group, if it takes further streams.
    fn open_one(&self, group: usize) -> Option<usize> {
        self.of_group.get(group).copied().flatten()
    }

    /// The index of the next connection.
    fn next_index(&self) -> usize {
        self.free.last().copied().unwrap_or(self.all.len())
    }

    /// Adds a connection at [`Self::next_index`].
    fn add(&mut self, socket: LoadSocket, group: usize) {
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

    fn get(&mut self, index: usize) -> Option<&mut Http2Connection> {
        self.all.get_mut(index)?.as_deref_mut()
    }

    fn remove(&mut self, index: usize) {
        self.retire(index);
        if self.all[index].take().is_some() {
            self.free.push(index);
        }
    }

    /// Lets the group use another connection for its next stream.
    fn retire(&mut self, index: usize) {
        if let Some(connection) = &self.all[index]
            && self.of_group[connection.group] == Some(index)
        {
            self.of_group[connection.group] = None;
        }
    }
}

impl Http2Connection {
    /// Whether requests may be sent.
    fn is_ready(&self) -> bool {
        self.step == ConnectionStep::Connected && self.socket.is_ready()
    }

    /// Sends what the session has to send.
    fn send(&mut self) -> io::Result<()> {
        if self.session.out().is_empty() || !self.is_ready() {
            return Ok(());
        }
        let sent = self.socket.write(self.session.out());
        self.session.out().clear();
        sent
    }

    /// The subscribers that use it.
    fn subscribers(&self) -> impl Iterator<Item = usize> {
        self.session.owners().chain(self.waiting.iter().copied())
    }
}

impl Streams {
    /// Starts a stream on the connection of the subscriber's group, or on a new one.
    pub(super) fn open_shared(&mut self, index: usize) -> io::Result<Connection> {
        let Some(http2) = &self.http2 else {
            return Err(io::Error::other("there are no connections of HTTP/2"));
        };
        let group = http2.group(index);
        if let Some(open) = http2.open_one(group) {
            let now_ns = self.recorder.shared.now_ns();
            return Ok(Connection::shared(open, now_ns));
        }
        let token = http2.next_index();
        let (socket, since_ns) = self.connect(index, token)?;
        if let Some(http2) = &mut self.http2 {
            http2.add(socket, group);
        }
        Ok(Connection::shared(token, since_ns))
    }

    /// Sends the request of a stream that was opened, once its connection is ready.
    pub(super) fn request_if_shared(&mut self, index: usize) {
        let Some(token) = self.subscribers[index].shared_connection() else {
            return;
        };
        if let Some(connection) = self.http2_connection(token) {
            connection.waiting.push(index);
        }
        self.send_waiting(token);
    }

    /// The subscriber that has a connection for itself.
    pub(super) fn shared_owner(&self, token: usize) -> Option<usize> {
        let http2 = self.http2.as_ref()?;
        let connection = http2.all.get(token)?.as_ref()?;
        let mut owners = connection.session.owners();
        owners.next().filter(|_| http2.streams_per_connection == 1)
    }

    pub(super) fn on_shared_event(&mut self, token: usize, event: &Event) {
        let Some(connection) = self.http2_connection(token) else {
            return;
        };
        connection.ends |= event.is_read_closed();
        if event.is_writable()
            && let Err(error) = self.on_shared_writable(token)
        {
            return self.break_shared(token, &format!("can't connect: {error}"));
        }
        self.read_on(token);
    }

    fn on_shared_writable(&mut self, token: usize) -> io::Result<()> {
        let Some(connection) = self.http2_connection(token) else {
            return Ok(());
        };
        if connection.step != ConnectionStep::Connecting {
            return connection.socket.flush();
        }
        if !connection.socket.is_connected()? {
            return Ok(());
        }
        connection.step = ConnectionStep::Connected;
        connection.socket.start()?;
        if let Some(&first) = connection.waiting.first() {
            self.subscribers[first].record_tcp(&mut self.recorder);
        }
        self.send_waiting(token);
        Ok(())
    }

    /// Sends the requests that wait for a connection, if it is established.
    fn send_waiting(&mut self, token: usize) {
        let Some(http2) = &mut self.http2 else {
            return;
        };
        let Some(connection) = http2.get(token) else {
            return;
        };
        if connection.is_ready() {
            let is_new = !std::mem::replace(&mut connection.was_ready, true);
            if is_new
                && connection.socket.is_tls()
                && let Some(&first) = connection.waiting.first()
            {
                self.subscribers[first].record_tls(&mut self.recorder);
            }
            for index in std::mem::take(&mut connection.waiting) {
                let block = self.subscribers[index].request(&self.recorder);
                connection.session.request(index, &block, &[]);
            }
        }
        if let Err(error) = connection.send() {
            self.break_shared(token, &error.to_string());
        }
    }

    /// Reads at most `limit` bytes of a connection, and returns their number.
    pub(super) fn read_shared(&mut self, token: usize, limit: usize) -> usize {
        let Some(http2) = &mut self.http2 else {
            return 0;
        };
        let Some(mut connection) = http2.all.get_mut(token).and_then(Option::take) else {
            return 0;
        };
        let mut happened = Vec::new();
        let mut total = 0;
        let broken = loop {
            if total >= limit {
                break None;
            }
            let session = &mut connection.session;
            let received = connection
                .socket
                .read(&mut self.buffer, limit - total, |mut piece| {
                    let now_ns = self.recorder.shared.now_ns();
                    loop {
                        let part = session.next(&mut piece)?;
                        let (owner, taken) = match part {
                            Http2Part::Wait => return Ok::<(), NotHttp2>(()),
                            Http2Part::Head { owner, head } => {
                                let subscriber = &mut self.subscribers[owner];
                                (owner, subscriber.on_head(head, now_ns, &mut self.recorder))
                            }
                            Http2Part::Body { owner, data } => {
                                let subscriber = &mut self.subscribers[owner];
                                (owner, subscriber.on_body(data, now_ns, &mut self.recorder))
                            }
                            Http2Part::End { owner } => {
                                let subscriber = &self.subscribers[owner];
                                (owner, Err(subscriber.closed("the stream ended")))
                            }
                            Http2Part::Reset { owner, code } => {
                                let why = format!("the server reset it: {}", error_name(code));
                                (owner, Err(self.subscribers[owner].closed(why)))
                            }
                        };
                        match (taken, &part) {
                            (Err(end), _) => happened.push(Happened::Ended(owner, end)),
                            (Ok(()), Http2Part::Head { .. }) => {
                                happened.push(Happened::Opened(owner));
                            }
                            (Ok(()), _) if self.recorder.expected_per_room.is_some() => {
                                happened.push(Happened::Received(owner));
                            }
                            (Ok(()), _) => {}
                        }
                    }
                });
            match received {
                Ok(Received::Bytes { taken, emptied }) => {
                    total += taken;
                    self.recorder.add_bytes(taken);
                    // An event announces more.
                    if emptied && !connection.ends {
                        break None;
                    }
                }
                Ok(Received::Nothing) => break None,
                Ok(Received::End) => break Some("the server closed the connection".to_owned()),
                Ok(Received::Broken(error)) => break Some(error.to_string()),
                Err(error) => break Some(error.to_string()),
            }
        };
        let is_going_away = connection.session.is_going_away();
        if let Some(http2) = &mut self.http2 {
            http2.all[token] = Some(connection);
            if is_going_away {
                http2.retire(token);
            }
        }
        for happened in happened {
            self.on_happened(token, happened);
        }
        match broken {
            Some(why) => self.break_shared(token, &why),
            None => self.send_waiting(token),
        }
        total
    }

    fn on_happened(&mut self, token: usize, happened: Happened) {
        match happened {
            Happened::Opened(index) => {
                self.on_open(index);
                self.check_complete(index);
            }
            Happened::Received(index) => self.check_complete(index),
            // Its stream may have ended in the same read for another reason.
            Happened::Ended(index, end) => {
                if self.subscribers[index].shared_connection() == Some(token) {
                    self.on_end(index, end);
                }
            }
        }
    }

    /// Closes a connection that has failed, and ends its streams.
    fn break_shared(&mut self, token: usize, why: &str) {
        let Some(http2) = &mut self.http2 else {
            return;
        };
        let Some(connection) = http2.get(token) else {
            return;
        };
        let subscribers: Vec<usize> = connection.subscribers().collect();
        http2.remove(token);
        for index in subscribers {
            let end = self.subscribers[index].closed(why);
            self.on_end(index, end);
        }
    }

    /// Cuts the stream of a subscriber that has closed it, and closes a connection
    /// without streams.
    pub(super) fn leave_shared(&mut self, token: usize, index: usize) {
        let Some(connection) = self.http2_connection(token) else {
            return;
        };
        connection.session.cancel(index);
        connection.waiting.retain(|waiting| *waiting != index);
        // An error is found by the next read.
        let _ = connection.send();
        let is_unused = connection.subscribers().next().is_none();
        if is_unused && let Some(http2) = &mut self.http2 {
            http2.remove(token);
        }
    }

    fn http2_connection(&mut self, token: usize) -> Option<&mut Http2Connection> {
        self.http2.as_mut()?.get(token)
    }
}
