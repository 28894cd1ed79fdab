//! A stream goes on after the end of a generation. Where is decided in `resume`.

use super::Subscription;
use crate::chat::generations::EndedGeneration;
use crate::chat::ready_queue::ReadyQueue;
use crate::chat::resume::{ReachedPlace, StreamStart};
use crate::chat::rooms::Rooms;

impl Subscription {
    /// A generation has ended since the place of the stream was looked at: it goes back to
    /// the end if its reader may be beyond it.
    pub(super) fn set_back(&mut self, rooms: &Rooms, ended: EndedGeneration) {
        let place = ReachedPlace {
            room_cursors: &self.room_cursors,
            own: self.own,
            has_gaps: self.ready.has_gaps(),
            position: self.position,
        };
        let start = StreamStart::after_end(rooms, ended, &place);
        for (own, start) in self.room_cursors.iter_mut().zip(start.room_cursors) {
            own.skip_through = start.skip_through;
            own.next = start.next;
        }
        self.ready = ReadyQueue::new(start.gaps);
        // It may be lost.
        self.held = None;
        self.own = start.hello;
        self.cursor = start.cursor;
        self.replay_through = self.replay_through.min(ended.end);
        self.unreadable_through = 0;
    }
}
