//! How much of the memory for large heads (`--head-budget`) one address may
//! have. Without a share of its own, one address could hold all of it for as
//! long as it likes, with streams that stay with hyper or heads that do not end.

use std::sync::Arc;

use super::Caller;
use super::admission::{Admission, Refused};
use super::network::Network;
use crate::config::Access;

/// What a connection has drawn of the share of its address; given back when it
/// is dropped.
#[derive(Debug, Default)]
pub struct HeadShare {
    /// `None` where nothing is counted for the address.
    of: Option<(Arc<Admission>, Network)>,
    bytes: usize,
}

impl HeadShare {
    /// Draws `bytes` more.
    ///
    /// # Errors
    ///
    /// [`Refused::Address`] when the address, or a block around it, would have
    /// more than its share.
    pub fn draw(&mut self, bytes: usize) -> Result<(), Refused> {
        let Some((admission, network)) = &self.of else {
            return Ok(());
        };
        let limits = &admission.limits;
        admission.take(
            *network,
            |block, held| held.head_bytes + bytes <= limits.of_block(block, limits.head_share()),
            |held| held.head_bytes += bytes,
        )?;
        self.bytes += bytes;
        Ok(())
    }
}

impl Drop for HeadShare {
    fn drop(&mut self) {
        let bytes = self.bytes;
        if let Some((admission, network)) = self.of.take()
            && bytes > 0
        {
            admission.give_back(network, |held| held.head_bytes -= bytes);
        }
    }
}

impl Admission {
    /// The share of `caller`, of which its connection has drawn nothing yet. A
    /// trusted proxy has none: the head that would say for whom it asks is not
    /// read yet.
    pub fn head_share(self: &Arc<Self>, caller: &Caller, access: &Access) -> HeadShare {
        let is_counted = self.limits.concerns(caller.peer) && !caller.is_trusted(access);
        let of = is_counted.then(|| (Arc::clone(self), Network::of(caller.peer)));
        HeadShare { of, bytes: 0 }
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;
    use crate::config::Limits;

    const KIB: usize = 1024;

    /// One of 80 KiB for each address, of a budget of 256 KiB.
    fn admission(limit_loopback: bool) -> Arc<Admission> {
        Admission::new(Limits {
            head_budget: 256 * KIB,
            max_head_bytes: 80 * KIB,
            limit_loopback,
            ..Limits::default()
        })
    }

    fn share(admission: &Arc<Admission>, peer: &str) -> HeadShare {
        let access = Access {
            trusted_proxies: vec!["192.0.2.99/32".parse().unwrap()],
            ..Access::default()
        };
        let socket = SocketAddr::new(peer.parse().unwrap(), 1);
        admission.head_share(&Caller::new(socket, socket, None), &access)
    }

    #[test]
    fn an_address_has_one_share_and_gets_back_what_its_heads_held() {
        let admission = admission(false);
        let mut shares = [
            share(&admission, "192.0.2.1"),
            share(&admission, "192.0.2.1"),
        ];
        shares[0].draw(64 * KIB).unwrap();
        shares[1].draw(16 * KIB).unwrap();
        assert_eq!(shares[1].draw(1), Err(Refused::Address));
        share(&admission, "192.0.2.2").draw(80 * KIB).unwrap();
        let [first, mut second] = shares;
        drop(first);
        second.draw(64 * KIB).unwrap();
        assert_eq!(second.draw(1), Err(Refused::Address));
    }

    #[test]
    fn a_slash_56_has_four_shares() {
        let admission = admission(false);
        let mut shares: Vec<HeadShare> = (0..5)
            .map(|subnet| share(&admission, &format!("2001:db8:0:{subnet}::1")))
            .collect();
        let drawn = shares.iter_mut().map(|share| share.draw(80 * KIB).is_ok());
        assert_eq!(drawn.filter(|is_drawn| *is_drawn).count(), 4);
    }

    #[test]
    fn this_machine_and_a_trusted_proxy_have_no_share() {
        let free = admission(false);
        for peer in ["127.0.0.1", "192.0.2.99"] {
            share(&free, peer).draw(1 << 30).unwrap();
        }
        let limited = admission(true);
        assert!(share(&limited, "127.0.0.1").draw(80 * KIB + 1).is_err());
    }

    #[test]
    fn one_head_fits_into_a_share_and_eight_shares_into_a_budget() {
        let limits = Limits::default();
        assert_eq!(limits.head_share() * 8, limits.head_budget);
        let small = Limits {
            head_budget: limits.max_head_bytes,
            ..limits
        };
        assert_eq!(small.head_share(), small.max_head_bytes);
    }
}
