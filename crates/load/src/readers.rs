//! A thread that reads the streams of many subscribers: one poll, one buffer,
//! and every socket read as soon as it has something.

mod by_time;

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{Receiver, Sender, TryRecvError};
use std::time::Duration;

use mio::event::Event;
use mio::{Events, Poll, Token};

use crate::ledger::Sent;
use crate::order::{Order, Share};
use crate::pace::Pace;
use crate::shared::Shared;
use crate::subscriber::{Ended, Link, Subscriber};
use crate::tally::{Desk, Interval, Kind, Tally};

const BUFFER_BYTES: usize = 64 * 1024;
/// What wakes the thread for an order.
pub(super) const WAKER: Token = Token(usize::MAX);
/// How often there is something to do when no socket has something.
const TURN: Duration = Duration::from_millis(10);
/// How much of one socket is read before the others have their turn, and the
/// orders are looked at: a server may send faster than it can be read.
const BYTES_A_TURN: usize = 512 * 1024;
/// How long a subscriber whose stream ended waits before it comes back.
const RETURN_AFTER_NS: std::ops::Range<u64> = 100_000_000..1_000_000_000;
/// How long a passing subscriber stays.
const STAY_NS: u64 = 1_000_000_000;

/// The worker within its thread.
pub(super) struct Readers {
    share: Share,
    poll: Poll,
    orders: Receiver<Order>,
    desk: Desk,
    buffer: Vec<u8>,
    subscribers: Vec<Subscriber>,
    /// Those that are to be connected, and since when they may.
    waiting: VecDeque<(u64, usize)>,
    /// Those whose connection was begun, in that order.
    opening: VecDeque<usize>,
    pace: Pace,
    /// Those of whom there is more to read than one turn allows: no event says
    /// so again. Never many, since each costs a whole turn's bytes.
    unfinished: Vec<usize>,
    slow: Vec<SlowReader>,
    /// Places of passing subscribers, and when each leaves.
    passing: VecDeque<(u64, usize)>,
    /// Places of passing subscribers that have left.
    free: Vec<usize>,
    churn: Option<Pace>,
    left_with_holes: Vec<Subscriber>,
}

/// A slow subscriber's allowance.
struct SlowReader {
    index: usize,
    pace: Pace,
}

impl Readers {
    /// For a share of the subscribers.
    pub(super) fn new(
        shared: Arc<Shared>,
        share: Share,
        poll: Poll,
        orders: Receiver<Order>,
        intervals: Sender<Interval>,
    ) -> Self {
        let plan = &shared.plan;
        let slow_ones = plan.slow_of(share.subscribers);
        let mut audience = vec![0; plan.rooms];
        let subscribers: Vec<Subscriber> = share
            .indices()
            .map(|index| {
                let room = index % plan.rooms;
                let kind = match is_slow(index, slow_ones, share.subscribers) {
                    true => Kind::Slow,
                    false => Kind::Good,
                };
                audience[room] += u32::from(kind == Kind::Good);
                Subscriber::new(kind, room, plan.publishers)
            })
            .collect();
        let rate = plan.connect_rate.unwrap_or(f64::INFINITY);
        Self {
            share,
            poll,
            orders,
            buffer: vec![0; BUFFER_BYTES],
            waiting: VecDeque::new(),
            opening: VecDeque::new(),
            pace: Pace::new(rate / share.of as f64, 0),
            unfinished: Vec::new(),
            slow: Vec::new(),
            passing: VecDeque::new(),
            free: Vec::new(),
            churn: None,
            left_with_holes: Vec::new(),
            subscribers,
            desk: Desk::new(shared, audience, intervals),
        }
    }

    /// Its good subscribers, by room.
    pub(super) fn audience(&self) -> &[u32] {
        &self.desk.audience
    }

