//! The members that type at the moment: a state that ends by itself. Which members
//! may type is decided in `set_typing`.

use std::time::Duration;

use tokio::time::Instant;

use crate::protocol::UserName;

/// How long a member types after its last request.
pub(super) const TYPING_TIME: Duration = Duration::from_secs(6);
/// Most members that type at one time. Further ones are not shown.
pub(super) const MAX_TYPING: usize = 5;

#[derive(Debug, Default)]
pub(super) struct Typing {
    /// In the order in which they began, with the end of each.
    members: Vec<(UserName, Instant)>,
    /// The names in the last event, which all readers have.
    announced: Vec<UserName>,
}

impl Typing {
    /// A member types until `end`. Returns whether the names have changed.
    pub(super) fn begin(&mut self, name: &UserName, end: Instant) -> bool {
        if let Some((_, at)) = self.members.iter_mut().find(|(member, _)| member == name) {
            *at = end;
            return false;
        }
        let is_shown = self.members.len() < MAX_TYPING;
        if is_shown {
            self.members.push((name.clone(), end));
        }
        is_shown
    }

    /// A member types no longer. Returns whether it did.
    pub(super) fn end(&mut self, name: &UserName) -> bool {
        let before = self.members.len();
        self.members.retain(|(member, _)| member != name);
        self.members.len() < before
    }

    pub(super) fn remove_expired(&mut self, now: Instant) {
        self.members.retain(|(_, end)| *end > now);
    }

    pub(super) fn next_end(&self) -> Option<Instant> {
        self.members.iter().map(|(_, end)| *end).min()
    }

    /// Whether the names have changed since the last event.
    pub(super) fn has_news(&self) -> bool {
        !self.names().eq(&self.announced)
    }

    /// An event has the names as they are.
    pub(super) fn announce(&mut self) {
        self.announced = self.names().cloned().collect();
    }

    fn names(&self) -> impl Iterator<Item = &UserName> {
        self.members.iter().map(|(name, _)| name)
    }

    /// The names in the last event.
    pub(super) fn announced(&self) -> &[UserName] {
        &self.announced
    }

    pub(super) fn is_empty(&self) -> bool {
        self.members.is_empty() && self.announced.is_empty()
    }
}
