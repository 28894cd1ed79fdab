//! How fast may be said what: a token bucket for each address, and one for each
//! room (GCRA, by the crate governor).
//!
//! The table of buckets is bounded by its keys: an address or a room is one of
//! 65,536 slots, by a hash that nobody outside knows. Two that meet in a slot
//! share it, and no number of addresses makes the table larger, or makes
//! anybody search it.

use std::hash::{BuildHasher as _, Hash, RandomState};
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};

use super::network::Network;
use crate::chat::RoomName;
use crate::config::{Limits, Rate};

/// Making a room costs as much as so many messages.
const ROOM_COST: NonZeroU32 = NonZeroU32::new(10).unwrap();

/// Somebody says too much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct TooFast {
    /// When the next message may come.
    pub(in super::super) after: Duration,
    /// Whose bucket is empty.
    pub(in super::super) whose: Whose,
}

/// Whose bucket it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Whose {
    Address,
    Room,
}

/// All buckets of a server.
#[derive(Debug)]
pub(in super::super) struct Rates<C: Clock = DefaultClock> {
    limits: Limits,
    clock: C,
    hasher: RandomState,
    addresses: Option<Buckets<C>>,
    streams: Option<Buckets<C>>,
    rooms: Option<Buckets<C>>,
}

type Buckets<C> =
    RateLimiter<u16, HashMapStateStore<u16>, C, NoOpMiddleware<<C as Clock>::Instant>>;

impl Rates {
    pub(in super::super) fn new(limits: &Limits) -> Self {
        Self::by(DefaultClock::default(), limits)
    }
}

impl<C: Clock + Clone> Rates<C> {
    fn by(clock: C, limits: &Limits) -> Self {
        let buckets = |rate: Option<Rate>, burst| {
            let quota = quota(rate?, burst)?;
            Some(RateLimiter::new(
                quota,
                HashMapStateStore::default(),
                clock.clone(),
            ))
        };
        Self {
            addresses: buckets(limits.publish_rate, limits.publish_burst),
            streams: buckets(limits.stream_rate, limits.stream_burst),
            rooms: buckets(limits.room_rate, limits.room_burst),
            limits: limits.clone(),
            hasher: RandomState::new(),
            clock,
        }
    }

    /// `client` wants to say something.
    pub(in super::super) fn take_of_address(&self, client: IpAddr) -> Result<(), TooFast> {
        match self.limits.concerns(client) {
            true => self.take(&self.addresses, &Network::of(client), Whose::Address),
            false => Ok(()),
        }
    }

    /// `client`, who is limited, wants to say the first thing in a room: from
    /// then on it is kept, for longer than it would take to fill the server
    /// with such rooms.
    pub(in super::super) fn take_for_a_room(&self, client: IpAddr) -> Result<(), TooFast> {
        // The message itself is paid for. What does not fit into the bucket
        // beside it would never be let through.
        let fitting = NonZeroU32::new(self.limits.publish_burst.get() - 1);
        let (Some(buckets), Some(fitting)) = (&self.addresses, fitting) else {
            return Ok(());
        };
        let slot = self.slot(&Network::of(client));
        match buckets.check_key_n(&slot, ROOM_COST.min(fitting)) {
            Ok(Err(not_until)) => Err(TooFast {
                after: not_until.wait_time_from(self.clock.now()),
                whose: Whose::Address,
            }),
            Ok(Ok(())) | Err(_) => Ok(()),
        }
    }

    /// `client` wants to begin a stream.
    pub(in super::super) fn take_of_streams(&self, client: IpAddr) -> Result<(), TooFast> {
        match self.limits.concerns(client) {
            true => self.take(&self.streams, &Network::of(client), Whose::Address),
            false => Ok(()),
        }
    }

    /// Something is to be said in `room` by `client`.
    pub(in super::super) fn take_of_room(
        &self,
        room: &RoomName,
        client: IpAddr,
    ) -> Result<(), TooFast> {
        match self.limits.concerns(client) {
            true => self.take(&self.rooms, room, Whose::Room),
            false => Ok(()),
        }
    }

