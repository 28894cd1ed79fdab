//! The limits of one server: connections, streams, messages, bytes and time. The
//! defaults suit a small public server. The values that they may have are checked
//! in `limits/checks.rs`.

mod checks;

use std::net::IpAddr;
use std::num::{NonZeroU32, NonZeroUsize};
use std::ops::RangeInclusive;
use std::time::Duration;

/// Connections in all; 10,000 idle readers need a few MiB, and as many open files.
pub const DEFAULT_MAX_CONNECTIONS: usize = 10_000;
/// Connections per address: a household, an office or a school behind one address.
pub const DEFAULT_MAX_CONNECTIONS_PER_ADDRESS: usize = 200;
/// The share of an IPv6 /56, in multiples of an address's. A /56 is what RIPE-690
/// proposes for a home: more than one share, since some providers give a /64 to
/// each customer, but not 256.
pub const DEFAULT_IPV6_56_FACTOR: NonZeroU32 = NonZeroU32::new(4).unwrap();
/// The share of an IPv6 /48, the largest block of one site (RFC 6177, RIPE-690).
/// With the other defaults it has a sixth of all connections, and publishes less
/// than one room takes.
pub const DEFAULT_IPV6_48_FACTOR: NonZeroU32 = NonZeroU32::new(8).unwrap();
/// Event streams in all: as many as there are connections, of which each has at least
/// one over HTTP/1.1, and may have many over HTTP/2 or through a proxy.
pub const DEFAULT_MAX_STREAMS: usize = 10_000;
/// Streams per address, which may share the connections of a proxy.
pub const DEFAULT_MAX_STREAMS_PER_ADDRESS: usize = 100;
/// Rooms that the streams of one address are in. A page is in a few; an address in
/// every possible room would keep others from making one.
pub const DEFAULT_MAX_ROOMS_PER_ADDRESS: usize = 1000;
/// Streams that one address may open per second.
pub const DEFAULT_STREAM_RATE: Rate = Rate::per_second(NonZeroU32::new(10).unwrap());
/// The burst of the same: all streams of an address, after a restart.
pub const DEFAULT_STREAM_BURST: NonZeroU32 = NonZeroU32::new(200).unwrap();
/// The time after which clients return to a full server, drawn for each from this range.
pub const DEFAULT_BUSY_RETRY: RangeInclusive<Duration> =
    Duration::from_secs(30)..=Duration::from_secs(60);
/// Requests of one address for history, members and the list of rooms: ten times
/// its publish rate. Publishing and streams have rates of their own; the page, its
/// files and probes have none.
pub const DEFAULT_REQUEST_RATE: Rate = Rate::per_second(NonZeroU32::new(50).unwrap());
/// The burst of the same: an office of 200 after a restart, each with the history
/// of a few rooms.
pub const DEFAULT_REQUEST_BURST: NonZeroU32 = NonZeroU32::new(1000).unwrap();
/// Members over all rooms; a stream of several rooms counts in each.
pub const DEFAULT_MAX_MEMBERS: usize = 100_000;
/// Most members of a room that shows which of them type: in a larger one the names
/// would change all the time.
pub const DEFAULT_MAX_TYPING_MEMBERS: usize = 50;
/// Bytes per second of presence per room, summed over its readers: about one
/// change per second with 10,000 readers.
pub const DEFAULT_PRESENCE_RATE: usize = 1 << 20;
/// The same over all rooms.
pub const DEFAULT_PRESENCE_RATE_TOTAL: usize = 8 << 20;
/// Messages that one address may publish.
pub const DEFAULT_PUBLISH_RATE: Rate = Rate::per_second(NonZeroU32::new(5).unwrap());
/// The burst of the same: an outbox after a tunnel.
pub const DEFAULT_PUBLISH_BURST: NonZeroU32 = NonZeroU32::new(60).unwrap();
/// Messages that may be published in one room: more than people can read.
pub const DEFAULT_ROOM_RATE: Rate = Rate::per_second(NonZeroU32::new(50).unwrap());
/// The burst of the same.
pub const DEFAULT_ROOM_BURST: NonZeroU32 = NonZeroU32::new(200).unwrap();
/// Bytes of replay per second and address: 20 addresses fill a line of 320 Mbit/s,
/// and a full room takes 2 s.
pub const DEFAULT_REPLAY_RATE: NonZeroUsize = NonZeroUsize::new(2 << 20).unwrap();
/// The burst of the same: eight full rooms, or 32 KiB for each of 1,000 readers
/// that reconnect together.
pub const DEFAULT_REPLAY_BURST: usize = 32 << 20;
/// The slowest replay rate; a slower replay might never catch up.
pub const MIN_REPLAY_RATE: usize = 1024;
/// Bytes of a request's head. The longest URL of the protocol fits: `/events` with
/// 100 rooms of 64 characters, each 12 bytes percent-encoded, is 77,400 bytes. The
/// rest is for the other fields.
pub const DEFAULT_MAX_HEAD_BYTES: usize = 80 * 1024;
/// Bytes of a head that every connection may have: any browser's, with room for
/// cookies of other sites on the host. More is drawn from the head budget.
pub const SMALL_HEAD_BYTES: usize = 16 * 1024;
/// Bytes of all heads together above [`SMALL_HEAD_BYTES`] each: 128 of the largest
/// at one time.
pub const DEFAULT_HEAD_BUDGET: usize = 8 << 20;
/// The number of addresses that can use up the head budget.
const HEAD_SHARES: usize = 8;
/// The smallest buffer in which hyper reads a head.
pub const MIN_HEAD_BYTES: usize = 8 * 1024;
/// The timeout of a new connection's first byte.
pub const DEFAULT_FIRST_BYTE_TIMEOUT: Duration = Duration::from_secs(10);
/// The timeout of a request's head, from its first byte.
pub const DEFAULT_HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// The timeout of a request's body.
pub const DEFAULT_BODY_TIMEOUT: Duration = Duration::from_secs(10);
/// The timeout of a client that takes a response, streams excepted.
pub const DEFAULT_ANSWER_TIMEOUT: Duration = Duration::from_secs(60);
/// How long a connection may wait for its next request.
pub const DEFAULT_IDLE_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a client may take no bytes that are sent to it.
pub const DEFAULT_STALL: Duration = Duration::from_secs(30);
/// The kernel's send buffer per connection, for slow clients; the kernel doubles
/// it for its own needs (socket(7)).
pub const DEFAULT_SEND_BUFFER: usize = 64 * 1024;
/// Connections that wait to be accepted.
pub const DEFAULT_ACCEPT_QUEUE: u32 = 4096;

