//! Changes of a room's members that are not announced yet: the form of the event
//! that announces them, and its earliest time.
//!
//! A presence event goes to all readers, so its cost is its bytes times the
//! readers. Three rules bound the cost:
//!
//! - The room's rate ([`PresenceBudget::rate`]). After an event the room waits for
//!   as long as the rate takes to cover it, so a larger room sends fewer events.
//! - An event that would take the rate longer than [`MAX_COST_TIME`] is replaced
//!   by the count alone. Readers then have no valid list.
//! - Readers without a valid list get a new one only if the changes since have
//!   earned enough credit, [`CHANGE_BYTES`] each, and only well below the largest
//!   list. So a join or a leave costs each reader at most [`CHANGE_BYTES`], also in
//!   a room whose size oscillates around the largest list.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use crate::chat::member::{LeftMember, Since};
use crate::protocol::UserName;

/// Most members in a list. In a larger room only their count is sent.
pub(super) const MAX_LISTED_MEMBERS: usize = 200;
/// Most bytes that one join or leave costs each reader.
pub(super) const CHANGE_BYTES: usize = 2048;
/// Most members at which an invalid list is replaced: 40 below the largest list.
pub(super) const LIST_AGAIN_MEMBERS: usize = MAX_LISTED_MEMBERS / 5 * 4;
/// The longest time that the room's rate may take for one event with names.
const MAX_COST_TIME: Duration = Duration::from_secs(10);
/// The longest time that the room's rate may take for an event about typing alone.
const MAX_TYPING_TIME: Duration = Duration::from_secs(1);
/// The longest wait after an event, whatever its cost.
const MAX_WAIT: Duration = Duration::from_secs(600);
/// Most bytes of credit towards a new list.
const MAX_CREDIT: usize = 1 << 20;
/// Most changes that are kept by name. Beyond it the next event is the count.
const MAX_NAMED_CHANGES: usize = 2 * MAX_LISTED_MEMBERS;

/// Bounds on the cost of a room's presence events.
#[derive(Debug, Clone, Copy)]
pub(in crate::chat) struct PresenceBudget {
    /// Streams of the room that get presence events.
    pub(in crate::chat) readers: usize,
    /// Bytes per second, summed over these streams.
    pub(in crate::chat) rate: usize,
}

/// The form of a presence event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PresenceForm {
    Difference,
    List,
    Count,
}

#[derive(Debug, Default)]
pub(super) struct PendingChanges {
    /// New members that are still members.
    joined: BTreeSet<UserName>,
    left: Vec<LeftMember>,
    /// Some of `left` have taken another name.
    has_renames: bool,
    /// All joins and leaves since the last event, kept by name or not.
    changes: usize,
    /// A new stream got a snapshot since the last event. The snapshot may contain
    /// names of `joined`.
    has_snapshot: bool,
    /// Some readers have no valid list, or will have none after the next event.
    list_invalid: bool,
    /// Bytes for each reader that the changes since the list became invalid have
    /// earned and no event has used.
    credit: usize,
    /// Until when the last event uses up the room's rate.
    rate_used_until: Option<Instant>,
}

impl PendingChanges {
    pub(super) fn add_joined(&mut self, name: &UserName) {
        self.changes += 1;
        if self.keeps_names() {
            self.joined.insert(name.clone());
        }
    }

    pub(super) fn add_left(&mut self, member: LeftMember) {
        self.changes += 1;
        self.follow_renames(&member);
        let is_unknown = self.joined.remove(&member.name) && !self.has_snapshot;
        if !is_unknown && self.keeps_names() {
            self.left.push(member);
        }
    }

    /// A member that is to be announced as left is back. Returns since when it is a
    /// member; then no event announces either, except that readers with a snapshot from
    /// in between learn that it is one.
    pub(super) fn take_back(&mut self, name: &UserName) -> Option<Timestamp> {
        let at = self.left.iter().rposition(|member| member.name == *name)?;
        let Since(since) = self.left.remove(at).since;
        match self.has_snapshot {
            true => {
                self.joined.insert(name.clone());
            }
            false => self.changes -= 1,
        }
        Some(since)
    }

    /// A client that changes its name twice before the next event has the last one.
    fn follow_renames(&mut self, member: &LeftMember) {
        if self.has_renames {
            let renamed = |earlier: &&mut LeftMember| earlier.now.as_ref() == Some(&member.name);
            for earlier in self.left.iter_mut().filter(renamed) {
                earlier.now.clone_from(&member.now);
            }
        }
        self.has_renames |= member.now.is_some();
    }

