//! The streams of one reader thread: connections are opened, read and closed, and
//! the ledgers compared at the end. What is due by time is in `timers`.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::Sender;

use mio::event::Event;
use mio::{Interest, Registry, Token};

use super::connection::{Connection, ConnectionEnd};
use super::http2_connection::Http2Connections;
use super::share::{Share, is_slow};
use super::subscriber::{Link, Subscriber};
use crate::ledger::SentLog;
use crate::pace::Pace;
use crate::shared::{Shared, StreamError};
use crate::socket::LoadSocket;
use crate::tally::{Interval, ReaderKind, Recorder, Tally};

const BUFFER_BYTES: usize = 64 * 1024;
/// The most that is read from one socket in a turn. A server may send faster than
/// it is read, and the other sockets and the commands need their turn.
const BYTES_A_TURN: usize = 512 * 1024;
/// The wait before a reconnect, drawn at random.
const RECONNECT_AFTER_NS: std::ops::Range<u64> = 100_000_000..1_000_000_000;

/// The streams of one reader thread. The token of a connection is the index of its
/// subscriber, over HTTP/2 its own.
pub(super) struct Streams {
    pub(super) share: Share,
    pub(super) registry: Registry,
    pub(super) recorder: Recorder,
    pub(super) buffer: Vec<u8>,
    pub(super) subscribers: Vec<Subscriber>,
    /// The connections of HTTP/2; none with HTTP/1.1.
    pub(super) http2: Option<Http2Connections>,
    /// Subscribers to connect, and the time from which each may.
    pub(super) waiting: VecDeque<(u64, usize)>,
    /// Subscribers that are connecting, the oldest first.
    pub(super) opening: VecDeque<usize>,
    pub(super) connect_pace: Pace,
    /// Tokens of connections with more to read than one turn allows: no event
    /// announces them again. Few, since each costs a whole turn's bytes.
    unread: Vec<usize>,
    pub(super) slow: Vec<SlowReader>,
    /// Transient subscribers, and when each leaves.
    pub(super) transient: VecDeque<(u64, usize)>,
    /// Indices of transient subscribers that have left.
    pub(super) free: Vec<usize>,
    pub(super) churn_pace: Option<Pace>,
    /// Transient subscribers that left with holes in their ledgers. Whether these
    /// are losses is known at the end, with the refused messages.
    pub(super) left_with_holes: Vec<Subscriber>,
}

/// A slow subscriber's byte budget.
pub(super) struct SlowReader {
    pub(super) index: usize,
    pub(super) pace: Pace,
}

impl Streams {
    pub(super) fn new(
        shared: Arc<Shared>,
        share: Share,
        registry: Registry,
        intervals: Sender<Interval>,
    ) -> Self {
        let plan = &shared.plan;
        let slow = plan.slow_of(share.subscribers);
        let mut audience = vec![0; plan.rooms];
        let subscribers: Vec<Subscriber> = share
            .indices()
            .map(|index| {
                let room = index % plan.rooms;
                let kind = match is_slow(index, slow, share.subscribers) {
                    true => ReaderKind::Slow,
                    false => ReaderKind::Fast,
                };
                audience[room] += u32::from(kind == ReaderKind::Fast);
                Subscriber::new(kind, room, plan.publishers)
            })
            .collect();
        let rate = plan.connect_rate.unwrap_or(f64::INFINITY);
        let http2 = plan.http.is_http2();
        let streams = plan.http.streams_per_connection();
        Self {
            http2: http2.then(|| Http2Connections::new(streams)),
            share,
            registry,
            buffer: vec![0; BUFFER_BYTES],
            waiting: VecDeque::new(),
            opening: VecDeque::new(),
            connect_pace: Pace::new(rate / share.of as f64, 0),
            unread: Vec::new(),
            slow: Vec::new(),
            transient: VecDeque::new(),
            free: Vec::new(),
            churn_pace: None,
            left_with_holes: Vec::new(),
            subscribers,
            recorder: Recorder::new(shared, audience, intervals),
        }
    }

    /// Its fast subscribers, by room.
    pub(super) fn audience(&self) -> &[u32] {
        &self.recorder.audience
    }

    /// How many connections this thread may have connecting at one time.
    pub(super) fn max_opening(&self) -> usize {
        let all = self.recorder.shared.plan.connect_concurrency;
        all.div_ceil(self.share.of)
    }

