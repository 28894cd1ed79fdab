//! The two transitions of a reader, between catching up and live. The module
//! documentation of the fan-out explains why no event is lost or doubled in them.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use super::catching_up::CatchingUp;
use super::live::{Audience, GroupExit, LiveReader};
use super::reader_table::{GroupPosition, ReaderState, ReaderTable};
use super::socket::Socket;
use crate::chat::{LiveFrom, RoomKey, StreamFormat};

impl<S: Socket> ReaderTable<S> {
    /// From catching up to live: the reader has everything up to `from`.
    pub(super) fn go_live(&mut self, token: usize, from: LiveFrom) {
        let state = &mut self.slots[token].state;
        let ReaderState::CatchingUp(reader) = std::mem::replace(state, ReaderState::Moving) else {
            unreachable!("it was catching up");
        };
        debug_assert_eq!(reader.paused_until, None);
        let framing = reader.socket.framing();
        let knows_stale = reader.subscription.knows_stale();
        let last_write = self.stamps.stamp(reader.last_write);
        let live = LiveReader::new(reader.socket, token, knows_stale, &from, last_write);
        let format = reader.subscription.format();
        let mut membership = reader.subscription.into_membership();
        let audience = Audience {
            rooms: Arc::clone(membership.rooms()),
            format,
            framing,
        };
        let (group, index) = self.groups.add(audience, from.rooms, live);
        membership.share_rooms(&self.groups.get_mut(group).audience.rooms);
        self.slots[token].state = ReaderState::Live {
            position: GroupPosition::new(group, index),
            membership,
        };
        self.log(token, || tracing::debug!("went live"));
    }

    /// From live to catching up, for a reader that has left its group.
    fn fall_behind(
        &mut self,
        reader: LiveReader<S>,
        format: StreamFormat,
        rest: Bytes,
        now: Instant,
    ) {
        let token = reader.token();
        let state = &mut self.slots[token].state;
        let ReaderState::Live { membership, .. } = std::mem::replace(state, ReaderState::Moving)
        else {
            unreachable!("it was in a group");
        };
        let last_write = self.stamps.instant(reader.last_write);
        let reader = CatchingUp::from_live(reader, membership, format, rest, last_write, now);
        *state = ReaderState::CatchingUp(Box::new(reader));
        self.queue(token);
    }

    /// Updates the table after a group was written to: readers that left the
    /// group, and those whose index in it changed.
    ///
    /// Returns how many readers fell behind.
    pub(super) fn settle(
        &mut self,
        group: usize,
        exits: &mut Vec<GroupExit<S>>,
        now: Instant,
    ) -> u64 {
        if exits.is_empty() {
            return 0;
        }
        self.update_positions(group);
        let format = self.groups.get_mut(group).audience.format;
        let mut lagging = 0;
        for exit in std::mem::take(exits) {
            match exit {
                GroupExit::Lagging { reader, rest } => {
                    lagging += 1;
                    self.log_return(reader.token(), "its socket is full");
                    self.fall_behind(reader, format, rest, now);
                }
                GroupExit::Failed { reader, error } => {
                    // It is in no group any more.
                    self.slots[reader.token()].state = ReaderState::Moving;
                    self.fail(reader.token(), &error);
                }
            }
        }
        self.groups.remove_if_empty(group);
        lagging
    }

    /// The index of each reader of a group may have changed.
    fn update_positions(&mut self, group: usize) {
        for (index, reader) in self.groups.get_mut(group).readers.iter().enumerate() {
            if let ReaderState::Live { position, .. } = &mut self.slots[reader.token()].state {
                *position = GroupPosition::new(group, index);
            }
        }
    }

    /// Sends a reader, if it is live, back to history.
    pub(super) fn send_to_history(&mut self, token: usize, now: Instant) {
        let Some(&ReaderState::Live { position, .. }) =
            self.slots.get(token).map(|slot| &slot.state)
        else {
            return;
        };
        let (reader, format) = self.remove_from_group(position);
        self.fall_behind(reader, format, Bytes::new(), now);
        self.groups.remove_if_empty(position.group());
    }

    /// Sends all live readers back to history: the worker missed events. Each
    /// takes the hub's lock for itself, so that publishers get their turns.
    pub(super) fn send_all_to_history(&mut self, now: Instant) {
        let readers = self.slots.len();
        tracing::debug!(readers, "a worker lags; its readers go back to history");
        for group in self.groups.numbers() {
            self.send_group_to_history(group, "the worker lags", now);
        }
    }

    /// Sends the live readers of one room back to history.
    pub(super) fn send_room_to_history(
        &mut self,
        room: RoomKey,
        reason: &'static str,
        now: Instant,
    ) {
        tracing::debug!(reason, "the readers of a room go back to history");
        for group in self.groups.of_room(room) {
            self.send_group_to_history(group, reason, now);
        }
    }

    /// A generation has ended at seq `end`, at `position` of the channel: sends the live
    /// readers whose cursor is beyond the end back to history, where those that may have
    /// lost entries get a gap.
    pub(super) fn send_beyond_to_history(&mut self, position: u64, end: u64, now: Instant) {
        tracing::debug!(
            end,
            "a generation ended; readers beyond it go back to history"
        );
        for number in self.groups.numbers() {
            let group = self.groups.get_mut(number);
            let format = group.audience.format;
            let beyond = group.take_beyond(position, end);
            if beyond.is_empty() {
                continue;
            }
            self.update_positions(number);
            for reader in beyond {
                self.log_return(reader.token(), "a generation ended");
                self.fall_behind(reader, format, Bytes::new(), now);
            }
            self.groups.remove_if_empty(number);
        }
    }

    fn send_group_to_history(&mut self, group: usize, reason: &'static str, now: Instant) {
        let format = self.groups.get_mut(group).audience.format;
        for reader in std::mem::take(&mut self.groups.get_mut(group).readers) {
            self.log_return(reader.token(), reason);
            self.fall_behind(reader, format, Bytes::new(), now);
        }
        self.groups.remove_if_empty(group);
    }

    /// Logs that a live reader goes back to history.
    fn log_return(&self, token: usize, reason: &'static str) {
        self.log(token, || tracing::debug!(reason, "went back to history"));
    }
}
