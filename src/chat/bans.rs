//! The bans of a room: authors that may neither read nor write in it for a time.

use std::collections::HashMap;
use std::error::Error;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, SystemTime};

use super::author::{Author, Fingerprint};
use super::errors::HistoryUnavailable;
use crate::protocol::EventId;

/// Most bans of a room at one time.
pub(super) const MAX_BANS: usize = 1000;

/// What a ban is of: the subject of a token, otherwise an address. An IPv6 address
/// stands for its /64, within which a host chooses its addresses itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct BanKey(Fingerprint);

/// A ban of an author.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ban {
    /// The message whose author is banned.
    pub message: EventId,
    /// The name under which the author wrote it.
    pub name: Option<String>,
    /// The end of the ban.
    pub until: SystemTime,
}

/// Why an author was not banned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BanError {
    /// History does not hold the message, or nothing is known of its author.
    NotFound,
    /// The room has as many bans as it may have.
    TooMany,
    /// Nothing can be stored.
    HistoryUnavailable(HistoryUnavailable),
}

impl From<HistoryUnavailable> for BanError {
    fn from(error: HistoryUnavailable) -> Self {
        Self::HistoryUnavailable(error)
    }
}

/// The bans of a room.
#[derive(Debug, Default)]
pub(super) struct Bans(HashMap<BanKey, Ban>);

impl BanKey {
    /// `None` if neither a subject nor an address is known.
    pub(crate) fn of(author: &Author) -> Option<Self> {
        let of_address = |address| Fingerprint::of_address(network(address));
        author
            .subject
            .or_else(|| author.address.map(of_address))
            .map(Self)
    }

    #[cfg(any(feature = "data", feature = "redis"))]
    pub(super) fn fingerprint(&self) -> &Fingerprint {
        &self.0
    }

    /// A key that was stored.
    #[cfg(any(feature = "data", feature = "redis"))]
    pub(super) fn from_fingerprint(fingerprint: Fingerprint) -> Self {
        Self(fingerprint)
    }
}

fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let upper = u128::from(address) >> 64 << 64;
            Ipv6Addr::from(upper).into()
        }
        address => address,
    }
}

impl Bans {
    /// Bans an author, or gives the ban another end.
    pub(super) fn add(&mut self, key: BanKey, ban: Ban, now: SystemTime) -> Result<(), BanError> {
        self.0.retain(|_, ban| now < ban.until);
        if self.0.len() >= MAX_BANS && !self.0.contains_key(&key) {
            return Err(BanError::TooMany);
        }
        self.0.insert(key, ban);
        Ok(())
    }

    /// Adds the bans of a store.
    #[cfg(any(feature = "data", feature = "redis"))]
    pub(super) fn restore(&mut self, bans: Vec<(BanKey, Ban)>) {
        self.0.extend(bans);
    }

    /// The keys of the bans of the author of a message.
    #[cfg(feature = "redis")]
    pub(super) fn of(&self, message: EventId, key: Option<BanKey>) -> Vec<BanKey> {
        let is_of = |(known, ban): &(&BanKey, &Ban)| ban.message == message || Some(**known) == key;
        self.0.iter().filter(is_of).map(|(key, _)| *key).collect()
    }

    /// Lifts the ban of an author.
    #[cfg(feature = "redis")]
    pub(super) fn remove(&mut self, key: BanKey) {
        self.0.remove(&key);
    }

    /// Lifts the ban of the author of a message. Returns the keys of what was lifted.
    pub(super) fn lift(&mut self, message: EventId, key: Option<BanKey>) -> Vec<BanKey> {
        let lifted = self
            .0
            .extract_if(|known, ban| ban.message == message || Some(*known) == key);
        lifted.map(|(key, _)| key).collect()
    }

    /// Whether the author is banned.
    pub(super) fn contains(&self, key: BanKey, now: SystemTime) -> bool {
        self.0.get(&key).is_some_and(|ban| now < ban.until)
    }

    /// The bans that have not ended, the next to end first.
    pub(super) fn list(&self, now: SystemTime) -> Vec<Ban> {
        let present = self.0.values().filter(|ban| now < ban.until);
        let mut bans: Vec<Ban> = present.cloned().collect();
        bans.sort_by_key(|ban| (ban.until, ban.message.seq));
        bans
    }