/// A block of addresses with limits of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Block {
    /// One IPv4 address, or one IPv6 /64.
    Address,
    /// An IPv6 /56.
    Slash56,
    /// An IPv6 /48.
    Slash48,
}

impl Block {
    /// All blocks, the narrowest first.
    pub const ALL: [Self; 3] = [Self::Address, Self::Slash56, Self::Slash48];
}

/// A number of events per time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// The number.
    pub count: NonZeroU32,
    /// The time.
    pub per: Duration,
}

impl Rate {
    /// At most `count` per second.
    pub const fn per_second(count: NonZeroU32) -> Self {
        Self {
            count,
            per: Duration::from_secs(1),
        }
    }
}

/// The limits by address, which exempt this machine by default, and the limits
/// over all clients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Most connections in all.
    pub max_connections: usize,
    /// Most connections of one address (of IPv6, one /64).
    pub max_connections_per_address: usize,
    /// The share of an IPv6 /56, in multiples of an address's, for every limit by
    /// address.
    pub ipv6_56_factor: NonZeroU32,
    /// The same for a /48.
    pub ipv6_48_factor: NonZeroU32,
    /// Most event streams in all, over every transport.
    pub max_streams: usize,
    /// Most streams per address.
    pub max_streams_per_address: usize,
    /// Most rooms of the streams of one address, each counted once per stream.
    pub max_rooms_per_address: usize,
    /// Requests per address that neither publish nor open a stream; `None` without
    /// limit.
    pub request_rate: Option<Rate>,
    /// The burst of the same.
    pub request_burst: NonZeroU32,
    /// Streams that one address may open; `None` without limit.
    pub stream_rate: Option<Rate>,
    /// The burst of the same.
    pub stream_burst: NonZeroU32,
    /// The range of the `retry` of streams that find the server full.
    pub busy_retry: RangeInclusive<Duration>,
    /// Most members over all rooms.
    pub max_members: usize,
    /// Most members of a room that shows which of them type; 0 for none.
    pub max_typing_members: usize,
    /// Bytes per second of presence per room, summed over its readers.
    pub presence_rate: usize,
    /// The same over all rooms.
    pub presence_rate_total: usize,
    /// Messages that one address may publish; `None` without limit.
    pub publish_rate: Option<Rate>,
    /// The burst of the same.
    pub publish_burst: NonZeroU32,
    /// Messages that may be published in one room; `None` without limit.
    pub room_rate: Option<Rate>,
    /// The burst of the same.
    pub room_burst: NonZeroU32,
    /// Bytes of replay per second and address, history pages included; `None`
    /// without limit.
    pub replay_rate: Option<NonZeroUsize>,
    /// The burst of the same.
    pub replay_burst: usize,
    /// Whether the limits by address apply to clients on this machine.
    pub limit_loopback: bool,
    /// Most bytes of a request's head.
    pub max_head_bytes: usize,
    /// Most bytes of all heads together, of each the part above
    /// [`SMALL_HEAD_BYTES`].
    pub head_budget: usize,
    /// Most bytes of a request's body; `None` for what the largest message needs.
    pub max_body_bytes: Option<usize>,
    /// The timeout of a new connection's first byte.
    pub first_byte_timeout: Duration,
    /// The timeout of a request's head, from its first byte.
    pub head_timeout: Duration,
    /// The timeout of a request's body.
    pub body_timeout: Duration,
    /// The timeout of a client that takes a response, streams excepted.
    pub answer_timeout: Duration,
    /// How long a connection may wait for its next request.
    pub idle_timeout: Duration,
    /// How long a client may take no bytes that are sent to it before its
    /// connection closes.
    pub stall: Duration,
    /// The kernel's send buffer per connection; 0 for the system's default.
    pub send_buffer: usize,
    /// Connections that wait to be accepted; the kernel may lower it.
    pub accept_queue: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_connections: DEFAULT_MAX_CONNECTIONS,
            max_connections_per_address: DEFAULT_MAX_CONNECTIONS_PER_ADDRESS,
            ipv6_56_factor: DEFAULT_IPV6_56_FACTOR,
            ipv6_48_factor: DEFAULT_IPV6_48_FACTOR,
            max_streams: DEFAULT_MAX_STREAMS,
            max_streams_per_address: DEFAULT_MAX_STREAMS_PER_ADDRESS,
            max_rooms_per_address: DEFAULT_MAX_ROOMS_PER_ADDRESS,
            request_rate: Some(DEFAULT_REQUEST_RATE),
            request_burst: DEFAULT_REQUEST_BURST,
            stream_rate: Some(DEFAULT_STREAM_RATE),
            stream_burst: DEFAULT_STREAM_BURST,
            busy_retry: DEFAULT_BUSY_RETRY,
            max_members: DEFAULT_MAX_MEMBERS,
            max_typing_members: DEFAULT_MAX_TYPING_MEMBERS,
            presence_rate: DEFAULT_PRESENCE_RATE,
            presence_rate_total: DEFAULT_PRESENCE_RATE_TOTAL,
            publish_rate: Some(DEFAULT_PUBLISH_RATE),
            publish_burst: DEFAULT_PUBLISH_BURST,
            room_rate: Some(DEFAULT_ROOM_RATE),
            room_burst: DEFAULT_ROOM_BURST,
            replay_rate: Some(DEFAULT_REPLAY_RATE),
            replay_burst: DEFAULT_REPLAY_BURST,
            limit_loopback: false,
            max_head_bytes: DEFAULT_MAX_HEAD_BYTES,
            head_budget: DEFAULT_HEAD_BUDGET,
            max_body_bytes: None,
            first_byte_timeout: DEFAULT_FIRST_BYTE_TIMEOUT,
            head_timeout: DEFAULT_HEAD_TIMEOUT,
            body_timeout: DEFAULT_BODY_TIMEOUT,
            answer_timeout: DEFAULT_ANSWER_TIMEOUT,
            idle_timeout: DEFAULT_IDLE_TIMEOUT,
            stall: DEFAULT_STALL,
            send_buffer: DEFAULT_SEND_BUFFER,
            accept_queue: DEFAULT_ACCEPT_QUEUE,
        }
    }
}

