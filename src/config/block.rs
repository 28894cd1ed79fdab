//! The blocks of addresses that a limit by address holds for, and how much
//! more the wider ones get.

use std::num::NonZeroU32;

/// What a /56 of IPv6 gets, in multiples of what an address gets. A /56 is what
/// RIPE-690 proposes for a home: more than one /64's share, since some
/// providers give a /64 to each customer, but no 256 shares.
pub const DEFAULT_IPV6_56_FACTOR: NonZeroU32 = NonZeroU32::new(4).unwrap();
/// What a /48 of IPv6 gets: the largest block that one site is given (RFC 6177,
/// RIPE-690). With the other defaults it has a sixth of all connections, and
/// publishes less than one room takes.
pub const DEFAULT_IPV6_48_FACTOR: NonZeroU32 = NonZeroU32::new(8).unwrap();

/// A block of addresses that has limits of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Block {
    /// One address of IPv4, or one /64 of IPv6.
    Address,
    /// A /56 of IPv6.
    Slash56,
    /// A /48 of IPv6.
    Slash48,
}

impl Block {
    /// All of them, the narrowest first.
    pub const ALL: [Self; 3] = [Self::Address, Self::Slash56, Self::Slash48];
}
