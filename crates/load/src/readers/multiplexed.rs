//! The streams of HTTP/2 of one reader thread: opened, read and closed on connections
//! that several subscribers share. The group of subscribers that share one is fixed; a
//! connection that ends or takes no further streams is replaced when one of the group
//! connects again.

use std::io;

use mio::event::Event;

use super::connection::{Connection, ConnectionStep};
use super::http2_connection::{Happened, Http2Connection, SharedRead};
use super::streams::Streams;

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
        let mut read = SharedRead {
            subscribers: &mut self.subscribers,
            recorder: &mut self.recorder,
            happened: Vec::new(),
        };
        let (total, broken) = read.read(&mut connection, &mut self.buffer, limit);
        let happened = read.happened;
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