    /// Whether a socket has bytes that no event will announce.
    pub(super) fn has_unread(&self) -> bool {
        !self.unread.is_empty()
    }

    /// Starts a turn of the loop, with what the last one left unread.
    pub(super) fn begin_turn(&mut self) {
        let now_ns = self.recorder.shared.now_ns();
        self.recorder.begin_turn(now_ns);
        for token in std::mem::take(&mut self.unread) {
            self.read_on(token);
        }
    }

    /// Connects all subscribers, at the plan's pace.
    pub(super) fn connect_all(&mut self) {
        let now_ns = self.recorder.shared.now_ns();
        self.connect_pace.restart(now_ns);
        self.waiting = (0..self.subscribers.len())
            .map(|index| (now_ns, index))
            .collect();
    }

    /// Closes all streams.
    pub(super) fn disconnect_all(&mut self) {
        self.waiting.clear();
        for index in 0..self.subscribers.len() {
            self.close(index);
        }
    }

    /// Connects all subscribers again, and records when each has as many messages
    /// as `expected` for its room.
    pub(super) fn reconnect_all(&mut self, expected: Vec<u64>) {
        self.recorder.expected_per_room = Some(expected);
        self.connect_all();
    }

    /// Starts the transient subscribers.
    pub(super) fn start_churn(&mut self) {
        let rate = self.recorder.shared.plan.churn as f64 / self.share.of as f64;
        self.churn_pace = Some(Pace::new(rate, self.recorder.shared.now_ns()));
    }

    pub(super) fn open(&mut self, index: usize) {
        let opened = match self.http2 {
            None => self.open_own(index),
            Some(_) => self.open_shared(index),
        };
        match opened {
            Ok(connection) => {
                self.subscribers[index].link = Link::Open(Box::new(connection));
                self.opening.push_back(index);
                self.request_if_shared(index);
            }
            Err(error) => {
                let error = StreamError::Unreachable(format!("can't connect: {error}"));
                self.on_end(index, ConnectionEnd::NotOpened(error));
            }
        }
    }

    fn open_own(&mut self, index: usize) -> io::Result<Connection> {
        let (socket, since_ns) = self.connect(index, index)?;
        Ok(Connection::own(socket, since_ns))
    }

    /// Starts a connection for the subscriber at `index`, to be polled as `token`.
    pub(super) fn connect(&mut self, index: usize, token: usize) -> io::Result<(LoadSocket, u64)> {
        let number = self.share.at + index * self.share.of;
        let shared = &self.recorder.shared;
        let since_ns = shared.now_ns();
        let slow = self.subscribers[index].kind == ReaderKind::Slow;
        let source = shared.plan.source(number);
        let mut socket = shared.address.connect(source, slow)?;
        let interests = Interest::READABLE | Interest::WRITABLE;
        self.registry
            .register(socket.tcp(), Token(token), interests)?;
        Ok((socket, since_ns))
    }

    pub(super) fn on_event(&mut self, event: &Event) {
        let token = event.token().0;
        match self.http2 {
            None => self.on_own_event(token, event),
            Some(_) => self.on_shared_event(token, event),
        }
    }

    fn on_own_event(&mut self, index: usize, event: &Event) {
        let Some(subscriber) = self.subscribers.get_mut(index) else {
            return;
        };
        if event.is_read_closed() {
            subscriber.expect_the_end();
        }
        if event.is_writable()
            && let Err(end) = subscriber.on_writable(&mut self.recorder)
        {
            return self.on_end(index, end);
        }
        self.read_on(index);
    }

    /// Reads a connection, up to the limit of a turn.
    pub(super) fn read_on(&mut self, token: usize) {
        let read = match self.http2 {
            None if self.is_paced(token) => 0,
            None => self.read(token, BYTES_A_TURN),
            Some(_) if self.shared_owner(token).is_some_and(|it| self.is_paced(it)) => 0,
            Some(_) => self.read_shared(token, BYTES_A_TURN),
        };
        if read >= BYTES_A_TURN && !self.unread.contains(&token) {
            self.unread.push(token);
        }
    }

    /// Whether timers read the subscriber's stream, and events do not.
    fn is_paced(&self, index: usize) -> bool {
        let subscriber = &self.subscribers[index];
        subscriber.kind == ReaderKind::Slow && subscriber.was_open
    }

    /// Reads at most `limit` bytes for the subscriber at `index`, on whatever carries
    /// its stream.
    pub(super) fn read_of(&mut self, index: usize, limit: usize) -> usize {
        match self.subscribers[index].shared_connection() {
            None => self.read(index, limit),
            Some(connection) => self.read_shared(connection, limit),
        }
    }

