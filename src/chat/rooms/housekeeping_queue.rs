//! When each room needs housekeeping, which rooms wait to send a presence
//! event, and the rate of all presence events together. A room in which nothing
//! is due costs nothing.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

use crate::chat::room::Room;
use crate::protocol::RoomName;

/// The total rate may be exceeded by this much, since events are sent once a
/// second.
const MAX_ADVANCE: Duration = Duration::from_secs(1);
/// The longest time that one event uses up the total rate: a room with very many
/// readers delays the presence events of other rooms by no more.
const MAX_COST_TIME: Duration = Duration::from_secs(2);

#[derive(Debug, Default)]
pub(super) struct HousekeepingQueue {
    /// When each room is due next: [`Room::due`].
    due: BTreeSet<(Instant, RoomName)>,
    /// Rooms with a presence event to send, oldest first. They wait for the rate
    /// of all rooms together.
    presence: VecDeque<RoomName>,
    /// Until when the presence events so far use up the total rate.
    rate_used_until: Option<Instant>,
    /// Bytes of all presence events so far, once for each reader.
    presence_bytes: u64,
}

/// What a pass of housekeeping has left to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RemainingWork {
    /// Nothing.
    None,
    /// More work; the next pass can follow at once.
    Ready,
    /// Presence events that wait until the workers have read the channel. The
    /// next pass can do nothing before that.
    BlockedPresence,
}

impl HousekeepingQueue {
    pub(super) fn presence_bytes(&self) -> u64 {
        self.presence_bytes
    }

    /// Moves the room to `due`, or out of the schedule.
    pub(super) fn reschedule(&mut self, room: &mut Room, due: Option<Instant>) {
        if due == room.due {
            return;
        }
        if let Some(old) = std::mem::replace(&mut room.due, due) {
            self.due.remove(&(old, room.name.clone()));
        }
        if let Some(new) = due {
            self.due.insert((new, room.name.clone()));
        }
    }

    pub(super) fn has_due(&self, now: Instant) -> bool {
        self.due.first().is_some_and(|(at, _)| *at <= now)
    }

    /// Takes the room that was due first.
    pub(super) fn pop_due(&mut self) -> Option<RoomName> {
        self.due.pop_first().map(|(_, name)| name)
    }

    pub(super) fn push_presence(&mut self, name: RoomName) {
        self.presence.push_back(name);
    }

    /// Takes the room that has waited longest to send a presence event.
    pub(super) fn pop_presence(&mut self) -> Option<RoomName> {
        self.presence.pop_front()
    }

    /// Whether a presence event waits and the total rate permits it.
    pub(super) fn can_send_presence(&self, now: Instant) -> bool {
        let is_within_rate = |until| until <= now + MAX_ADVANCE;
        !self.presence.is_empty() && self.rate_used_until.is_none_or(is_within_rate)
    }

    /// Charges an event to the total rate.
    pub(super) fn charge(&mut self, cost: u64, rate: usize, now: Instant) {
        self.presence_bytes += cost;
        let seconds = cost as f64 / rate.max(1) as f64;
        let time = Duration::from_secs_f64(seconds.min(MAX_COST_TIME.as_secs_f64()));
        self.rate_used_until = Some(self.rate_used_until.map_or(now, |at| at.max(now)) + time);
    }
}
