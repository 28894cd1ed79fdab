//! The transitions between a stale and a fresh history. One event of the channel has each of
//! them for the live readers; a stream that is not live compares the present state with what
//! its reader was sent last.

use tokio::time::Instant;

use super::Rooms;
use crate::chat::room_event::RoomEvent;
use crate::chat::staleness::Staleness;

impl Rooms {
    /// Nothing is sent without a transition.
    pub(in crate::chat) fn set_staleness(&mut self, staleness: Staleness) {
        if staleness.is_stale() == self.staleness.is_stale() {
            return;
        }
        self.staleness = staleness.clone();
        let event = RoomEvent::Staleness(staleness);
        self.channel.send_to_all(event, Instant::now());
    }

    /// The present state, unless the reader has it already.
    pub(in crate::chat) fn news_of_staleness(&self, knows_stale: bool) -> Option<Staleness> {
        (self.staleness.is_stale() != knows_stale).then(|| self.staleness.clone())
    }
}
