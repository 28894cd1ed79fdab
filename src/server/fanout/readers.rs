//! All readers of one worker, and everything that happens to them. It knows
//! neither threads nor polls: it is told what is ready, and is given the time.
//!
//! How a reader goes from one state to the other is in `seams`, what depends
//! on time alone in `clock`, readers that wait for their budget in `pauses`,
//! what others may know of it in `counting`.

mod clock;
mod counting;
mod pauses;
mod seams;
mod taken;

use std::collections::{BTreeSet, VecDeque};
use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use slab::Slab;

pub(super) use self::clock::tick;
use self::taken::Taken;
use super::super::handoff::Handoff;
use super::behind::{Behind, Step};
use super::counts::Counts;
use super::group::Left;
use super::groups::Groups;
use super::mailbox::Permit;
use super::pace::Pace;
use super::socket::{Socket, read_junk};
use super::{KEPT_PLACES, more_places};
use crate::chat::{Lagged, Membership, News, Outlet, OutletBounds};
use crate::http::{App, StreamGuard, bye};

/// How far a worker may be behind what is said before its readers are served
/// from history: one long round of writes to all of them.
pub(super) const BOUNDS: OutletBounds = OutletBounds {
    events: 4096,
    bytes: 4 << 20,
};
/// All readers of one worker.
#[derive(Debug)]
pub(super) struct Readers<S: Socket> {
    app: Arc<App>,
    outlet: Arc<Outlet>,
    places: Slab<Place<S>>,
    groups: Groups<S>,
    /// Readers that are behind and may write, in their order. Who is in it
    /// without being `queued` has left, and another one has its token.
    able: VecDeque<usize>,
    /// Exactly the readers that are paused, by when their pauses end.
    pauses: BTreeSet<(Instant, usize)>,
    /// While the server drains: when each reader's turn comes, the next last.
    turns: Option<Vec<(Instant, usize)>>,
    /// When the clock was looked at last.
    ticked: Instant,
    taken: Taken,
    pace: Pace,
    left: Vec<Left<S>>,
    /// When the messages of this turn were said.
    said: Vec<tokio::time::Instant>,
    counts: Arc<Counts>,
}

/// One reader.
#[derive(Debug)]
struct Place<S> {
    /// Its line in the log comes first, and its place among the streams is
    /// free, before anybody can see that it is gone.
    guard: StreamGuard,
    state: State<S>,
    /// How many bytes it sent after its request.
    junk: usize,
    /// Last: a shutdown that waits for it ends the process.
    _permit: Permit,
}

/// What a reader costs beside its place in a group.
#[cfg(test)]
pub(super) const PLACE_BYTES: usize = size_of::<Place<super::transport::Transport>>();

#[derive(Debug)]
enum State<S> {
    /// Where in the groups, and its place in its rooms.
    Parked {
        group: usize,
        index: usize,
        membership: Membership,
    },
    Behind(Box<Behind<S>>),
    /// Between the two; never seen from outside.
    Moving,
}

