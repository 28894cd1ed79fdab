//! All readers of one worker, and everything that happens to them. It knows
//! neither threads nor polls: it is told what is ready, and is given the time.
//!
//! How a reader goes from one state to the other is in `transitions`, what depends
//! on time alone in `clock`, readers that wait for their budget in `pauses`,
//! what others may know of it in `counting`.

mod clock;
mod counting;
mod incoming;
mod pauses;
mod transitions;

use std::collections::{BTreeSet, VecDeque};
use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Instant;

use slab::Slab;

pub(super) use self::clock::tick;
pub(super) use self::incoming::Received;
use self::incoming::{Incoming, Next};
use super::super::handoff::Handoff;
use super::catching_up::{CatchingUp, Step};
use super::counts::Counts;
use super::group::Left;
use super::groups::Groups;
use super::mailbox::Permit;
use super::socket::{Socket, read_junk};
use super::stamp::StampBase;
use super::write_budget::WriteBudget;
use super::{KEPT_PLACES, more_places};
use crate::chat::{Membership, RoomKey};
use crate::http::{App, StreamGuard, bye};

/// Most events that a turn takes out of the channel: those of rooms without live
/// readers here cost a turn nothing else.
const TAKEN_AT_ONCE: usize = 4096;

/// What the channel can't give any more: its readers go back to history.
#[derive(Debug, Clone, Copy)]
enum Lost {
    /// Events of one room.
    Room(RoomKey),
    /// Events of any room.
    All,
}

/// All readers of one worker.
#[derive(Debug)]
pub(super) struct Readers<S: Socket> {
    app: Arc<App>,
    base: StampBase,
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
    incoming: Incoming,
    pace: WriteBudget,
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
    Live {
        place: InGroup,
        membership: Membership,
    },
    CatchingUp(Box<CatchingUp<S>>),
    /// Between the two; never seen from outside.
    Moving,
}

/// Where a live reader is in its group. As small as it can be: there is one for
/// each reader.
#[derive(Debug, Clone, Copy)]
struct InGroup {
    group: u32,
    index: u32,
}

impl InGroup {
    fn new(group: usize, index: usize) -> Self {
        let small = |number| u32::try_from(number).expect("there are fewer than 2^32 readers");
        Self {
            group: small(group),
            index: small(index),
        }
    }

    fn group(self) -> usize {
        self.group as usize
    }

    fn index(self) -> usize {
        self.index as usize
    }
}

impl<S: Socket> Readers<S> {
    pub(super) fn new(app: Arc<App>, counts: Arc<Counts>, now: Instant) -> Self {
        let incoming = Incoming::new(&app.hub);
        counts.read_to(incoming.position());
        Self {
            app,
            base: StampBase::new(now),
            incoming,
            places: Slab::new(),
            groups: Groups::new(),
            able: VecDeque::new(),
            pauses: BTreeSet::new(),
            turns: None,
            ticked: now,
            pace: WriteBudget::default(),
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

    /// What the next reader will be called.
    pub(super) fn next_token(&self) -> usize {
        self.places.vacant_key()
    }

    /// A reader comes: it is behind, with everything still to write.
    pub(super) fn add(&mut self, socket: S, handoff: Handoff, permit: Permit, now: Instant) {
        let Handoff { first, stream } = handoff;
        let mut behind = CatchingUp::new(socket, first, stream.subscription, now);
        if self.turns.is_some() {
            behind.end();
        }
        if self.places.len() == self.places.capacity() {
            self.places.reserve_exact(more_places(self.places.len()));
        }
        let token = self.places.insert(Place {
            state: State::CatchingUp(Box::new(behind)),
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
            State::Live { place, .. } => {
                &mut self.groups.get_mut(place.group()).readers[place.index()].socket
            }
            State::CatchingUp(behind) => &mut behind.socket,
            State::Moving => return,
        };
        if let Err(error) = read_junk(socket, &mut place.junk) {
            self.lose(token, &error);
        }
    }

    /// Takes what happened since the last time out of the channel, or the first of
    /// it, and writes it to all live readers. Pending when there was nothing.
    pub(super) fn deliver(&mut self, cx: &mut Context<'_>, now: Instant) -> Poll<()> {
        let (taken, lost) = self.receive(cx);
        let stamp = self.base.stamp(now);
        while let Some(group) = self
            .groups
            .write_next(stamp, &mut self.pace, &mut self.left)
        {
            self.settle(group, now);
        }
        self.count_times();
        // Only now: what came before what was lost is written.
        match lost {
            Some(Lost::All) => self.unpark_all(now),
            Some(Lost::Room(room)) => self.unpark_room(room, now),
            None => {}
        }
        match taken {
            0 => Poll::Pending,
            _ => Poll::Ready(()),
        }
    }

    /// Takes down what goes into this turn. How many events were taken out of the
    /// channel, and what was found to be lost.
    fn receive(&mut self, cx: &mut Context<'_>) -> (usize, Option<Lost>) {
        for taken in 0..TAKEN_AT_ONCE {
            let takes = |room, is_presence| self.groups.take(room, is_presence);
            match self.incoming.poll_next(cx, &self.app.hub, takes) {
                Poll::Pending => return (taken, None),
                Poll::Ready(Next::NotForUs) => {}
                Poll::Ready(Next::Lost(room)) => return (taken + 1, Some(Lost::Room(room))),
                Poll::Ready(Next::Lagged) => return (taken + 1, Some(Lost::All)),
                Poll::Ready(Next::Event(event)) => {
                    if !self.groups.note(&event) {
                        self.incoming.hold(event);
                        return (taken + 1, None);
                    }
                    self.said.extend(event.seq.map(|_| event.at));
                }
            }
        }
        (TAKEN_AT_ONCE, None)
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
        let Some(State::CatchingUp(behind)) =
            self.places.get_mut(token).map(|place| &mut place.state)
        else {
            return;
        };
        if !std::mem::take(&mut behind.queued) {
            return;
        }
        let config = &self.app.config;
        self.pace.wrote();
        match behind.step(now, &mut self.pace.told, || bye(config)) {
            Step::Again => self.queue(token),
            Step::Wait => {}
            Step::Pause(until) => self.pause(token, until),
            Step::Live(live) => self.park(token, live),
            Step::Ended => self.end(token),
            Step::Gone(error) => self.lose(token, &error),
        }
    }

    /// The stream was written to its end.
    fn end(&mut self, token: usize) {
        if let Some(Place {
            guard,
            state: State::CatchingUp(behind),
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

    fn behind(&mut self, token: usize) -> Option<&mut CatchingUp<S>> {
        match &mut self.places.get_mut(token)?.state {
            State::CatchingUp(behind) => Some(behind),
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
        let mut gone = self.places.remove(token);
        // Before the socket closes.
        drop(std::mem::take(&mut gone.guard));
        match &gone.state {
            State::Live { place, .. } => {
                drop(self.take_out(*place));
                self.groups.remove_if_empty(place.group());
            }
            State::CatchingUp(behind) => {
                if let Some(until) = behind.paused {
                    self.pauses.remove(&(until, token));
                }
            }
            State::Moving => {}
        }
        // In the order of its fields: a shutdown waits for the last one.
        drop(gone);
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
