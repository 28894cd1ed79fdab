//! The rates of publishing, opening streams and sending other requests, by address,
//! and of publishing by room. The token buckets are in `buckets`.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use super::buckets::{AddressBuckets, BucketTable};
use crate::config::Limits;
use crate::protocol::RoomName;

/// The first message of a room costs this many messages more.
const ROOM_COST: NonZeroU32 = NonZeroU32::new(10).unwrap();

/// A rate is exceeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct RateExceeded {
    /// The time until a retry can succeed.
    pub(in super::super) after: Duration,
    /// The rate that is exceeded.
    pub(in super::super) kind: RateKind,
}

/// The rates of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum RateKind {
    /// Messages of an address.
    Address,
    /// Messages in a room.
    Room,
    /// Streams that an address opens.
    Streams,
    /// Other requests of an address.
    Requests,
}

impl RateKind {
    /// All of them, in their order.
    const ALL: [Self; 4] = [Self::Address, Self::Room, Self::Streams, Self::Requests];

    /// The `rate` label in metrics.
    fn as_str(self) -> &'static str {
        match self {
            Self::Address => "publish",
            Self::Room => "room",
            Self::Streams => "stream",
            Self::Requests => "request",
        }
    }
}

/// The rates of a server.
#[derive(Debug)]
pub(in super::super) struct Rates {
    limits: Limits,
    /// The times of the buckets count from here.
    begun: Instant,
    requests: AddressBuckets,
    messages: AddressBuckets,
    streams: AddressBuckets,
    rooms: Option<BucketTable>,
    /// How often each rate refused a request.
    limited: [AtomicU64; RateKind::ALL.len()],
}

impl Rates {
    pub(in super::super) fn new(limits: &Limits) -> Self {
        let by_address = |rate, burst| AddressBuckets::new(rate, burst, limits);
        let by_room = |rate| BucketTable::new(rate, limits.room_burst);
        Self {
            requests: by_address(limits.request_rate, limits.request_burst),
            messages: by_address(limits.publish_rate, limits.publish_burst),
            streams: by_address(limits.stream_rate, limits.stream_burst),
            rooms: limits.room_rate.and_then(by_room),
            limits: limits.clone(),
            begun: Instant::now(),
            limited: Default::default(),
        }
    }

    /// Each rate with how often it refused a request.
    pub(in super::super) fn limited(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let named = RateKind::ALL.iter().zip(&self.limited);
        named.map(|(kind, count)| (kind.as_str(), count.load(Ordering::Relaxed)))
    }

    /// A request of `client` that neither publishes nor opens a stream.
    pub(in super::super) fn take_request(&self, client: IpAddr) -> Result<(), RateExceeded> {
        self.take(&self.requests, client, NonZeroU32::MIN, RateKind::Requests)
    }

    /// `client` publishes.
    pub(in super::super) fn take_message(&self, client: IpAddr) -> Result<(), RateExceeded> {
        self.take(&self.messages, client, NonZeroU32::MIN, RateKind::Address)
    }

    /// `client` publishes the first message of a room. The room is then kept for
    /// a while, and the cost stops one address from filling the server with such
    /// rooms.
    pub(in super::super) fn take_room_creation(&self, client: IpAddr) -> Result<(), RateExceeded> {
        // The message itself is already charged. A charge above the burst less one
        // could never succeed.
        match NonZeroU32::new(self.limits.publish_burst.get() - 1) {
            Some(most) => self.take(
                &self.messages,
                client,
                ROOM_COST.min(most),
                RateKind::Address,
            ),
            None => Ok(()),
        }
    }

    /// `client` opens a stream.
    pub(in super::super) fn take_stream(&self, client: IpAddr) -> Result<(), RateExceeded> {
        self.take(&self.streams, client, NonZeroU32::MIN, RateKind::Streams)
    }

    /// `client` publishes in `room`.
    pub(in super::super) fn take_room_message(
        &self,
        room: &RoomName,
        client: IpAddr,
    ) -> Result<(), RateExceeded> {
        match (&self.rooms, self.limits.concerns(client)) {
            (Some(table), true) => {
                let taken = table.take(room, NonZeroU32::MIN, self.begun.elapsed());
                taken.map_err(|after| self.exceeded(after, RateKind::Room))
            }
            _ => Ok(()),
        }
    }

    fn take(
        &self,
        buckets: &AddressBuckets,
        client: IpAddr,
        count: NonZeroU32,
        kind: RateKind,
    ) -> Result<(), RateExceeded> {
        if !self.limits.concerns(client) {
            return Ok(());
        }
        let taken = buckets.take(client, count, self.begun.elapsed());
        taken.map_err(|after| self.exceeded(after, kind))
    }

    fn exceeded(&self, after: Duration, kind: RateKind) -> RateExceeded {
        self.limited[kind as usize].fetch_add(1, Ordering::Relaxed);
        RateExceeded { after, kind }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Block, Rate};

    fn count(count: u32) -> NonZeroU32 {
        NonZeroU32::new(count).unwrap()
    }

    fn rates(change: impl FnOnce(&mut Limits)) -> Rates {
        let mut limits = Limits {
            publish_rate: Some(Rate::per_second(count(2))),
            publish_burst: count(3),
            room_rate: None,
            ..Limits::default()
        };
        change(&mut limits);
        Rates::new(&limits)
    }

