//! A generation ends while a stream lives: what the stream may bring of what is lost, and
//! the gaps that have to follow.

use super::Reader;
use crate::promises::lost_suffix::LostSuffix;
use crate::promises::model::{ItemState, PublishedByRoom};
use crate::protocol::EventId;

impl Reader {
    /// A generation of the server has ended. `has_dropped` says that rooms may have lost
    /// something that the model does not know.
    pub(in crate::promises) fn end_generation(
        &mut self,
        lost: &LostSuffix,
        has_dropped: bool,
        published: &PublishedByRoom,
    ) {
        self.lose(lost, published);
        if !self.is_connected {
            return;
        }
        let has_lost = self.rooms.iter().any(|room| lost.is_of(room));
        let own = self.last_event_id.parse();
        let is_beyond = own.is_ok_and(|id| lost.contains(id) && !self.is_lost(id));
        self.needs_restart |= has_lost && is_beyond;
        // Gaps that it did not get whole are sent again.
        let has_gaps = !self.restarted.is_empty() || self.restarts_left > 0;
        let may_restart = has_lost || has_dropped || has_gaps;
        self.restarts_left += usize::from(may_restart);
        self.losses.push(lost.clone());
    }

    /// Whether this is the id of an entry that was lost since the stream began.
    fn is_lost(&self, id: EventId) -> bool {
        self.losses.iter().any(|lost| lost.contains(id))
    }

    /// A gap `restart` of a room that needs none: the reader was set back, and all rooms
    /// of it get one.
    pub(super) fn check_restart(&mut self, room: &str) {
        if !self.restarted.contains(room) && !self.losses.is_empty() {
            let left = self.restarts_left.checked_sub(1);
            self.restarts_left = left.expect("nothing of its rooms is lost");
            self.restarted = self.rooms.iter().copied().collect();
        }
        self.needs_restart = false;
    }

    /// An entry that was written before the reader was set back, or another gap than
    /// `restart`. Returns whether it is lost.
    pub(super) fn check_loss(&mut self, id: &str) -> bool {
        let is_lost = id.parse().is_ok_and(|id| self.is_lost(id));
        assert!(
            is_lost || !self.needs_restart,
            "{id} follows lost entries without a gap"
        );
        self.needs_restart = is_lost;
        is_lost
    }

    /// A state of a message or event that is lost.
    pub(super) fn has_lost_state(&self, room: &str, item: &str, state: &ItemState) -> bool {
        let mut losses = self.losses.iter();
        losses.any(|lost| lost.has_state(room, item, state))
    }

    /// A message or event that is lost.
    pub(super) fn check_lost_item(
        &self,
        id: &str,
        room: &str,
        number: Option<u64>,
        state: &ItemState,
    ) {
        let item = self.losses.iter().find_map(|lost| lost.item(room, id));
        let item = item.unwrap_or_else(|| panic!("{id} in {room} was never published"));
        assert_eq!(number, item.number, "{id} in {room}");
        assert!(item.states.contains(state), "{state:?} of {item:?}");
    }
}
