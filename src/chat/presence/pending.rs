//! Changes of a room's members that its readers do not know yet: which event
//! announces them, and when the next one may follow.
//!
//! A presence event goes to every reader, so its cost is its bytes times the
//! readers. Three rules bound it:
//!
//! - The room's rate ([`PresenceBudget::rate`]). After each event the room waits until
//!   the rate has paid for it, so a larger room sends fewer events.
//! - An event that the rate would have to pay for longer than [`MAX_PAY_TIME`]
//!   is replaced by the count alone, which voids the readers' lists.
//! - A reader whose list is void gets a new one only when the changes since have
//!   paid for it, [`CHANGE_BYTES`] each, and only well below the largest list.
//!   So a join or a leave costs each reader at most [`CHANGE_BYTES`], also in a
//!   room whose size goes up and down around the border.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::Instant;

use super::{MAX_LISTED_MEMBERS, Member, PresenceBudget};
use crate::protocol::UserName;

/// What one join or leave may cost each reader.
pub(super) const CHANGE_BYTES: usize = 2048;
/// A void list comes again at this size: a room must lose 40 members after it
/// was too large for a list.
pub(super) const LIST_AGAIN_MEMBERS: usize = MAX_LISTED_MEMBERS / 5 * 4;
/// For how long the room's rate may pay for one list or difference.
pub(super) const MAX_PAY_TIME: Duration = Duration::from_secs(10);
/// The longest wait between two events, whatever they cost.
const MAX_WAIT: Duration = Duration::from_secs(600);
/// The most credit that a void list can have.
const MAX_CREDIT: usize = 1 << 20;
/// Changes that are kept by name. Beyond them the next event is the count.
const MAX_NAMED_CHANGES: usize = 2 * MAX_LISTED_MEMBERS;

/// How the next event is to announce the changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Difference,
    List,
    Count,
}

#[derive(Debug, Default)]
pub(super) struct Pending {
    /// Names that joined and are still members.
    joined: BTreeSet<UserName>,
    left: Vec<Member>,
    /// Joins and leaves since the last event, whether kept by name or not.
    changes: usize,
    /// A new stream got a snapshot since the last event: it may have names in
    /// it that are only in `joined`.
    is_shown: bool,
    /// Some readers have no list, or will have none after the next event.
    is_void: bool,
    /// Bytes for each reader that the changes since the list became void have
    /// paid for and no event has used.
    credit: usize,
    /// Before this the rate has not paid for the last event.
    paid_at: Option<Instant>,
}

impl Pending {
    pub(super) fn joined(&mut self, name: &UserName) {
        self.changes += 1;
        if self.has_room() {
            self.joined.insert(name.clone());
        }
    }

    pub(super) fn left(&mut self, member: Member) {
        self.changes += 1;
        let is_unknown = self.joined.remove(&member.name) && !self.is_shown;
        if !is_unknown && self.has_room() {
            self.left.push(member);
        }
    }

    /// Whether one more change is kept by name.
    fn has_room(&mut self) -> bool {
        if self.joined.len() + self.left.len() >= MAX_NAMED_CHANGES {
            self.void();
        }
        !self.is_void
    }

    fn void(&mut self) {
        if !std::mem::replace(&mut self.is_void, true) {
            self.credit = 0;
        }
        self.joined = BTreeSet::new();
        self.left = Vec::new();
    }

    /// A new stream gets a snapshot of `count` members. If they are too many
    /// for a list it has none, and a difference would be of no use to it.
    pub(super) fn shown(&mut self, count: usize) {
        self.is_shown = true;
        if count > MAX_LISTED_MEMBERS {
            self.void();
        }
    }

    pub(super) fn joined_names(&self) -> impl Iterator<Item = &UserName> {
        self.joined.iter()
    }

    pub(super) fn left_members(&self) -> &[Member] {
        &self.left
    }

    /// When the next event may be sent, if there is something to send.
    pub(super) fn due(&self, now: Instant) -> Option<Instant> {
        let is_news = self.is_void || !self.joined.is_empty() || !self.left.is_empty();
        (self.changes > 0 && is_news).then(|| self.paid_at.unwrap_or(now))
    }

    /// How the next event is to announce the changes in a room of `count`.
    pub(super) fn form(&self, count: usize) -> Form {
        match self.is_void {
            _ if count > MAX_LISTED_MEMBERS => Form::Count,
            false => Form::Difference,
            true if count <= LIST_AGAIN_MEMBERS => Form::List,
            true => Form::Count,
        }
    }

    /// Whether an event with names in it may be sent.
    pub(super) fn affords(&self, bytes: usize, budget: PresenceBudget) -> bool {
        let is_paid = !self.is_void || bytes <= self.credit();
        is_paid && pay_time(bytes, budget) <= MAX_PAY_TIME
    }

    fn credit(&self) -> usize {
        self.credit + self.changes.saturating_mul(CHANGE_BYTES)
    }

    /// An event of so many bytes was sent: all changes are announced.
    pub(super) fn sent(
        &mut self,
        bytes: usize,
        is_count: bool,
        budget: PresenceBudget,
        now: Instant,
    ) {
        match is_count {
            true => {
                self.void();
                self.credit = self.credit().saturating_sub(bytes).min(MAX_CREDIT);
            }
            false => {
                self.is_void = false;
                self.credit = 0;
            }
        }
        self.joined = BTreeSet::new();
        self.left = Vec::new();
        self.changes = 0;
        self.is_shown = false;
        self.paid_at = Some(now + pay_time(bytes, budget));
    }
}

/// How long the room's rate pays for an event of so many bytes.
fn pay_time(bytes: usize, budget: PresenceBudget) -> Duration {
    let cost = bytes as f64 * budget.readers as f64;
    let seconds = cost / budget.rate.max(1) as f64;
    Duration::from_secs_f64(seconds.min(MAX_WAIT.as_secs_f64()))
}
