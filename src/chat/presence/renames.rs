//! Names that clients have changed: for each old name that still has a stream, the
//! new one, for a few seconds. A room has none of this until a client changes its
//! name.

use tokio::time::Instant;

use crate::protocol::UserName;

/// Most renames of a room at one time. Beyond it a change of a name is a join and a
/// leave.
const MAX_RENAMES: usize = 32;

#[derive(Debug, Default)]
pub(super) struct Renames(Vec<Rename>);

#[derive(Debug)]
struct Rename {
    old: UserName,
    new: UserName,
    /// When it is forgotten.
    end: Instant,
}

impl Renames {
    /// Remembers a rename until `end`, in place of an earlier one of the same name.
    pub(super) fn remember(&mut self, old: &UserName, new: &UserName, end: Instant) {
        self.0.retain(|rename| rename.old != *old);
        if self.0.len() < MAX_RENAMES {
            let (old, new) = (old.clone(), new.clone());
            self.0.push(Rename { old, new, end });
        }
    }

    /// Forgets the rename of `old`, and returns its new name.
    pub(super) fn take(&mut self, old: &UserName) -> Option<UserName> {
        let at = self.0.iter().position(|rename| rename.old == *old)?;
        Some(self.0.remove(at).new)
    }

    /// The client of `old` has the name `new` now: so have those that became `old`.
    pub(super) fn follow(&mut self, old: &UserName, new: &UserName) {
        for rename in self.0.iter_mut().filter(|rename| rename.new == *old) {
            rename.new = new.clone();
        }
    }

    /// Forgets the renames that have ended.
    pub(super) fn remove_expired(&mut self, now: Instant) {
        self.0.retain(|rename| rename.end > now);
    }

    /// When the next one is forgotten.
    pub(super) fn end(&self) -> Option<Instant> {
        self.0.iter().map(|rename| rename.end).min()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
