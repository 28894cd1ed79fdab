//! Work that is due after some time: members leave when their grace period is over,
//! presence events are sent, old entries are evicted, idle rooms are forgotten.

use tokio::time::Instant;

use super::Rooms;
use super::housekeeping_queue::RemainingWork;
use crate::chat::room::Room;
use crate::chat::room_event::RoomEvent;
use crate::protocol::RoomName;

/// Most rooms in one pass: publishing waits for the lock for at most these.
const MAX_ROOMS: usize = 64;
/// Most members and old entries that are removed in one pass, over all rooms. If
/// thousands leave a room at the same time, the rest is left to the next pass.
const MAX_REMOVED: usize = 128;
/// Most presence events that are encoded in one pass.
const MAX_EVENTS: usize = 16;

impl Rooms {
    /// Does a bounded part of the work that is due at `now`. Adds rooms that are
    /// forgotten to `forgotten`, so that their histories are freed without the
    /// lock.
    pub(in crate::chat) fn housekeeping_pass(
        &mut self,
        now: Instant,
        forgotten: &mut Vec<Room>,
    ) -> RemainingWork {
        let mut removals = MAX_REMOVED;
        for _ in 0..MAX_ROOMS {
            if removals == 0 || !self.housekeeping.has_due(now) {
                break;
            }
            removals -= self.process_first_due(now, removals, forgotten);
        }
        for _ in 0..MAX_EVENTS {
            if !self.housekeeping.can_send_presence(now) || self.channel.is_crowded() {
                break;
            }
            self.send_first_presence(now);
        }
        match self.housekeeping.can_send_presence(now) {
            _ if self.housekeeping.has_due(now) => RemainingWork::Ready,
            true if self.channel.is_crowded() => RemainingWork::BlockedPresence,
            true => RemainingWork::Ready,
            false => RemainingWork::None,
        }
    }

    /// Does the work of the room that was due first, and removes at most
    /// `max_removals` members and old entries from it. Returns how many it removed. A
    /// room with more of them is still due.
    fn process_first_due(
        &mut self,
        now: Instant,
        max_removals: usize,
        forgotten: &mut Vec<Room>,
    ) -> usize {
        let Some(name) = self.housekeeping.pop_due() else {
            return 0;
        };
        let Some(room) = self.by_name.get_mut(&name) else {
            debug_assert!(false, "{name:?} is due but does not exist");
            return 0;
        };
        room.due = None;
        let mut removed = room.presence.remove_expired(now, max_removals);
        self.members -= removed;
        // One event announces all members that expire in one tick.
        let all_removed = room.presence.grace_end().is_none_or(|end| end > now);
        if all_removed && room.presence.is_ready(now) && !room.is_waiting {
            room.is_waiting = true;
            self.housekeeping.push_presence(name.clone());
        }
        self.queue_member_changes(&name);
        removed += self.expire_entries(&name, now, max_removals - removed);
        let room = self.by_name.get(&name).expect("it is there");
        match room.is_idle(now, self.limits.room_idle) {
            true => forgotten.extend(self.forget(&name)),
            false => self.schedule(&name, now),
        }
        removed
    }

    /// Evicts at most `most` entries that are older than history may be. Returns how
    /// many.
    fn expire_entries(&mut self, name: &RoomName, now: Instant, most: usize) -> usize {
        let Some(age) = self.limits.history_age else {
            return 0;
        };
        let room = self.by_name.get_mut(name).expect("it is there");
        let before = room.history.size();
        let is_old = |assigned_at| {
            let expires = self.clock.expires(assigned_at, age);
            expires.is_some_and(|at| at <= now)
        };
        let mut expired = 0;
        while expired < most && room.history.oldest_at().is_some_and(is_old) {
            room.history.drop_oldest();
            expired += 1;
        }
        self.resized(name, before);
        self.log_evictions(name);
        expired
    }

    /// Sends the presence event that has waited longest.
    fn send_first_presence(&mut self, now: Instant) {
        let Some(name) = self.housekeeping.pop_presence() else {
            return;
        };
        // The room may be a later one of the same name, without an event.
        let room = self.by_name.get_mut(&name);
        let Some(room) = room.filter(|room| room.is_waiting) else {
            return;
        };
        room.is_waiting = false;
        if let Some((event, cost)) = room.flush_presence(self.limits.presence_rate, now) {
            let event = RoomEvent::presence(&name, event);
            self.channel.send(room.key, event, now);
            let rate = self.limits.presence_rate_total;
            self.housekeeping.charge(cost, rate, now);
        }
        self.schedule(&name, now);
    }
}
