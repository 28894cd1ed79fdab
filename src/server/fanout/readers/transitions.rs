//! How a reader goes from one state to the other: the two transitions, which the
//! fan-out's own documentation explains.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use bytes::Bytes;

use super::super::catching_up::CatchingUp;
use super::super::group::{Audience, Left};
use super::super::live::Live;
use super::super::socket::Socket;
use super::{InGroup, Readers, State};
use crate::chat::{LiveFrom, RoomKey};

impl<S: Socket> Readers<S> {
    /// From behind to parked: it went live, and took all that came before.
    pub(super) fn park(&mut self, token: usize, live: LiveFrom) {
        let state = &mut self.places[token].state;
        let State::CatchingUp(behind) = std::mem::replace(state, State::Moving) else {
            unreachable!("it was behind");
        };
        let framing = behind.socket.framing();
        let reader = Live {
            socket: behind.socket,
            token,
            cursor: live.cursor,
            since: live.position,
            quiet_since: self.base.stamp(behind.quiet_since),
        };
        let presence = behind.subscription.wants_presence();
        let mut membership = behind.subscription.into_membership();
        let audience = Audience {
            rooms: Arc::clone(membership.rooms()),
            presence,
            framing,
        };
        let (group, index) = self.groups.park(audience, live.rooms, reader);
        membership.share_rooms(&self.groups.get_mut(group).audience.rooms);
        self.places[token].state = State::Live {
            place: InGroup::new(group, index),
            membership,
        };
    }

    /// From parked to behind: a write broke off, or the worker missed
    /// something, or the reader is to end.
    fn fall_behind(&mut self, reader: Live<S>, presence: bool, rest: Bytes, now: Instant) {
        let token = reader.token;
        let state = &mut self.places[token].state;
        let State::Live { membership, .. } = std::mem::replace(state, State::Moving) else {
            unreachable!("it stood in a group");
        };
        let quiet_since = self.base.instant(reader.quiet_since);
        let behind = CatchingUp::after(reader, membership, presence, rest, quiet_since, now);
        *state = State::CatchingUp(Box::new(behind));
        self.queue(token);
    }

    /// Those whom a write sent away from their group, and those who stand
    /// elsewhere in it since.
    pub(super) fn settle(&mut self, group: usize, now: Instant) {
        if self.left.is_empty() {
            return;
        }
        let left = std::mem::take(&mut self.left);
        for (at, reader) in self.groups.get_mut(group).readers.iter().enumerate() {
            if let State::Live { place, .. } = &mut self.places[reader.token].state {
                *place = InGroup::new(group, at);
            }
        }
        let presence = self.groups.get_mut(group).audience.presence;
        for left in left {
            match left {
                Left::CatchingUp { reader, rest } => {
                    self.counts.fell_behind.fetch_add(1, Ordering::Relaxed);
                    self.fall_behind(reader, presence, rest, now);
                }
                Left::Gone { reader, error } => {
                    // It stands in no group any more.
                    self.places[reader.token].state = State::Moving;
                    self.lose(reader.token, &error);
                }
            }
        }
        self.groups.remove_if_empty(group);
    }

    pub(super) fn unpark(&mut self, token: usize, now: Instant) {
        let Some(&State::Live { place, .. }) = self.places.get(token).map(|place| &place.state)
        else {
            return;
        };
        let (reader, presence) = self.take_out(place);
        self.fall_behind(reader, presence, Bytes::new(), now);
        self.groups.remove_if_empty(place.group());
    }

    /// The worker missed something. For each reader that is a moment under the
    /// hub's lock, and not one moment for all: who publishes goes in between.
    pub(super) fn unpark_all(&mut self, now: Instant) {
        self.counts.lags.fetch_add(1, Ordering::Relaxed);
        tracing::debug!(
            readers = self.places.len(),
            "a worker is behind; its readers go on from history"
        );
        for group in self.groups.numbers() {
            self.unpark_group(group, now);
        }
    }

    /// The worker missed something of one room.
    pub(super) fn unpark_room(&mut self, room: RoomKey, now: Instant) {
        self.counts.lags.fetch_add(1, Ordering::Relaxed);
        tracing::debug!("history has lost a large event; readers of its room go back to it");
        for group in self.groups.of_room(room) {
            self.unpark_group(group, now);
        }
    }

    fn unpark_group(&mut self, group: usize, now: Instant) {
        let presence = self.groups.get_mut(group).audience.presence;
        for reader in std::mem::take(&mut self.groups.get_mut(group).readers) {
            self.fall_behind(reader, presence, Bytes::new(), now);
        }
        self.groups.remove_if_empty(group);
    }

    /// Takes a reader out of its group.
    pub(super) fn take_out(&mut self, from: InGroup) -> (Live<S>, bool) {
        let group = self.groups.get_mut(from.group());
        let presence = group.audience.presence;
        let (reader, moved) = group.remove(from.index());
        if let Some(State::Live { place, .. }) = moved.map(|token| &mut self.places[token].state) {
            *place = from;
        }
        (reader, presence)
    }
}