    fn take(
        &self,
        buckets: &Option<Buckets<C>>,
        key: &impl Hash,
        whose: Whose,
    ) -> Result<(), TooFast> {
        let Some(buckets) = buckets else {
            return Ok(());
        };
        let slot = self.slot(key);
        buckets.check_key(&slot).map_err(|not_until| TooFast {
            after: not_until.wait_time_from(self.clock.now()),
            whose,
        })
    }

    fn slot(&self, key: &impl Hash) -> u16 {
        self.hasher.hash_one(key) as u16
    }
}

/// `None` for a rate that is beyond what a clock can tell.
fn quota(rate: Rate, burst: NonZeroU32) -> Option<Quota> {
    Some(Quota::with_period(rate.per / rate.count.get())?.allow_burst(burst))
}

#[cfg(test)]
mod tests {
    use governor::clock::FakeRelativeClock;

    use super::*;

    fn count(count: u32) -> NonZeroU32 {
        NonZeroU32::new(count).unwrap()
    }

    fn rates(
        clock: &FakeRelativeClock,
        change: impl FnOnce(&mut Limits),
    ) -> Rates<FakeRelativeClock> {
        let mut limits = Limits {
            publish_rate: Some(Rate::per_second(count(2))),
            publish_burst: count(3),
            room_rate: None,
            ..Limits::default()
        };
        change(&mut limits);
        Rates::by(clock.clone(), &limits)
    }

    #[test]
    fn a_burst_is_let_through_and_then_the_rate_holds() {
        let clock = FakeRelativeClock::default();
        let rates = rates(&clock, |_| {});
        let say = || rates.take_of_address("192.0.2.1".parse().unwrap());
        assert!((0..3).all(|_| say().is_ok()));
        let half = Duration::from_millis(500);
        let too_fast = TooFast {
            after: half,
            whose: Whose::Address,
        };
        assert_eq!(say(), Err(too_fast));
        clock.advance(half);
        assert_eq!((say(), say()), (Ok(()), Err(too_fast)));
        assert!(rates.take_of_address("192.0.2.2".parse().unwrap()).is_ok());
        assert!((0..99).all(|_| rates.take_of_address("::1".parse().unwrap()).is_ok()));
    }

    #[test]
    fn making_a_room_costs_more_and_never_more_than_a_bucket_holds() {
        let clock = FakeRelativeClock::default();
        let client = "192.0.2.1".parse().unwrap();
        let many = rates(&clock, |limits| limits.publish_burst = count(25));
        assert!((0..2).all(|_| many.take_for_a_room(client).is_ok()));
        let after = many.take_for_a_room(client).unwrap_err().after;
        assert_eq!(after, Duration::from_millis(2500));
        let few = rates(&clock, |limits| limits.publish_burst = count(3));
        assert!(few.take_of_address(client).is_ok() && few.take_for_a_room(client).is_ok());
        assert!(few.take_for_a_room(client).is_err());
        let one = rates(&clock, |limits| limits.publish_burst = count(1));
        assert!(one.take_of_address(client).is_ok() && one.take_for_a_room(client).is_ok());
    }

    #[test]
    fn a_room_is_one_bucket_for_all_who_are_limited() {
        let clock = FakeRelativeClock::default();
        let rates = rates(&clock, |limits| {
            limits.room_rate = Some(Rate::per_second(count(1)));
            limits.room_burst = count(2);
        });
        let say = |room: &str, client: &str| {
            rates.take_of_room(&RoomName::parse(room).unwrap(), client.parse().unwrap())
        };
        assert!(say("a", "192.0.2.1").is_ok() && say("a", "192.0.2.2").is_ok());
        assert_eq!(say("a", "192.0.2.3").unwrap_err().whose, Whose::Room);
        assert!(say("b", "192.0.2.3").is_ok() && say("a", "127.0.0.1").is_ok());
    }

    #[test]
    fn a_million_addresses_make_no_larger_table() {
        let clock = FakeRelativeClock::default();
        let rates = rates(&clock, |_| {});
        for address in 0..1_000_000u32 {
            // Whether one of them shares a slot with others does not matter here.
            let _ = rates.take_of_address(IpAddr::from((0x0B00_0000 + address).to_be_bytes()));
        }
        assert!(rates.addresses.as_ref().unwrap().len() <= 1 << 16);
    }
}