impl Limits {
    /// Whether the limits by address apply to `address`.
    pub fn concerns(&self, address: IpAddr) -> bool {
        self.limit_loopback || !address.is_loopback()
    }

    /// The factor of a block of addresses.
    pub fn factor_of(&self, block: Block) -> NonZeroU32 {
        match block {
            Block::Address => NonZeroU32::MIN,
            Block::Slash56 => self.ipv6_56_factor,
            Block::Slash48 => self.ipv6_48_factor,
        }
    }

    /// The limit of a block of addresses where one address has `most`.
    pub fn of_block(&self, block: Block, most: usize) -> usize {
        most.saturating_mul(self.factor_of(block).get() as usize)
    }

    /// The part of [`Self::head_budget`] that one address may draw: an eighth, and
    /// at least one whole head.
    pub fn head_share(&self) -> usize {
        (self.head_budget / HEAD_SHARES).max(self.max_head_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_default_one_slash_48_can_neither_fill_the_server_nor_a_room() {
        let limits = Limits::default();
        let wide = |most| limits.of_block(Block::Slash48, most);
        assert!(wide(limits.max_connections_per_address) * 5 < limits.max_connections);
        let rate = |rate: Option<Rate>| rate.unwrap().count.get() as usize;
        assert!(wide(rate(limits.publish_rate)) < rate(limits.room_rate));
        assert_eq!(limits.of_block(Block::Address, 7), 7);
        assert_eq!(limits.of_block(Block::Slash56, 7), 28);
        assert_eq!(limits.of_block(Block::Slash48, usize::MAX), usize::MAX);
    }

    #[test]
    fn this_machine_is_limited_on_request() {
        let mut limits = Limits::default();
        let (here, there) = ("127.9.9.9".parse().unwrap(), "192.0.2.1".parse().unwrap());
        assert!(!limits.concerns(here) && limits.concerns(there));
        limits.limit_loopback = true;
        assert!(limits.concerns(here) && limits.concerns(there));
    }
}