    /// Reads and obeys until it is told to finish, or nobody is left to tell it.
    pub(super) fn run(mut self) -> io::Result<Tally> {
        let mut events = Events::with_capacity(1024);
        loop {
            let wait = match self.unfinished.is_empty() {
                true => TURN,
                false => Duration::ZERO,
            };
            match self.poll.poll(&mut events, Some(wait)) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                polled => polled?,
            }
            let now_ns = self.desk.shared.now_ns();
            self.desk.turn(now_ns);
            for index in std::mem::take(&mut self.unfinished) {
                self.read_on(index);
            }
            for event in &events {
                if event.token() != WAKER {
                    self.on_event(event);
                }
            }
            loop {
                match self.orders.try_recv() {
                    Ok(Order::Finish(sent)) => return Ok(self.finish(&sent)),
                    Ok(order) => self.obey(order),
                    Err(TryRecvError::Empty) => break,
                    // The benchmark was broken off.
                    Err(TryRecvError::Disconnected) => return Ok(self.desk.tally),
                }
            }
            self.turn();
        }
    }

    fn obey(&mut self, order: Order) {
        let now_ns = self.desk.shared.now_ns();
        match order {
            Order::Connect => self.connect_all(now_ns),
            Order::Churn => {
                let rate = self.desk.shared.plan.churn as f64 / self.share.of as f64;
                self.churn = Some(Pace::new(rate, now_ns));
            }
            Order::Cut => {
                self.waiting.clear();
                for index in 0..self.subscribers.len() {
                    self.cut(index);
                }
            }
            Order::Return(whole_at) => {
                self.desk.whole_at = Some(whole_at);
                self.connect_all(now_ns);
            }
            Order::Finish(_) => {}
        }
    }

    fn connect_all(&mut self, now_ns: u64) {
        self.pace.restart(now_ns);
        self.waiting = (0..self.subscribers.len())
            .map(|index| (now_ns, index))
            .collect();
    }

    fn on_event(&mut self, event: &Event) {
        let index = event.token().0;
        let Some(subscriber) = self.subscribers.get_mut(index) else {
            return;
        };
        if event.is_read_closed() {
            subscriber.expect_the_end();
        }
        if event.is_writable()
            && let Err(ended) = subscriber.on_writable(&mut self.desk)
        {
            return self.on_end(index, ended);
        }
        self.read_on(index);
    }

    /// Reads what is there, but no more than one socket may have in a turn.
    fn read_on(&mut self, index: usize) {
        let subscriber = &self.subscribers[index];
        if subscriber.kind == Kind::Slow && subscriber.was_open {
            return;
        }
        if self.read(index, BYTES_A_TURN) >= BYTES_A_TURN && !self.unfinished.contains(&index) {
            self.unfinished.push(index);
        }
    }

    /// Reads what is there; how many bytes that was.
    fn read(&mut self, index: usize, limit: usize) -> usize {
        let subscriber = &mut self.subscribers[index];
        let was_opening = is_opening(subscriber);
        let read = subscriber.read(&mut self.buffer, limit, &mut self.desk);
        if was_opening && !is_opening(subscriber) && matches!(subscriber.link, Link::Open(_)) {
            self.on_open(index);
        }
        self.look_whether_whole(index);
        match read {
            Ok(read) => read,
            Err(ended) => {
                self.on_end(index, ended);
                0
            }
        }
    }

    fn on_open(&mut self, index: usize) {
        let subscriber = &mut self.subscribers[index];
        let counters = &self.desk.shared.counters;
        counters.connected.fetch_add(1, Relaxed);
        if subscriber.kind != Kind::Passing && !subscriber.was_open {
            counters.opened.fetch_add(1, Relaxed);
        }
        if let Some(slow) = self.desk.shared.plan.slow
            && subscriber.kind == Kind::Slow
            && !subscriber.was_open
        {
            let rate = slow.bytes_per_second as f64;
            let pace = Pace::new(rate, self.desk.shared.now_ns());
            self.slow.push(SlowReader { index, pace });
        }
        subscriber.was_open = true;
    }

    fn on_end(&mut self, index: usize, ended: Ended) {
        let was_stream = self.cut(index);
        let subscriber = &mut self.subscribers[index];
        if subscriber.kind == Kind::Passing {
            return;
        }
        match ended {
            Ended::NoStream(trouble) if !subscriber.was_open => {
                if subscriber.kind == Kind::Good {
                    // Nobody waits for one that never came.
                    self.desk.one_less(self.share.at, subscriber.room);
                }
                self.desk.shared.fail(trouble);
            }
            Ended::NoStream(_) => self.return_later(index),
            Ended::Stream => {
                debug_assert!(was_stream, "only a stream ends");
                self.desk.disconnected(subscriber.kind);
                self.return_later(index);
            }
        }
    }

    fn return_later(&mut self, index: usize) {
        let wait_ns = fastrand::u64(RETURN_AFTER_NS);
        let at = self.desk.shared.now_ns() + wait_ns;
        self.waiting.push_back((at, index));
    }

    /// Closes a connection. Whether there was a stream.
    fn cut(&mut self, index: usize) -> bool {
        let was_stream = self.subscribers[index].cut();
        if was_stream {
            let counters = &self.desk.shared.counters;
            counters.connected.fetch_sub(1, Relaxed);
        }
        was_stream
    }

    fn look_whether_whole(&mut self, index: usize) {
        let Some(whole_at) = &self.desk.whole_at else {
            return;
        };
        let subscriber = &mut self.subscribers[index];
        let Link::Open(connection) = &mut subscriber.link else {
            return;
        };
        let since_ns = connection.since_ns();
        if !connection.is_opening() && subscriber.became_whole(whole_at) {
            let now_ns = self.desk.shared.now_ns();
            self.desk.tally.resumed.record_ns(now_ns - since_ns);
            self.desk.tally.resumed_last_ns = now_ns;
            self.desk.shared.counters.whole.fetch_add(1, Relaxed);
        }
    }

    fn finish(mut self, sent: &Sent) -> Tally {
        self.desk.hand_over(self.desk.shared.now_ns());
        for subscriber in self.subscribers.iter().chain(&self.left_with_holes) {
            // Who never had a stream is reported as such, and not as a loss.
            if subscriber.was_open {
                let missing = subscriber.missing(sent);
                self.desk
                    .close(subscriber.kind, missing, &subscriber.numbers);
            }
        }
        self.desk.tally
    }
}

fn is_opening(subscriber: &Subscriber) -> bool {
    matches!(&subscriber.link, Link::Open(connection) if connection.is_opening())
}

/// Spreads `slow` slow ones evenly over all.
fn is_slow(index: usize, slow: usize, all: usize) -> bool {
    (index + 1) * slow / all != index * slow / all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slow_ones_are_spread_evenly() {
        for (slow, all) in [(0, 10), (1, 10), (3, 10), (10, 10), (50, 1000)] {
            let marked: Vec<usize> = (0..all)
                .filter(|index| is_slow(*index, slow, all))
                .collect();
            assert_eq!(marked.len(), slow);
        }
        assert!(is_slow(19, 50, 1000) && !is_slow(20, 50, 1000));
    }
}
