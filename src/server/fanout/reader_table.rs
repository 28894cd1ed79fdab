//! The table of a worker's readers: the state of each, the queue of those that
//! may write, and the pauses of those that may not. The transitions between the
//! states are in `transitions`; what causes them, in `readers` and `clock`.

use std::collections::{BTreeSet, VecDeque};
use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use slab::Slab;

use super::catching_up::CatchingUp;
use super::groups::{Groups, MIN_CAPACITY};
use super::live::{LiveReader, StampBase, growth, small};
use super::mailbox::ReaderPermit;
use super::socket::{Socket, read_junk};
use crate::chat::{EXPIRING_SECONDS, Membership, StreamFormat, TokenExpiry};
use crate::http::{App, StreamGuard};

/// All readers of one worker, by token.
#[derive(Debug)]
pub(super) struct ReaderTable<S: Socket> {
    app: Arc<App>,
    pub(super) stamps: StampBase,
    pub(super) slots: Slab<ReaderSlot<S>>,
    pub(super) groups: Groups<S>,
    /// Readers that are catching up and may write, in their order. A token whose
    /// reader is not `is_queued` belongs to a reader that has left.
    write_queue: VecDeque<usize>,
    /// Exactly the readers that are paused, by the end of their pause.
    pauses: BTreeSet<(Instant, usize)>,
    /// Exactly the readers whose token expires, by the time in seconds since 1970
    /// at which they are looked at next.
    expirations: BTreeSet<Expiration>,
}

/// One reader.
#[derive(Debug)]
pub(super) struct ReaderSlot<S> {
    /// Dropped first: the access log line is written, and the place among the
    /// streams is free, before a client can see that the stream has ended.
    guard: StreamGuard,
    pub(super) state: ReaderState<S>,
    /// Bytes that the client sent after its request.
    junk: usize,
    /// Dropped last: a shutdown that waits for it ends the process.
    permit: ReaderPermit,
}

/// What a reader costs in addition to its entry in a group.
#[cfg(test)]
pub(super) const SLOT_BYTES: usize = size_of::<ReaderSlot<super::mailbox::Transport>>();

#[derive(Debug)]
pub(super) enum ReaderState<S> {
    Live {
        position: GroupPosition,
        membership: Membership,
    },
    CatchingUp(Box<CatchingUp<S>>),
    /// Between the two, only within a transition.
    Moving,
}

/// Where a live reader is in the groups. Eight bytes, since each reader has one.
#[derive(Debug, Clone, Copy)]
pub(super) struct GroupPosition {
    group: u32,
    index: u32,
}

/// When a reader's token expires or is about to. Eight bytes, since each reader with
/// a token has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Expiration {
    /// In seconds since 1970. What does not fit, after 2106, is never.
    seconds: u32,
    token: u32,
}

impl Expiration {
    fn new(at: u64, token: usize) -> Self {
        Self {
            seconds: at.try_into().unwrap_or(u32::MAX),
            token: small(token),
        }
    }

    fn at(self) -> u64 {
        match self.seconds {
            u32::MAX => u64::MAX,
            seconds => seconds.into(),
        }
    }
}

impl GroupPosition {
    pub(super) fn new(group: usize, index: usize) -> Self {
        Self {
            group: small(group),
            index: small(index),
        }
    }

    pub(super) fn group(self) -> usize {
        self.group as usize
    }

    fn index(self) -> usize {
        self.index as usize
    }
}