    /// How long until all bans have ended. `None` if they have.
    pub(super) fn left(&self, now: SystemTime) -> Option<Duration> {
        let last = self.0.values().map(|ban| ban.until).max()?;
        last.duration_since(now).ok().filter(|left| !left.is_zero())
    }
}

impl fmt::Display for BanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound => f.write_str(
                "there is no such message, or nothing is known of its author: it is older than \
                 history, or a program published it",
            ),
            Self::TooMany => write!(f, "a room has at most {MAX_BANS} bans; lift one of them"),
            Self::HistoryUnavailable(error) => error.fmt(f),
        }
    }
}

impl Error for BanError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn by_address(address: &str) -> Option<BanKey> {
        BanKey::of(&Author {
            address: Some(address.parse().unwrap()),
            ..Author::default()
        })
    }

    fn ban(seq: u64, until: SystemTime) -> Ban {
        Ban {
            message: format!("e-{seq}").parse().unwrap(),
            name: None,
            until,
        }
    }

    #[test]
    fn a_subject_is_banned_by_itself_and_others_by_their_address() {
        let subject = Fingerprint::of_subject(b"k", "alice");
        let of = |subject, address: &str| {
            BanKey::of(&Author {
                subject,
                address: Some(address.parse().unwrap()),
                edit_key: None,
            })
        };
        assert_eq!(
            of(Some(subject), "192.0.2.1"),
            of(Some(subject), "192.0.2.2")
        );
        assert_ne!(of(Some(subject), "192.0.2.1"), of(None, "192.0.2.1"));
        assert_ne!(by_address("192.0.2.1"), by_address("192.0.2.2"));
        assert_eq!(by_address("192.0.2.1"), by_address("::ffff:192.0.2.1"));
        assert_eq!(by_address("2001:db8::1"), by_address("2001:db8::2:3:4:5"));
        assert_ne!(by_address("2001:db8::1"), by_address("2001:db8:0:1::1"));
        assert_eq!(BanKey::of(&Author::default()), None);
    }

    #[test]
    fn a_ban_ends_and_can_be_lifted() {
        let (mut bans, now) = (Bans::default(), SystemTime::UNIX_EPOCH);
        let until = now + Duration::from_secs(60);
        let (a, b) = (
            by_address("192.0.2.1").unwrap(),
            by_address("192.0.2.2").unwrap(),
        );
        bans.add(a, ban(1, until), now).unwrap();
        bans.add(b, ban(2, until), now).unwrap();
        assert!(bans.contains(a, now) && !bans.contains(a, until));
        assert_eq!((bans.list(now).len(), bans.list(until).len()), (2, 0));
        assert_eq!(bans.left(now), Some(Duration::from_secs(60)));
        assert_eq!(bans.left(until), None);
        assert_eq!(bans.lift("e-1".parse().unwrap(), None), [a]);
        assert!(!bans.contains(a, now));
        // By another message of the same author.
        assert_eq!(bans.lift("e-9".parse().unwrap(), Some(b)), [b]);
        assert!(bans.list(now).is_empty());
        assert_eq!(bans.lift("e-9".parse().unwrap(), Some(b)), []);
    }

    #[test]
    fn bans_are_bounded_and_those_that_ended_make_room() {
        let (mut bans, now) = (Bans::default(), SystemTime::UNIX_EPOCH);
        let until = now + Duration::from_secs(60);
        let key = |n: u32| {
            let address = IpAddr::from(n.to_be_bytes());
            by_address(&address.to_string()).unwrap()
        };
        for n in 0..MAX_BANS as u32 {
            bans.add(key(n), ban(u64::from(n), until), now).unwrap();
        }
        let one_more = ban(7, until);
        assert_eq!(
            bans.add(key(5000), one_more.clone(), now),
            Err(BanError::TooMany)
        );
        assert_eq!(bans.add(key(3), one_more.clone(), now), Ok(()));
        assert_eq!(bans.add(key(5000), one_more, until), Ok(()));
        assert_eq!(bans.0.len(), 1);
    }
}
