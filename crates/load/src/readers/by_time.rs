//! What is due by time and not by a socket: connections at their pace, patience
//! that is over, slow reading, and subscribers that come and go.

use std::collections::VecDeque;

use mio::{Interest, Token};

use super::{Readers, STAY_NS, is_opening};
use crate::shared::Trouble;
use crate::sockets::connect;
use crate::subscriber::{Connection, Ended, Link, Subscriber};
use crate::tally::Kind;

impl Readers {
    /// What is due by time and not by a socket.
    pub(super) fn turn(&mut self) {
        let now_ns = self.desk.shared.now_ns();
        self.time_out(now_ns);
        self.open_waiting(now_ns);
        self.read_slowly(now_ns);
        self.let_pass(now_ns);
    }

    fn time_out(&mut self, now_ns: u64) {
        let timeout_ns = self.desk.shared.plan.timeout.as_nanos() as u64;
        while let Some(&index) = self.opening.front() {
            match &self.subscribers[index].link {
                Link::Open(connection) if connection.is_opening() => {
                    if now_ns - connection.since_ns() < timeout_ns {
                        return;
                    }
                    let why = format!("no answer within {:?}", self.desk.shared.plan.timeout);
                    self.on_end(index, Ended::NoStream(Trouble::Unreachable(why)));
                }
                _ => {}
            }
            self.opening.pop_front();
        }
    }

    fn open_waiting(&mut self, now_ns: u64) {
        let most = self
            .desk
            .shared
            .plan
            .connect_concurrency
            .div_ceil(self.share.of);
        self.opening
            .retain(|&index| is_opening(&self.subscribers[index]));
        let mut later = VecDeque::new();
        while let Some((at, index)) = self.waiting.pop_front() {
            if at > now_ns {
                later.push_back((at, index));
                continue;
            }
            if self.opening.len() >= most || !self.pace.take(now_ns) {
                self.waiting.push_front((at, index));
                break;
            }
            self.open(index);
        }
        self.waiting.append(&mut later);
    }

    fn open(&mut self, index: usize) {
        let number = self.share.at + index * self.share.of;
        let shared = &self.desk.shared;
        let since_ns = shared.now_ns();
        let subscriber = &mut self.subscribers[index];
        let slow = subscriber.kind == Kind::Slow;
        let connected = connect(shared.place.address, shared.plan.source(number), slow);
        let registered = connected.and_then(|socket| {
            let mut connection = Box::new(Connection::new(socket, since_ns));
            let interests = Interest::READABLE | Interest::WRITABLE;
            self.poll
                .registry()
                .register(connection.socket(), Token(index), interests)?;
            Ok(connection)
        });
        match registered {
            Ok(connection) => {
                subscriber.link = Link::Open(connection);
                self.opening.push_back(index);
            }
            Err(error) => {
                let trouble = Trouble::Unreachable(format!("can't connect: {error}"));
                self.on_end(index, Ended::NoStream(trouble));
            }
        }
    }

    fn read_slowly(&mut self, now_ns: u64) {
        for at in 0..self.slow.len() {
            let index = self.slow[at].index;
            let allowed = self.slow[at].pace.allowance(now_ns);
            if allowed > 0 && matches!(self.subscribers[index].link, Link::Open(_)) {
                let read = self.read(index, allowed);
                self.slow[at].pace.spend(read, now_ns);
            }
        }
    }

    /// Lets passing subscribers come and go.
    fn let_pass(&mut self, now_ns: u64) {
        while let Some(&(leaves_at, index)) = self.passing.front()
            && leaves_at <= now_ns
        {
            self.passing.pop_front();
            self.cut(index);
            self.free.push(index);
        }
        while self.churn.as_mut().is_some_and(|churn| churn.take(now_ns)) {
            let index = self.place_of_a_passing_one();
            self.passing.push_back((now_ns + STAY_NS, index));
            self.open(index);
        }
    }

    fn place_of_a_passing_one(&mut self) -> usize {
        let plan = &self.desk.shared.plan;
        let room = fastrand::usize(..plan.rooms);
        let new = Subscriber::new(Kind::Passing, room, plan.publishers);
        match self.free.pop() {
            None => {
                self.subscribers.push(new);
                self.subscribers.len() - 1
            }
            Some(index) => {
                let old = std::mem::replace(&mut self.subscribers[index], new);
                // What was refused is known at the end, so its holes wait for it.
                if old.has_holes() {
                    self.left_with_holes.push(old);
                }
                index
            }
        }
    }
}
