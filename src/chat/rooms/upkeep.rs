//! What time brings: the end of a grace, presence events, idle rooms that are
//! forgotten. Each room stands in a schedule by when it needs a look, so rooms
//! in which nothing is due cost nothing.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

use super::super::feed::RoomEvent;
use super::super::room::Room;
use super::Rooms;
use crate::protocol::RoomName;

/// Rooms that are looked at under one lock. A publish waits at most for these.
const ROOMS_AT_ONCE: usize = 64;
/// Stays that end under one lock, over all rooms. The rest of a room in which
/// thousands leave at the same time waits for the next lock.
const STAYS_AT_ONCE: usize = 128;
/// Presence events that are encoded under one lock.
const EVENTS_AT_ONCE: usize = 16;
/// The total rate pays for this much ahead, since events come once a second.
const PAID_AHEAD: Duration = Duration::from_secs(1);
/// The longest that the total rate pays for one event: a room of very many
/// readers holds up the presence of all others for no longer.
const MAX_PAY_TIME: Duration = Duration::from_secs(2);

#[derive(Debug, Default)]
pub(in crate::chat) struct Upkeep {
    /// When each room needs its next look: [`Room::due`](super::Room::due).
    due: BTreeSet<(Instant, RoomName)>,
    /// Rooms with a presence event, in the order in which it became ready. It
    /// waits here for the rate of all rooms together.
    waiting: VecDeque<RoomName>,
    /// When the total rate has paid for all presence events so far.
    paid_at: Option<Instant>,
    /// What all presence events have cost: bytes, once for each reader.
    presence_bytes: u64,
}

/// Whether a look has left something that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// No.
    Nothing,
    /// Yes, and the next look may follow at once.
    More,
    /// Presence events, which wait until the workers have read what was sent
    /// before: the next look is of no use before that.
    Presence,
}

impl Upkeep {
    pub(super) fn presence_bytes(&self) -> u64 {
        self.presence_bytes
    }

    fn may_send(&self, now: Instant) -> bool {
        !self.waiting.is_empty() && self.paid_at.is_none_or(|at| at <= now + PAID_AHEAD)
    }

    /// The total rate has to pay for an event.
    fn pay(&mut self, cost: u64, rate: usize, now: Instant) {
        self.presence_bytes += cost;
        let seconds = cost as f64 / rate.max(1) as f64;
        let pay_time = Duration::from_secs_f64(seconds.min(MAX_PAY_TIME.as_secs_f64()));
        self.paid_at = Some(self.paid_at.map_or(now, |at| at.max(now)) + pay_time);
    }
}

impl Rooms {
    /// Does what is due at `now` in some rooms. Rooms that are forgotten are
    /// added to `forgotten`, so that their histories are freed without the lock.
    pub(in crate::chat) fn look_after_some(
        &mut self,
        now: Instant,
        forgotten: &mut Vec<Room>,
    ) -> Due {
        let mut stays = STAYS_AT_ONCE;
        for _ in 0..ROOMS_AT_ONCE {
            match self.upkeep.due.first() {
                Some((at, _)) if *at <= now && stays > 0 => {
                    stays -= self.look_after_first(now, stays, forgotten);
                }
                _ => break,
            }
        }
        for _ in 0..EVENTS_AT_ONCE {
            if !self.upkeep.may_send(now) || self.channel.is_crowded() {
                break;
            }
            self.send_first(now);
        }
        let is_due = |(at, _): &(Instant, RoomName)| *at <= now;
        match (self.upkeep.due.first(), self.upkeep.may_send(now)) {
            (Some(first), _) if is_due(first) => Due::More,
            (_, true) if self.channel.is_crowded() => Due::Presence,
            (_, true) => Due::More,
            (_, false) => Due::Nothing,
        }
    }

    /// Puts the room where it belongs in the schedule.
    pub(super) fn schedule(&mut self, name: &RoomName, now: Instant) {
        let Some(room) = self.by_name.get_mut(name) else {
            return;
        };
        let next = room.next_due(now, self.limits.room_idle);
        if next == room.due {
            return;
        }
        if let Some(due) = std::mem::replace(&mut room.due, next) {
            self.upkeep.due.remove(&(due, name.clone()));
        }
        if let Some(due) = next {
            self.upkeep.due.insert((due, name.clone()));
        }
    }

    /// Looks after the room that is due first, and ends at most `most` stays in
    /// it. Returns how many it ended. If more are over, the room is still due.
    fn look_after_first(&mut self, now: Instant, most: usize, forgotten: &mut Vec<Room>) -> usize {
        let Some((_, name)) = self.upkeep.due.pop_first() else {
            return 0;
        };
        let Some(room) = self.by_name.get_mut(&name) else {
            debug_assert!(false, "{name:?} is forgotten and due");
            return 0;
        };
        room.due = None;
        let ended = room.presence.end_stays(now, most);
        self.members -= ended;
        // One event announces all stays that end at one tick.
        let have_all_ended = room.presence.grace_end().is_none_or(|end| end > now);
        if have_all_ended && room.presence.is_ready(now) && !room.is_waiting {
            room.is_waiting = true;
            self.upkeep.waiting.push_back(name.clone());
        }
        match room.is_idle(now, self.limits.room_idle) {
            true => forgotten.extend(self.forget(&name)),
            false => self.schedule(&name, now),
        }
        ended
    }

    /// Sends the presence event that has waited longest.
    fn send_first(&mut self, now: Instant) {
        let Some(name) = self.upkeep.waiting.pop_front() else {
            return;
        };
        // The room may be another one of the same name, without an event.
        let room = self.by_name.get_mut(&name);
        let Some(room) = room.filter(|room| room.is_waiting) else {
            return;
        };
        room.is_waiting = false;
        if let Some((event, cost)) = room.flush_presence(self.limits.presence_rate, now) {
            let event = RoomEvent::presence(&name, event);
            self.channel.send(room.key, event, now);
            self.upkeep.pay(cost, self.limits.presence_rate_total, now);
        }
        self.schedule(&name, now);
    }

    /// Forgets a room, but for where it ended. Returns it, so that its history
    /// can be freed without the lock.
    pub(super) fn forget(&mut self, name: &RoomName) -> Option<Room> {
        let room = self.by_name.remove(name)?;
        if let Some(due) = room.due {
            self.upkeep.due.remove(&(due, name.clone()));
        }
        self.names.remove(name);
        self.by_size.remove(&room);
        self.bytes -= room.history.bytes();
        self.held -= room.history.len();
        if let Some(tombstone) = room.tombstone() {
            // If this pushes out another, even a reader that has the newest
            // message of all must get a gap, since that room's numbers start
            // anew: by a seq that no message has.
            self.seq += u64::from(self.forgotten.is_full());
            self.forgotten.insert(name.clone(), tombstone, self.seq);
        }
        if self.by_name.len() < self.by_name.capacity() / 4 {
            self.by_name.shrink_to_fit();
        }
        Some(*room)
    }
}