    /// Reads at most `limit` bytes, and returns their number.
    fn read(&mut self, index: usize, limit: usize) -> usize {
        let subscriber = &mut self.subscribers[index];
        let was_opening = subscriber.is_opening();
        let read = subscriber.read(&mut self.buffer, limit, &mut self.recorder);
        if was_opening && !subscriber.is_opening() && matches!(subscriber.link, Link::Open(_)) {
            self.on_open(index);
        }
        self.check_complete(index);
        match read {
            Ok(read) => read,
            Err(end) => {
                self.on_end(index, end);
                0
            }
        }
    }

    pub(super) fn on_open(&mut self, index: usize) {
        let subscriber = &mut self.subscribers[index];
        let counters = &self.recorder.shared.counters;
        counters.connected.fetch_add(1, Relaxed);
        if subscriber.kind != ReaderKind::Transient && !subscriber.was_open {
            counters.opened.fetch_add(1, Relaxed);
        }
        if let Some(slow) = self.recorder.shared.plan.slow
            && subscriber.kind == ReaderKind::Slow
            && !subscriber.was_open
        {
            let rate = slow.bytes_per_second as f64;
            let pace = Pace::new(rate, self.recorder.shared.now_ns());
            self.slow.push(SlowReader { index, pace });
        }
        subscriber.was_open = true;
    }

    pub(super) fn on_end(&mut self, index: usize, end: ConnectionEnd) {
        let was_stream = self.close(index);
        let subscriber = &mut self.subscribers[index];
        if subscriber.kind == ReaderKind::Transient {
            return;
        }
        match end {
            ConnectionEnd::NotOpened(error) if !subscriber.was_open => {
                if subscriber.kind == ReaderKind::Fast {
                    // No message waits for a subscriber that never connected.
                    self.recorder.reader_failed(self.share.at, subscriber.room);
                }
                self.recorder.shared.fail(error);
            }
            ConnectionEnd::NotOpened(_) => self.reconnect_later(index),
            ConnectionEnd::StreamEnded => {
                debug_assert!(was_stream, "only a stream ends");
                self.recorder.disconnected(subscriber.kind);
                self.reconnect_later(index);
            }
        }
    }

    fn reconnect_later(&mut self, index: usize) {
        let wait_ns = fastrand::u64(RECONNECT_AFTER_NS);
        let at = self.recorder.shared.now_ns() + wait_ns;
        self.waiting.push_back((at, index));
    }

    /// Closes a connection. Returns whether it had a stream.
    pub(super) fn close(&mut self, index: usize) -> bool {
        let connection = self.subscribers[index].shared_connection();
        let was_stream = self.subscribers[index].close();
        if let Some(connection) = connection {
            self.leave_shared(connection, index);
        }
        if was_stream {
            let counters = &self.recorder.shared.counters;
            counters.connected.fetch_sub(1, Relaxed);
        }
        was_stream
    }

    pub(super) fn check_complete(&mut self, index: usize) {
        let Some(expected) = &self.recorder.expected_per_room else {
            return;
        };
        let subscriber = &mut self.subscribers[index];
        let Link::Open(connection) = &mut subscriber.link else {
            return;
        };
        let since_ns = connection.since_ns();
        if !connection.is_opening() && subscriber.became_complete(expected) {
            let now_ns = self.recorder.shared.now_ns();
            self.recorder.tally.resumed.record_ns(now_ns - since_ns);
            self.recorder.tally.resumed_last_ns = now_ns;
            self.recorder.shared.counters.resumed.fetch_add(1, Relaxed);
        }
    }

    /// Compares the ledgers with what was sent, and returns all sums.
    pub(super) fn finish(mut self, sent: &SentLog) -> Tally {
        let now_ns = self.recorder.shared.now_ns();
        self.recorder.send_interval(now_ns);
        for subscriber in self.subscribers.iter().chain(&self.left_with_holes) {
            // One without a stream is reported as failed, and has no losses.
            if subscriber.was_open {
                let missing = subscriber.missing(sent);
                self.recorder
                    .add_losses(subscriber.kind, missing, &subscriber.numbers);
            }
        }
        self.recorder.tally
    }

    /// The sums so far, without the losses.
    pub(super) fn into_tally(self) -> Tally {
        self.recorder.tally
    }
}
