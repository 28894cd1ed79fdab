//! Members that begin and end to type.

use tokio::time::Instant;

use super::Rooms;
use crate::protocol::{RoomName, UserName};

impl Rooms {
    /// A member types, or types no longer. Nothing happens if there is no such
    /// member, or if the room has more members than the limit.
    pub(in crate::chat) fn set_typing(&mut self, name: &RoomName, member: &UserName, types: bool) {
        let now = Instant::now();
        let most = self.limits.max_typing_members;
        let Some(room) = self.by_name.get_mut(name) else {
            return;
        };
        let has_changed = match types {
            true => room.presence.begin_typing(member, most, now),
            false => room.presence.end_typing(member),
        };
        if has_changed {
            self.schedule(name, now);
        }
    }
}
