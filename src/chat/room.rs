//! One room: its numbers, its history, its readers, its members.
//!
//! A room costs little until it is used: what it has of each is made when it is
//! first needed, and goes when it is not needed any more.

use std::time::Duration;

use jiff::fmt::temporal::DateTimePrinter;
use tokio::time::Instant;

use super::forgotten_rooms::RoomTombstone;
use super::history::{History, HistoryLimits};
use super::membership::Attendance;
use super::message::{Draft, Frame, SentAs};
use super::presence::{Presence, PresenceBudget};
use super::room_key::RoomKey;
use crate::protocol::{EventId, RoomName};
use crate::sse;

/// RFC 3339 in UTC. Half the cost of `format!`, on the way of every message.
const MILLISECONDS: DateTimePrinter = DateTimePrinter::new().precision(Some(3));

#[derive(Debug)]
pub(super) struct Room {
    pub(super) key: RoomKey,
    pub(super) name: RoomName,
    pub(super) history: History,
    pub(super) presence: Presence,
    /// Subscriptions to this room that get presence events.
    presence_readers: usize,
    /// When the hub is to look at this room next: its place in the schedule.
    pub(super) due: Option<Instant>,
    /// A presence event is ready and waits for the hub to send it.
    pub(super) is_waiting: bool,
    /// The class under which the hub finds this room when it must evict.
    pub(super) size_class: u16,
    /// Subscriptions to this room. While there is one the room is kept.
    readers: usize,
    /// Whether something was said here since the room was made. From then on it
    /// is kept for a while, even if everybody leaves it.
    pub(super) has_talk: bool,
    last_used: Instant,
}

impl Room {
    /// A room that is used for the first time, or again after it was forgotten.
    pub(super) fn new(
        key: RoomKey,
        name: RoomName,
        limits: HistoryLimits,
        tombstone: Option<RoomTombstone>,
        now: Instant,
    ) -> Self {
        let history = match tombstone {
            Some(tombstone) => History::after(limits, tombstone.through, tombstone.next_number),
            None => History::new(limits),
        };
        Self {
            key,
            name,
            history,
            presence: Presence::default(),
            presence_readers: 0,
            due: None,
            is_waiting: false,
            size_class: 0,
            readers: 0,
            has_talk: false,
            last_used: now,
        }
    }

    /// Adds `draft` to the room's history.
    pub(super) fn say(
        &mut self,
        id: EventId,
        draft: &Draft,
        sent_as: Option<SentAs>,
        now: Instant,
    ) -> Frame {
        let mut created_at = String::with_capacity(32);
        // A `String` takes everything.
        let _ = MILLISECONDS.print_timestamp(&jiff::Timestamp::now(), &mut created_at);
        let frame = Frame::encode(
            id,
            &self.name,
            self.history.next_number(),
            draft,
            sent_as,
            &created_at,
        );
        self.history.push(frame.clone());
        self.has_talk = true;
        self.last_used = now;
        frame
    }

    /// Whether there is somebody to send events to.
    pub(super) fn has_readers(&self) -> bool {
        self.readers > 0
    }

    /// One presence event for all changes since the last one, and what it costs:
    /// its bytes, times the readers that get it.
    pub(super) fn flush_presence(
        &mut self,
        rate: usize,
        now: Instant,
    ) -> Option<(sse::Encoded, u64)> {
        let budget = PresenceBudget {
            readers: self.presence_readers,
            rate,
        };
        let event = self.presence.flush(&self.name, budget, now)?;
        let cost = event.text_len() as u64 * self.presence_readers as u64;
        Some((event, cost))
    }

    /// A subscription begins.
    pub(super) fn enter(&mut self, attendance: &Attendance) {
        self.readers += 1;
        self.presence_readers += usize::from(attendance.presence);
        if let Some(name) = attendance.name() {
            self.presence.join(name);
        }
    }

    /// A subscription ends.
    pub(super) fn leave(&mut self, attendance: &Attendance, now: Instant) {
        self.readers -= 1;
        self.presence_readers -= usize::from(attendance.presence);
        self.last_used = now;
        if let Some(name) = attendance.name() {
            self.presence.leave(name, attendance.guard(), now);
        }
    }

    /// Whether the room can be forgotten: no reader and no member, and nothing
    /// was said in it, or not for the time of `idle`.
    pub(super) fn is_idle(&self, now: Instant, idle: Duration) -> bool {
        self.idle_at(now, idle).is_some_and(|at| at <= now)
    }

    /// When the room can be forgotten if nothing happens until then.
    fn idle_at(&self, now: Instant, idle: Duration) -> Option<Instant> {
        let is_empty = self.readers == 0 && self.presence.count() == 0;
        let at = match self.has_talk {
            // No clock reaches a time that can't be represented.
            true => self.last_used.checked_add(idle)?,
            false => now,
        };
        is_empty.then_some(at)
    }

    /// When there is something to do in this room if nothing happens until then.
    pub(super) fn next_due(&self, now: Instant, idle: Duration) -> Option<Instant> {
        let presence = match self.is_waiting {
            true => self.presence.grace_end(),
            false => self.presence.due(now),
        };
        presence.into_iter().chain(self.idle_at(now, idle)).min()
    }

    /// What must be remembered of this room when it is forgotten; nothing for
    /// one in which nothing was ever said, as far as anybody remembers.
    pub(super) fn tombstone(&self) -> Option<RoomTombstone> {
        let newest = self.history.newest().map_or(0, Frame::seq);
        let (through, next_number) = (
            newest.max(self.history.evicted_through()),
            self.history.next_number(),
        );
        (next_number > 1).then_some(RoomTombstone {
            through,
            next_number,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_room_takes_less_than_a_kibibyte() {
        let limits = HistoryLimits {
            count: 1000,
            bytes: 1 << 20,
        };
        let name = RoomName::parse(&"x".repeat(64)).unwrap();
        let room = Room::new(RoomKey(1), name, limits, None, Instant::now());
        assert_eq!(room.history.capacity(), 0);
        // Its name once, and its place in a table that is half empty.
        // Room for its name in three tables, two of which are half empty.
        let bytes = 64 + 16 + size_of::<Room>() + 5 * size_of::<(RoomName, Instant)>();
        assert!(bytes < 1024, "{bytes} bytes");
    }
}
