//! Blocks of addresses that limits apply to, and the factors of the wider ones.

use std::num::NonZeroU32;

/// The share of an IPv6 /56, in multiples of an address's. A /56 is what RIPE-690
/// proposes for a home: more than one share, since some providers give a /64 to
/// each customer, but not 256.
pub const DEFAULT_IPV6_56_FACTOR: NonZeroU32 = NonZeroU32::new(4).unwrap();
/// The share of an IPv6 /48, the largest block of one site (RFC 6177, RIPE-690).
/// With the other defaults it has a sixth of all connections, and publishes less
/// than one room takes.
pub const DEFAULT_IPV6_48_FACTOR: NonZeroU32 = NonZeroU32::new(8).unwrap();

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
