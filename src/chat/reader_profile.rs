//! What a reader is in its rooms apart from a receiver of messages: whether it
//! gets presence events, and the name under which it is a member.

use std::any::Any;
use std::sync::Arc;

use crate::protocol::UserName;

/// A reader's properties in all of its rooms.
#[derive(Debug)]
pub(super) struct ReaderProfile {
    /// Boxed, so that a reader without a name is small.
    member: Option<Box<NamedMember>>,
    /// Whether it gets presence events.
    pub(super) presence: bool,
}

#[derive(Debug)]
struct NamedMember {
    name: UserName,
    guard: Option<MemberGuard>,
}

impl ReaderProfile {
    pub(super) fn new(name: Option<UserName>, presence: bool) -> Self {
        let member = name.map(|name| Box::new(NamedMember { name, guard: None }));
        Self { member, presence }
    }

    /// The name under which the reader is a member.
    pub(super) fn name(&self) -> Option<&UserName> {
        self.member.as_ref().map(|member| &member.name)
    }

    pub(super) fn guard(&self) -> Option<&MemberGuard> {
        self.member.as_ref()?.guard.as_ref()
    }

    /// Drops `guard` at once if the reader has no name.
    pub(super) fn set_guard(&mut self, guard: MemberGuard) {
        if let Some(member) = &mut self.member {
            member.guard = Some(guard);
        }
    }
}

/// A value that lives as long as a stream makes a name a member: until each of
/// the stream's rooms has removed the name, a grace period after the stream's
/// end, or has another stream of that name. It is dropped under the hub's lock.
#[derive(Debug, Clone)]
pub(crate) struct MemberGuard {
    // Boxed, so that each reader holds one pointer and not two.
    _value: Arc<Box<dyn Any + Send + Sync>>,
}

impl MemberGuard {
    /// Holds `value` until the guard and all its clones are dropped.
    pub(crate) fn holding(value: impl Any + Send + Sync) -> Self {
        Self {
            _value: Arc::new(Box::new(value)),
        }
    }
}