impl<S: Socket> Readers<S> {
    pub(super) fn new(
        app: Arc<App>,
        bounds: OutletBounds,
        counts: Arc<Counts>,
        now: Instant,
    ) -> Self {
        let outlet = Arc::new(Outlet::new(bounds));
        counts.watch(Arc::downgrade(&outlet));
        Self {
            app,
            outlet,
            places: Slab::new(),
            groups: Groups::new(),
            able: VecDeque::new(),
            pauses: BTreeSet::new(),
            turns: None,
            ticked: now,
            taken: Taken::default(),
            pace: Pace::default(),
            left: Vec::new(),
            said: Vec::new(),
            counts,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// For how many readers there is room without asking for memory.
    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.places.capacity() + self.able.capacity()
    }

    /// How many rooms tell this worker what happens.
    #[cfg(test)]
    pub(super) fn rooms_heard(&self) -> usize {
        Arc::strong_count(&self.outlet) - 1
    }

    /// What the next reader will be called.
    pub(super) fn next_token(&self) -> usize {
        self.places.vacant_key()
    }

    /// A reader comes: it is behind, with everything still to write.
    pub(super) fn add(&mut self, socket: S, handoff: Handoff, permit: Permit, now: Instant) {
        let Handoff { first, stream } = handoff;
        let mut behind = Behind::new(socket, first, stream.subscription, now);
        if self.turns.is_some() {
            behind.end();
        }
        if self.places.len() == self.places.capacity() {
            self.places.reserve_exact(more_places(self.places.len()));
        }
        let token = self.places.insert(Place {
            state: State::Behind(Box::new(behind)),
            junk: 0,
            _permit: permit,
            guard: stream.guard,
        });
        self.queue(token);
    }

    /// A socket takes bytes again.
    pub(super) fn writable(&mut self, token: usize) {
        self.queue(token);
    }

    /// The other side sent something, or is gone.
    pub(super) fn readable(&mut self, token: usize) {
        let Some(place) = self.places.get_mut(token) else {
            return;
        };
        let socket = match &mut place.state {
            State::Parked { group, index, .. } => {
                &mut self.groups.get_mut(*group).readers[*index].socket
            }
            State::Behind(behind) => &mut behind.socket,
            State::Moving => return,
        };
        if let Err(error) = read_junk(socket, &mut place.junk) {
            self.lose(token, &error);
        }
    }

    /// Takes what was said since the last time, and writes it to all parked
    /// readers, or the first of it. Pending when there was nothing.
    pub(super) fn tell(&mut self, cx: &mut Context<'_>, now: Instant) -> Poll<()> {
        if self.taken.events.is_empty() {
            match ready!(self.outlet.poll_take(cx, &mut self.taken.events)) {
                Ok(first) => self.taken.first = first,
                Err(Lagged) => {
                    self.unpark_all(now);
                    return Poll::Ready(());
                }
            }
        }
        self.taken.tell(|position, live| {
            let told = self.groups.tell(position, live);
            if told && matches!(live.news, News::Update(_)) {
                self.said.push(live.at);
            }
            told
        });
        while let Some(group) = self.groups.write_next(now, &mut self.pace, &mut self.left) {
            self.settle(group, now);
        }
        self.count_times();
        Poll::Ready(())
    }

    /// Lets so many of those who are behind write once. Whether there are more.
    pub(super) fn catch_up(&mut self, most: usize, now: Instant) -> bool {
        for _ in 0..most {
            let Some(token) = self.able.pop_front() else {
                return false;
            };
            self.step(token, now);
        }
        !self.able.is_empty()
    }

    /// One write of a reader that is behind.
    fn step(&mut self, token: usize, now: Instant) {
        let Some(State::Behind(behind)) = self.places.get_mut(token).map(|place| &mut place.state)
        else {
            return;
        };
        if !std::mem::take(&mut behind.queued) {
            return;
        }
        let config = &self.app.config;
        self.pace.wrote();
        let told = &mut self.pace.told;
        match behind.step(&self.outlet, now, told, || bye(config)) {
            (Step::Whole, Some(live)) => self.park(token, live),
            (step, live) => {
                if let Some(live) = live {
                    self.detach_unused(token, &live);
                }
                match step {
                    Step::Again | Step::Whole => self.queue(token),
                    Step::Wait => {}
                    Step::Pause(until) => self.pause(token, until),
                    Step::Ended => self.end(token),
                    Step::Gone(error) => self.lose(token, &error),
                }
            }
        }
    }

    /// The stream was written to its end.
    fn end(&mut self, token: usize) {
        if let Some(Place {
            guard,
            state: State::Behind(behind),
            junk,
            ..
        }) = self.places.get_mut(token)
        {
            drop(std::mem::take(guard));
            behind.socket.finish();
            // What nobody has read would make the kernel reset the connection,
            // and its client lose the end.
            let _ = read_junk(&mut behind.socket, junk);
        }
        self.remove(token);
    }

    fn queue(&mut self, token: usize) {
        if let Some(behind) = self.behind(token)
            && !std::mem::replace(&mut behind.queued, true)
        {
            self.able.push_back(token);
        }
    }

    fn behind(&mut self, token: usize) -> Option<&mut Behind<S>> {
        match &mut self.places.get_mut(token)?.state {
            State::Behind(behind) => Some(behind),
            _ => None,
        }
    }

    /// A reader is gone, or is let go.
    fn lose(&mut self, token: usize, error: &io::Error) {
        tracing::debug!(%error, "a reader is gone");
        // By our own clock, or by the kernel's, which the socket was given.
        if error.kind() == ErrorKind::TimedOut {
            self.app.stalled.fetch_add(1, Ordering::Relaxed);
        }
        self.remove(token);
    }

    /// A reader goes, wherever it is.
    fn remove(&mut self, token: usize) {
        let place = self.places.remove(token);
        match place.state {
            State::Parked { group, index, .. } => {
                drop(self.take_out(group, index));
                self.remove_if_empty(group);
            }
            State::Behind(behind) => {
                if let Some(until) = behind.paused {
                    self.pauses.remove(&(until, token));
                }
            }
            State::Moving => {}
        }
        if self.places.is_empty() {
            self.shrink();
        }
    }

    /// Gives back what a wave of readers needed and those who are left don't.
    fn shrink(&mut self) {
        self.groups.shrink();
        if self.places.is_empty() {
            self.places = Slab::new();
            self.able = VecDeque::new();
        } else if self.places.len() < self.places.capacity() / 4 {
            self.places.shrink_to_fit();
        }
        self.able.shrink_to(KEPT_PLACES);
    }
}

impl<S: Socket> Drop for Readers<S> {
    fn drop(&mut self) {
        for group in self.groups.numbers() {
            let rooms = Arc::clone(&self.groups.get_mut(group).audience.rooms);
            self.app.hub.detach(&rooms, &self.outlet);
        }
        // A panic may have come between going live and being parked.
        for (_, place) in &self.places {
            if let State::Behind(behind) = &place.state {
                let rooms = behind.subscription.membership().rooms();
                self.app.hub.detach(rooms, &self.outlet);
            }
        }
    }
}