    #[tokio::test(start_paused = true)]
    async fn a_burst_passes_and_then_the_rate_holds() {
        let rates = rates(|_| {});
        let say = || rates.take_message("192.0.2.1".parse().unwrap());
        assert!((0..3).all(|_| say().is_ok()));
        let half = Duration::from_millis(500);
        let exceeded = RateExceeded {
            after: half,
            kind: RateKind::Address,
        };
        assert_eq!(say(), Err(exceeded));
        tokio::time::advance(half).await;
        assert_eq!((say(), say()), (Ok(()), Err(exceeded)));
        assert!(rates.take_message("192.0.2.2".parse().unwrap()).is_ok());
        assert!((0..99).all(|_| rates.take_message("::1".parse().unwrap()).is_ok()));
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_message_of_a_room_costs_more_but_never_more_than_the_burst() {
        let client = "192.0.2.1".parse().unwrap();
        let many = rates(|limits| limits.publish_burst = count(25));
        assert!((0..2).all(|_| many.take_room_creation(client).is_ok()));
        let after = many.take_room_creation(client).unwrap_err().after;
        assert_eq!(after, Duration::from_millis(2500));
        let few = rates(|limits| limits.publish_burst = count(3));
        assert!(few.take_message(client).is_ok() && few.take_room_creation(client).is_ok());
        assert!(few.take_room_creation(client).is_err());
        let one = rates(|limits| limits.publish_burst = count(1));
        assert!(one.take_message(client).is_ok() && one.take_room_creation(client).is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_room_has_one_bucket_for_all_limited_clients() {
        let rates = rates(|limits| {
            limits.room_rate = Some(Rate::per_second(count(1)));
            limits.room_burst = count(2);
        });
        let say = |room: &str, client: &str| {
            rates.take_room_message(&RoomName::parse(room).unwrap(), client.parse().unwrap())
        };
        assert!(say("a", "192.0.2.1").is_ok() && say("a", "192.0.2.2").is_ok());
        assert_eq!(say("a", "192.0.2.3").unwrap_err().kind, RateKind::Room);
        assert!(say("b", "192.0.2.3").is_ok() && say("a", "127.0.0.1").is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_million_addresses_do_not_grow_the_table() {
        let rates = rates(|_| {});
        for address in 0..1_000_000u32 {
            // Two of them may share a slot.
            let _ = rates.take_message(IpAddr::from((0x0B00_0000 + address).to_be_bytes()));
        }
        assert!(rates.messages.len(Block::Address) <= 1 << 16);
    }

    #[tokio::test(start_paused = true)]
    async fn a_million_slash_48s_do_not_grow_the_table() {
        let rates = rates(|_| {});
        for block in 0..1_000_000u128 {
            let address = (0x2000_u128 << 112) + (block << 80);
            let _ = rates.take_message(IpAddr::from(address.to_be_bytes()));
        }
        let len = |block| rates.messages.len(block);
        assert!(len(Block::Address) <= 1 << 16);
        assert!(len(Block::Slash56) <= 1 << 14 && len(Block::Slash48) <= 1 << 14);
    }

    #[tokio::test(start_paused = true)]
    async fn a_slash_56_and_a_slash_48_have_a_multiple_of_an_address_s_rate() {
        let rates = rates(|limits| {
            limits.ipv6_56_factor = count(2);
            limits.ipv6_48_factor = count(3);
        });
        let publish = |address: &str| rates.take_message(address.parse().unwrap());
        let burst = |address: &str| (0..9).take_while(|_| publish(address).is_ok()).count();
        // The burst of an address is 3. The /56 of both gives 6 in all.
        assert_eq!(burst("2001:db8:1:2300::1"), 3);
        assert_eq!(burst("2001:db8:1:2301::1"), 3);
        assert_eq!(burst("2001:db8:1:2302::1"), 0);
        // Another /56 of the same /48, which gives 9 in all.
        assert_eq!(burst("2001:db8:1:4500::1"), 3);
        assert_eq!(burst("2001:db8:1:6700::1"), 0);
        assert_eq!(burst("2001:db8:2::1"), 3);
        // At two a second, a /48 gets six.
        tokio::time::advance(Duration::from_millis(170)).await;
        assert!(publish("2001:db8:1:8900::1").is_ok());
        assert!(publish("2001:db8:1:8901::1").is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_from_one_address_leaves_its_neighbours_their_share() {
        let rates = rates(|_| {});
        let publish = |address: &str| rates.take_message(address.parse().unwrap());
        for _ in 0..1000 {
            let _ = publish("2001:db8:1:2300::1");
        }
        assert!(publish("2001:db8:1:2301::1").is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn requests_have_a_bucket_of_their_own() {
        let rates = rates(|limits| {
            limits.request_rate = Some(Rate::per_second(count(1)));
            limits.request_burst = count(2);
        });
        let client = "192.0.2.1".parse().unwrap();
        let ask = || rates.take_request(client);
        assert!(ask().is_ok() && ask().is_ok());
        assert_eq!(ask().unwrap_err().kind, RateKind::Requests);
        assert!(
            rates
                .limited()
                .eq([("publish", 0), ("room", 0), ("stream", 0), ("request", 1)])
        );
        assert!(rates.take_message(client).is_ok());
        assert!((0..9).all(|_| rates.take_request("::1".parse().unwrap()).is_ok()));
    }
}
