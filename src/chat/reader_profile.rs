//! What a reader is in its rooms apart from a receiver of messages: whether it
//! gets presence events, the name under which it is a member, and until when it may
//! read.

use std::any::Any;
use std::num::NonZeroU64;
use std::sync::Arc;

use super::bans::BanKey;
use crate::protocol::UserName;

/// A reader's properties in all of its rooms.
#[derive(Debug)]
pub(super) struct ReaderProfile {
    details: ReaderDetails,
    /// Whether it gets presence events.
    pub(super) presence: bool,
}

/// Boxed, so that a reader without a name and without a token is small; and in
/// boxes of three sizes, so that each pays only for what it has.
#[derive(Debug)]
enum ReaderDetails {
    None,
    Member(Box<NamedMember>),
    Access(Box<StreamAccess>),
    Both(Box<(NamedMember, StreamAccess)>),
}

#[derive(Debug)]
struct NamedMember {
    name: UserName,
    guard: Option<MemberGuard>,
}

/// Until when a reader may read, and how it is recognized when it is banned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StreamAccess {
    pub(crate) ban_key: Option<BanKey>,
    /// When its token expires, in seconds since 1970.
    pub(crate) expires_at: Option<NonZeroU64>,
}

impl StreamAccess {
    /// The access of a reader with a token, or of one that can be banned.
    pub(crate) fn new(ban_key: Option<BanKey>, expires_at: Option<u64>) -> Self {
        Self {
            ban_key,
            // No token that is valid expired in 1970.
            expires_at: expires_at.and_then(NonZeroU64::new),
        }
    }
}

impl ReaderProfile {
    pub(super) fn new(name: Option<UserName>, presence: bool) -> Self {
        let details = match name {
            Some(name) => ReaderDetails::Member(Box::new(NamedMember { name, guard: None })),
            None => ReaderDetails::None,
        };
        Self { details, presence }
    }

    fn member(&self) -> Option<&NamedMember> {
        match &self.details {
            ReaderDetails::Member(member) => Some(member),
            ReaderDetails::Both(both) => Some(&both.0),
            ReaderDetails::None | ReaderDetails::Access(_) => None,
        }
    }

    /// The name under which the reader is a member.
    pub(super) fn name(&self) -> Option<&UserName> {
        self.member().map(|member| &member.name)
    }

    pub(super) fn guard(&self) -> Option<&MemberGuard> {
        self.member()?.guard.as_ref()
    }

    /// Drops `guard` at once if the reader has no name.
    pub(super) fn set_guard(&mut self, guard: MemberGuard) {
        match &mut self.details {
            ReaderDetails::Member(member) => member.guard = Some(guard),
            ReaderDetails::Both(both) => both.0.guard = Some(guard),
            ReaderDetails::None | ReaderDetails::Access(_) => {}
        }
    }

    pub(super) fn access(&self) -> Option<&StreamAccess> {
        match &self.details {
            ReaderDetails::Access(access) => Some(access),
            ReaderDetails::Both(both) => Some(&both.1),
            ReaderDetails::None | ReaderDetails::Member(_) => None,
        }
    }

    pub(super) fn set_access(&mut self, access: StreamAccess) {
        let details = std::mem::replace(&mut self.details, ReaderDetails::None);
        self.details = match details {
            ReaderDetails::None | ReaderDetails::Access(_) => {
                ReaderDetails::Access(Box::new(access))
            }
            ReaderDetails::Member(member) => ReaderDetails::Both(Box::new((*member, access))),
            ReaderDetails::Both(both) => ReaderDetails::Both(Box::new((both.0, access))),
        };
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_is_small_and_a_token_adds_little() {
        // A pointer, which of them it is, and the presence.
        assert_eq!(size_of::<ReaderProfile>(), 24);
        assert_eq!(size_of::<StreamAccess>(), 32);
    }

    #[test]
    fn name_and_access_are_kept_together() {
        let name = UserName::parse("Ada").unwrap();
        let access = StreamAccess::new(None, Some(7));
        for with_name in [false, true] {
            let mut profile = ReaderProfile::new(with_name.then(|| name.clone()), true);
            assert_eq!(profile.access(), None);
            profile.set_access(access.clone());
            assert_eq!(profile.access(), Some(&access));
            assert_eq!(profile.name(), with_name.then_some(&name));
            profile.set_guard(MemberGuard::holding(()));
            assert_eq!(profile.guard().is_some(), with_name);
        }
    }
}
