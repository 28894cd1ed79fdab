//! What counts as one address: of IPv6 a /64, which is what one customer gets
//! and may choose any address of.

use std::net::IpAddr;
use std::num::NonZeroU64;

/// One address of IPv4, or one /64 of IPv6. As each reader has two of them, it
/// is no larger than it must be, and `None` takes no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Network(NonZeroU64);

/// Where addresses of IPv4 are among the /64s: in a part of multicast, from
/// which nobody can call (RFC 4291, section 2.7).
const IPV4: u64 = 0xffff_ffff_0000_0000;
const NOBODY: NonZeroU64 = NonZeroU64::new(IPV4).expect("it is not zero");

impl Network {
    /// The one that `address` is of. An address of IPv4 in IPv6's clothes is
    /// that of IPv4.
    pub(super) fn of(address: IpAddr) -> Self {
        let bits = match address.to_canonical() {
            IpAddr::V4(ip) => IPV4 | u64::from(ip.to_bits()),
            IpAddr::V6(ip) => (ip.to_bits() >> 64) as u64,
        };
        // ::/64 is this machine (::1) and nobody else; so is 0.0.0.0.
        Self(NonZeroU64::new(bits).unwrap_or(NOBODY))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_customer_of_ipv6_is_one_address_whichever_of_its_own_it_uses() {
        let of = |text: &str| Network::of(text.parse().unwrap());
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::2"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
        assert_ne!(of("::1"), of("127.0.0.1"));
        assert_ne!(of("::1"), of("2001:db8::1"));
        assert_eq!(size_of::<Option<Network>>(), 8);
    }
}
