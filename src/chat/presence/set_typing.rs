//! Members begin and end to type. A room has no state of this until one does; the
//! state itself is in `typing`.

use tokio::time::Instant;

use super::Presence;
use super::typing::TYPING_TIME;
use crate::protocol::UserName;

impl Presence {
    /// A member types from now on, in a room of at most `most` members; not one that is
    /// only at another node. Returns whether that is to be announced.
    pub(in crate::chat) fn begin_typing(
        &mut self,
        name: &UserName,
        most: usize,
        now: Instant,
    ) -> bool {
        if self.count() > most || !self.is_here(name) {
            return false;
        }
        let typing = self.typing.get_or_insert_default();
        typing.begin(name, now + TYPING_TIME)
    }

    /// A member types no longer. Returns whether that is to be announced.
    pub(in crate::chat) fn end_typing(&mut self, name: &UserName) -> bool {
        let Some(typing) = &mut self.typing else {
            return false;
        };
        let has_ended = typing.end(name);
        self.free_typing();
        has_ended
    }

    pub(super) fn remove_expired_typing(&mut self, now: Instant) {
        if let Some(typing) = &mut self.typing {
            typing.remove_expired(now);
            self.free_typing();
        }
    }

    /// When the next member types no longer.
    pub(super) fn typing_end(&self) -> Option<Instant> {
        self.typing.as_ref()?.next_end()
    }

    pub(super) fn has_typing_news(&self) -> bool {
        self.typing.as_ref().is_some_and(|typing| typing.has_news())
    }

    /// The next event has the members that type. Returns whether they have changed.
    pub(super) fn announce_typing(&mut self) -> bool {
        let has_news = self.has_typing_news();
        if has_news && let Some(typing) = &mut self.typing {
            typing.announce();
            self.list_changed();
        }
        has_news
    }

    /// The members that type, by the last event. `None` if there are none, and it did
    /// not announce the end of the last one.
    pub(super) fn announced_typing(&self) -> Option<&[UserName]> {
        self.typing.as_ref().map(|typing| typing.announced())
    }

    /// Shows no member that types, since that would cost too much.
    pub(super) fn drop_typing(&mut self) {
        if self.typing.take().is_some() {
            self.list_changed();
        }
    }

    /// Frees the memory when it is no longer needed.
    pub(super) fn free_typing(&mut self) {
        if self.typing.as_ref().is_some_and(|typing| typing.is_empty()) {
            self.typing = None;
        }
    }
}