impl<S: Socket> ReaderTable<S> {
    pub(super) fn new(app: Arc<App>, now: Instant) -> Self {
        Self {
            app,
            stamps: StampBase::new(now),
            slots: Slab::new(),
            groups: Groups::new(),
            write_queue: VecDeque::new(),
            pauses: BTreeSet::new(),
            expirations: BTreeSet::new(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Readers for which there is room without an allocation.
    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.slots.capacity() + self.write_queue.capacity()
    }

    /// The token of the next reader.
    pub(super) fn next_token(&self) -> usize {
        self.slots.vacant_key()
    }

    pub(super) fn tokens(&self) -> impl Iterator<Item = usize> {
        self.slots.iter().map(|(token, _)| token)
    }

    /// Adds a reader, and queues it.
    pub(super) fn add(&mut self, reader: CatchingUp<S>, guard: StreamGuard, permit: ReaderPermit) {
        if self.slots.len() == self.slots.capacity() {
            self.slots.reserve_exact(growth(self.slots.len()));
        }
        let expires_at = reader.subscription.expires_at();
        let token = self.slots.insert(ReaderSlot {
            state: ReaderState::CatchingUp(Box::new(reader)),
            junk: 0,
            permit,
            guard,
        });
        if let Some(expires_at) = expires_at {
            let announced_at = expires_at.saturating_sub(EXPIRING_SECONDS);
            self.expirations
                .insert(Expiration::new(announced_at, token));
        }
        self.queue(token);
    }

    /// The next reader whose token expires soon, or has expired; `now` is in seconds
    /// since 1970.
    pub(super) fn take_expiring(&mut self, now: u64) -> Option<(usize, TokenExpiry)> {
        let first = *self.expirations.first()?;
        (first.at() <= now).then(|| self.expirations.pop_first())?;
        let token = first.token as usize;
        match self.expires_at(token) {
            Some(expires_at) if now < expires_at => {
                self.expirations.insert(Expiration::new(expires_at, token));
                Some((token, TokenExpiry::Soon))
            }
            _ => Some((token, TokenExpiry::Now)),
        }
    }

    /// The next time, in seconds since 1970, for which [`Self::take_expiring`] waits.
    pub(super) fn next_expiration(&self) -> Option<u64> {
        self.expirations.first().map(|first| first.at())
    }

    /// When the reader's token expires.
    fn expires_at(&self, token: usize) -> Option<u64> {
        match &self.slots.get(token)?.state {
            ReaderState::Live { membership, .. } => membership.expires_at(),
            ReaderState::CatchingUp(reader) => reader.subscription.expires_at(),
            ReaderState::Moving => None,
        }
    }

    /// The reader, if it is catching up.
    pub(super) fn catching_up(&mut self, token: usize) -> Option<&mut CatchingUp<S>> {
        match &mut self.slots.get_mut(token)?.state {
            ReaderState::CatchingUp(reader) => Some(reader),
            _ => None,
        }
    }

    /// All readers that are catching up.
    pub(super) fn all_catching_up(&mut self) -> impl Iterator<Item = (usize, &mut CatchingUp<S>)> {
        let readers = self.slots.iter_mut();
        readers.filter_map(|(token, slot)| match &mut slot.state {
            ReaderState::CatchingUp(reader) => Some((token, &mut **reader)),
            _ => None,
        })
    }

    /// Queues the reader, if it is catching up, for its next write.
    pub(super) fn queue(&mut self, token: usize) {
        if let Some(reader) = self.catching_up(token)
            && !std::mem::replace(&mut reader.is_queued, true)
        {
            self.write_queue.push_back(token);
        }
    }

    /// Takes the next reader out of the queue: its token, which may belong to a
    /// reader that has left.
    pub(super) fn next_queued(&mut self) -> Option<usize> {
        self.write_queue.pop_front()
    }

    pub(super) fn has_queued(&self) -> bool {
        !self.write_queue.is_empty()
    }

    /// Reads what the client sent, or finds that it is gone.
    pub(super) fn read(&mut self, token: usize) {
        let Some(slot) = self.slots.get_mut(token) else {
            return;
        };
        let socket = match &mut slot.state {
            ReaderState::Live { position, .. } => {
                let group = self.groups.get_mut(position.group());
                &mut group.readers[position.index()].socket
            }
            ReaderState::CatchingUp(reader) => &mut reader.socket,
            ReaderState::Moving => return,
        };
        if let Err(error) = read_junk(socket, &mut slot.junk) {
            self.fail(token, &error);
        }
    }

    /// Takes a live reader out of its group. Returns it, and the format of its
    /// stream.
    pub(super) fn remove_from_group(
        &mut self,
        from: GroupPosition,
    ) -> (LiveReader<S>, StreamFormat) {
        let group = self.groups.get_mut(from.group());
        let format = group.audience.format;
        let (reader, moved) = group.remove(from.index());
        let moved = moved.map(|token| &mut self.slots[token].state);
        if let Some(ReaderState::Live { position, .. }) = moved {
            *position = from;
        }
        (reader, format)
    }

    /// Pauses a reader until its replay budget allows more. If its socket becomes
    /// writable before, the reader is paused again.
    pub(super) fn pause(&mut self, token: usize, until: Instant) {
        let Some(reader) = self.catching_up(token) else {
            return;
        };
        let before = reader.paused_until.replace(until);
        if let Some(before) = before.filter(|before| *before != until) {
            self.pauses.remove(&(before, token));
        }
        self.pauses.insert((until, token));
        if before.is_none() {
            self.log(token, || tracing::debug!("replay paused"));
        }
    }

    /// Ends the reader's pause, if it is paused.
    pub(super) fn end_pause(&mut self, token: usize, now: Instant) {
        let Some(reader) = self.catching_up(token) else {
            return;
        };
        if let Some(until) = reader.paused_until {
            reader.end_pause(now);
            self.pauses.remove(&(until, token));
        }
    }

    /// When the first of all pauses ends.
    pub(super) fn first_pause(&self) -> Option<Instant> {
        self.pauses.first().map(|&(until, _)| until)
    }

    /// The next reader whose pause is over.
    pub(super) fn take_ended_pause(&mut self, now: Instant) -> Option<usize> {
        let &(until, token) = self.pauses.first()?;
        (until <= now).then(|| self.pauses.pop_first())?;
        let reader = self.catching_up(token);
        debug_assert_eq!(reader.and_then(|reader| reader.paused_until), Some(until));
        Some(token)
    }

    /// The tokens of all paused readers.
    pub(super) fn paused(&self) -> Vec<usize> {
        self.pauses.iter().map(|&(_, token)| token).collect()
    }

    /// Runs `log` in the span of the reader's connection.
    pub(super) fn log(&self, token: usize, log: impl FnOnce()) {
        self.slots[token].permit.in_span(log);
    }

    /// Removes a reader whose stream was written to its end.
    pub(super) fn finish(&mut self, token: usize) {
        if let Some(ReaderSlot {
            guard,
            state: ReaderState::CatchingUp(reader),
            junk,
            permit,
        }) = self.slots.get_mut(token)
        {
            drop(std::mem::take(guard));
            reader.socket.finish();
            // Unread bytes would make the kernel reset the connection, and its
            // client lose the end of the stream.
            let _ = read_junk(&mut reader.socket, junk);
            permit.in_span(|| tracing::debug!("stream ended in order"));
        }
        self.remove(token);
    }

    /// Removes a reader whose connection is gone or is given up.
    pub(super) fn fail(&mut self, token: usize, error: &io::Error) {
        self.log(token, || tracing::debug!(%error, "stream cut"));
        // By the worker's clock, or by the kernel's user timeout.
        if error.kind() == ErrorKind::TimedOut {
            self.app.stalled.fetch_add(1, Ordering::Relaxed);
        }
        self.remove(token);
    }

    fn remove(&mut self, token: usize) {
        if let Some(expires_at) = self.expires_at(token) {
            let announced_at = expires_at.saturating_sub(EXPIRING_SECONDS);
            self.expirations
                .remove(&Expiration::new(announced_at, token));
            self.expirations.remove(&Expiration::new(expires_at, token));
        }
        let mut slot = self.slots.remove(token);
        // Before the socket closes.
        drop(std::mem::take(&mut slot.guard));
        match &slot.state {
            ReaderState::Live { position, .. } => {
                drop(self.remove_from_group(*position));
                self.groups.remove_if_empty(position.group());
            }
            ReaderState::CatchingUp(reader) => {
                if let Some(until) = reader.paused_until {
                    self.pauses.remove(&(until, token));
                }
            }
            ReaderState::Moving => {}
        }
        // In the order of its fields: a shutdown waits for the last one.
        drop(slot);
        if self.slots.is_empty() {
            self.shrink();
        }
    }

    /// Frees memory that many readers needed and the remaining ones do not.
    pub(super) fn shrink(&mut self) {
        self.groups.shrink();
        if self.slots.is_empty() {
            self.slots = Slab::new();
            self.write_queue = VecDeque::new();
        } else if self.slots.len() < self.slots.capacity() / 4 {
            self.slots.shrink_to_fit();
        }
        self.write_queue.shrink_to(MIN_CAPACITY);
    }
}