    /// Drops new names that are no members by `is_member`, and the new name of a
    /// member that is back under its own.
    pub(super) fn settle_renames(&mut self, is_member: impl Fn(&UserName) -> bool) {
        if self.has_renames {
            for member in &mut self.left {
                let new = member.now.take();
                member.now = new.filter(|new| *new != member.name && is_member(new));
            }
        }
    }

    /// Whether one more change is kept by name. If there are too many, the list
    /// becomes invalid.
    fn keeps_names(&mut self) -> bool {
        if self.joined.len() + self.left.len() >= MAX_NAMED_CHANGES {
            self.invalidate_list();
        }
        !self.list_invalid
    }

    fn invalidate_list(&mut self) {
        if !std::mem::replace(&mut self.list_invalid, true) {
            self.credit = 0;
        }
        self.joined = BTreeSet::new();
        self.left = Vec::new();
        self.has_renames = false;
    }

    /// A new stream gets a snapshot of `count` members. If that has no list, the
    /// stream can't use a difference.
    pub(super) fn note_snapshot(&mut self, count: usize) {
        self.has_snapshot = true;
        if count > MAX_LISTED_MEMBERS {
            self.invalidate_list();
        }
    }

    pub(super) fn joined_names(&self) -> impl Iterator<Item = &UserName> {
        self.joined.iter()
    }

    pub(super) fn left_members(&self) -> &[LeftMember] {
        &self.left
    }

    /// Whether there is anything to announce.
    pub(super) fn has_news(&self) -> bool {
        let has_news = self.list_invalid || !self.joined.is_empty() || !self.left.is_empty();
        self.changes > 0 && has_news
    }

    /// When the last event no longer uses up the rate.
    pub(super) fn free_at(&self, now: Instant) -> Instant {
        self.rate_used_until.unwrap_or(now)
    }

    /// Spends the rate on an event of `bytes` that announces no change. Returns
    /// whether it may be sent: it must not delay the next change by long.
    pub(super) fn spend_on_typing(
        &mut self,
        bytes: usize,
        budget: PresenceBudget,
        now: Instant,
    ) -> bool {
        let cost = cost_time(bytes, budget);
        let is_cheap = cost <= MAX_TYPING_TIME;
        if is_cheap {
            self.rate_used_until = Some(now + cost);
        }
        is_cheap
    }

    /// The form of the next event in a room of `count` members.
    pub(super) fn form(&self, count: usize) -> PresenceForm {
        match self.list_invalid {
            _ if count > MAX_LISTED_MEMBERS => PresenceForm::Count,
            false => PresenceForm::Difference,
            true if count <= LIST_AGAIN_MEMBERS => PresenceForm::List,
            true => PresenceForm::Count,
        }
    }

    /// Whether an event of `bytes` with names may be sent.
    pub(super) fn permits(&self, bytes: usize, budget: PresenceBudget) -> bool {
        let has_credit = !self.list_invalid || bytes <= self.credit();
        has_credit && cost_time(bytes, budget) <= MAX_COST_TIME
    }

    fn credit(&self) -> usize {
        self.credit + self.changes.saturating_mul(CHANGE_BYTES)
    }

    /// An event of `bytes` that announced all changes was sent.
    pub(super) fn reset(
        &mut self,
        bytes: usize,
        is_count: bool,
        budget: PresenceBudget,
        now: Instant,
    ) {
        match is_count {
            true => {
                self.invalidate_list();
                self.credit = self.credit().saturating_sub(bytes).min(MAX_CREDIT);
            }
            false => {
                self.list_invalid = false;
                self.credit = 0;
            }
        }
        self.joined = BTreeSet::new();
        self.left = Vec::new();
        self.has_renames = false;
        self.changes = 0;
        self.has_snapshot = false;
        self.rate_used_until = Some(now + cost_time(bytes, budget));
    }
}

/// How long an event of `bytes` uses up the room's rate.
fn cost_time(bytes: usize, budget: PresenceBudget) -> Duration {
    let cost = bytes as f64 * budget.readers as f64;
    let seconds = cost / budget.rate.max(1) as f64;
    Duration::from_secs_f64(seconds.min(MAX_WAIT.as_secs_f64()))
}
