//! What is due by time and not by a socket: connects at their pace, timeouts, slow
//! reads, and the subscribers that come and go.

use std::collections::VecDeque;

use super::connection::ConnectionEnd;
use super::streams::Streams;
use super::subscriber::{Link, Subscriber};
use crate::shared::StreamError;
use crate::tally::ReaderKind;

/// How long a transient subscriber stays.
const STAY_NS: u64 = 1_000_000_000;

impl Streams {
    /// Does what is due by now.
    pub(super) fn run_timers(&mut self) {
        let now_ns = self.recorder.shared.now_ns();
        self.time_out(now_ns);
        self.open_waiting(now_ns);
        self.read_slowly(now_ns);
        self.churn(now_ns);
    }

    fn time_out(&mut self, now_ns: u64) {
        let timeout_ns = self.recorder.shared.plan.timeout.as_nanos() as u64;
        while let Some(&index) = self.opening.front() {
            match &self.subscribers[index].link {
                Link::Open(connection) if connection.is_opening() => {
                    if now_ns - connection.since_ns() < timeout_ns {
                        return;
                    }
                    let why = format!("no answer within {:?}", self.recorder.shared.plan.timeout);
                    let error = StreamError::Unreachable(why);
                    self.on_end(index, ConnectionEnd::NotOpened(error));
                }
                _ => {}
            }
            self.opening.pop_front();
        }
    }

    fn open_waiting(&mut self, now_ns: u64) {
        let max = self.max_opening();
        self.opening
            .retain(|&index| self.subscribers[index].is_opening());
        let mut later = VecDeque::new();
        while let Some((at, index)) = self.waiting.pop_front() {
            if at > now_ns {
                later.push_back((at, index));
                continue;
            }
            if self.opening.len() >= max || !self.connect_pace.take(now_ns) {
                self.waiting.push_front((at, index));
                break;
            }
            self.open(index);
        }
        self.waiting.append(&mut later);
    }

    fn read_slowly(&mut self, now_ns: u64) {
        for at in 0..self.slow.len() {
            let index = self.slow[at].index;
            let allowed = self.slow[at].pace.allowance(now_ns);
            if allowed > 0 && matches!(self.subscribers[index].link, Link::Open(_)) {
                let read = self.read_of(index, allowed);
                self.slow[at].pace.spend(read, now_ns);
            }
        }
    }

    /// Closes transient subscribers whose time is over, and opens new ones.
    fn churn(&mut self, now_ns: u64) {
        while let Some(&(leaves_at, index)) = self.transient.front()
            && leaves_at <= now_ns
        {
            self.transient.pop_front();
            self.close(index);
            self.free.push(index);
        }
        while self
            .churn_pace
            .as_mut()
            .is_some_and(|pace| pace.take(now_ns))
        {
            let index = self.new_transient();
            self.transient.push_back((now_ns + STAY_NS, index));
            self.open(index);
        }
    }

    fn new_transient(&mut self) -> usize {
        let plan = &self.recorder.shared.plan;
        let room = fastrand::usize(..plan.rooms);
        let new = Subscriber::new(ReaderKind::Transient, room, plan.publishers);
        match self.free.pop() {
            None => {
                self.subscribers.push(new);
                self.subscribers.len() - 1
            }
            Some(index) => {
                let old = std::mem::replace(&mut self.subscribers[index], new);
                if old.has_holes() {
                    self.left_with_holes.push(old);
                }
                index
            }
        }
    }
}
