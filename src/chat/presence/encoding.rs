//! The members of a room as events and as JSON. The form and the rate of events are
//! decided in `pending`.

use bytes::Bytes;
use jiff::Timestamp;
use tokio::time::Instant;

use super::pending::{MAX_LISTED_MEMBERS, PendingChanges, PresenceBudget, PresenceForm};
use super::{Presence, Snapshot};
use crate::chat::member::{LeftMember, Member, Since, members_json};
use crate::chat::room_event::MAX_INLINE_BYTES;
use crate::protocol::{PresenceEvent, RoomName, UserName};
use crate::sse;

impl Presence {
    /// One event for all changes since the last flush, if there were any.
    pub(in crate::chat) fn flush(
        &mut self,
        room: &RoomName,
        budget: PresenceBudget,
        now: Instant,
    ) -> Option<sse::Encoded> {
        if !self.is_ready(now) {
            return None;
        }
        if budget.readers == 0 {
            self.pending = PendingChanges::default();
            self.announce_typing();
            self.free_typing();
            return None;
        }
        let has_typing_news = self.announce_typing();
        let event = match self.pending.has_news() {
            true => Some(self.change(room, budget, now)),
            false if has_typing_news => self.typing_alone(room, budget, now),
            false => None,
        };
        self.free_typing();
        event
    }

    /// The event for all changes since the last flush.
    fn change(&mut self, room: &RoomName, budget: PresenceBudget, now: Instant) -> sse::Encoded {
        let count = self.count();
        let members = &self.members;
        self.pending
            .settle_renames(|name| members.contains_key(name));
        let event = match self.pending.form(count) {
            // The channel replaces a large event by a list, which costs as much.
            PresenceForm::Difference => match self.difference(room) {
                Some(event) if event.chunk().len() > MAX_INLINE_BYTES => self.list(room),
                event => event,
            },
            PresenceForm::List => self.list(room),
            PresenceForm::Count => None,
        };
        // If an event with names costs too much, the count alone is sent.
        let event = event.filter(|event| self.pending.permits(event.text_len(), budget));
        let is_count = event.is_none();
        if is_count {
            self.drop_typing();
        }
        let event = event.unwrap_or_else(|| count_alone(room, count).encode());
        self.pending.reset(event.text_len(), is_count, budget, now);
        event
    }

    /// The event for a change of the members that type: one without a change of the
    /// members.
    fn typing_alone(
        &mut self,
        room: &RoomName,
        budget: PresenceBudget,
        now: Instant,
    ) -> Option<sse::Encoded> {
        let event = self.difference(room)?;
        if !self.pending.spend_on_typing(event.text_len(), budget, now) {
            self.drop_typing();
            return None;
        }
        Some(event)
    }

    fn difference(&self, room: &RoomName) -> Option<sse::Encoded> {
        let mut joined: Vec<Member> = self
            .pending
            .joined_names()
            .filter_map(|name| {
                let since = Since(self.members.get(name)?.since);
                let name = name.clone();
                Some(Member { name, since })
            })
            .collect();
        joined.sort_unstable_by(|a, b| (a.since, &a.name).cmp(&(b.since, &b.name)));
        let change = PresenceEvent {
            joined: Some(&joined[..]),
            left: Some(self.pending.left_members()),
            typing: self.announced_typing(),
            ..count_alone(room, self.count())
        };
        Some(change.encode())
    }

    /// All members, or `None` if they are too many for a list.
    fn list(&self, room: &RoomName) -> Option<sse::Encoded> {
        let count = self.count();
        if count > MAX_LISTED_MEMBERS {
            return None;
        }
        let list = PresenceEvent {
            members: Some(&self.listed()[..]),
            typing: self.announced_typing(),
            ..count_alone(room, count)
        };
        Some(list.encode())
    }

    /// The first [`MAX_LISTED_MEMBERS`] members, in the order in which they joined.
    fn listed(&self) -> Vec<Member> {
        let first = self.order.iter().take(MAX_LISTED_MEMBERS);
        let member = |(since, name): &(Timestamp, UserName)| Member {
            name: name.clone(),
            since: Since(*since),
        };
        first.map(member).collect()
    }

    /// The first presence event of a new stream. It contains members that no
    /// flush has announced yet; these also follow in `joined`. Encoded once for all
    /// streams that begin before the next change.
    pub(in crate::chat) fn snapshot(&mut self, room: &RoomName) -> Snapshot {
        self.pending.note_snapshot(self.count());
        if self.snapshot.is_none() {
            let list = self.list(room);
            self.snapshot = list.or_else(|| Some(count_alone(room, self.count()).encode()));
        }
        let event = self.snapshot.clone();
        Snapshot {
            event: event.expect("set above"),
            version: self.version,
        }
    }

    /// The response of `GET /rooms/{room}/members`, encoded once for all requests
    /// before the next change.
    pub(in crate::chat) fn json(&mut self, room: &RoomName) -> Bytes {
        if self.json.is_none() {
            self.json = Some(members_json(room, self.count(), self.listed()));
        }
        self.json.clone().expect("set above")
    }
}

/// A `presence` event of lists that are borrowed.
type BorrowedEvent<'a> =
    PresenceEvent<&'a RoomName, &'a [Member], &'a [LeftMember], &'a [UserName]>;

/// The `presence` event that voids the readers' lists.
fn count_alone(room: &RoomName, count: usize) -> BorrowedEvent<'_> {
    PresenceEvent::count(room, count as u64)
}
