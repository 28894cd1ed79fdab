//! Client addresses as limits count them, and the IPv6 blocks around them.
//!
//! A customer with IPv6 has many addresses, and mostly more than one /64:
//! providers are asked to give each site a /56 or a /48 (RFC 6177, RIPE-690), and
//! some give a /64 to each phone or server. As no prefix length is "one
//! customer", each limit by address applies to the /64, and a multiple of it to
//! the /56 and the /48 around it (`Limits::of_block`).

use std::net::IpAddr;
use std::num::NonZeroU64;

use crate::config::Block;

/// One IPv4 address, or one IPv6 /64. Each reader holds two of them, a member
/// three, so `Option<Network>` has 8 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Network(NonZeroU64);

/// The /64s that stand for IPv4 addresses: a part of multicast, from which no
/// connection can come (RFC 4291, section 2.7).
const IPV4: u64 = 0xffff_ffff_0000_0000;
const UNSPECIFIED: NonZeroU64 = NonZeroU64::new(IPV4).expect("it is not zero");

impl Network {
    /// The network of `address`. An IPv4-mapped address counts as IPv4.
    pub(super) fn of(address: IpAddr) -> Self {
        let bits = match address.to_canonical() {
            IpAddr::V4(ip) => IPV4 | u64::from(ip.to_bits()),
            IpAddr::V6(ip) => (ip.to_bits() >> 64) as u64,
        };
        // ::/64 holds only ::1 and the unspecified address.
        Self(NonZeroU64::new(bits).unwrap_or(UNSPECIFIED))
    }

    /// The blocks around it, the narrowest first, each with its prefix. An IPv4
    /// address has only its own.
    pub(super) fn blocks(self) -> impl Iterator<Item = (Block, u64)> {
        let bits = self.0.get();
        let is_ipv4 = bits >= IPV4;
        let count = if is_ipv4 { 1 } else { Block::ALL.len() };
        Block::ALL.into_iter().take(count).map(move |block| {
            let width = match block {
                Block::Address => 0,
                Block::Slash56 => 8,
                Block::Slash48 => 16,
            };
            (block, bits >> width << width)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_addresses_of_a_slash_64_count_as_one() {
        let of = |text: &str| Network::of(text.parse().unwrap());
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::2"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
        assert_ne!(of("::1"), of("127.0.0.1"));
        assert_ne!(of("::1"), of("2001:db8::1"));
        assert_eq!(size_of::<Option<Network>>(), 8);
    }

    #[test]
    fn a_slash_64_lies_in_its_slash_56_and_its_slash_48() {
        let blocks = |text: &str| -> Vec<(Block, u64)> {
            Network::of(text.parse().unwrap()).blocks().collect()
        };
        let [address, site, wide] = blocks("2001:db8:1:2345::1")[..] else {
            panic!("there are three");
        };
        assert_eq!(address, (Block::Address, 0x2001_0db8_0001_2345));
        assert_eq!(site, (Block::Slash56, 0x2001_0db8_0001_2300));
        assert_eq!(wide, (Block::Slash48, 0x2001_0db8_0001_0000));
        // The first /64 of both blocks shares their bits, but not their kind.
        let first = blocks("2001:db8:1::");
        assert_eq!(first[2], wide);
        assert!(blocks("2001:db8:1:23ff::1")[1] == site && blocks("2001:db8:1:2400::")[1] != site);
        assert_eq!(blocks("192.0.2.1").len(), 1);
        assert_eq!(blocks("255.255.255.255").len(), 1);
        assert_eq!(blocks("::ffff:192.0.2.1"), blocks("192.0.2.1"));
    }
}
