//! The share of the head budget (`--head-budget`) of one address. Without it one
//! address could hold the whole budget for any time, with streams that stay with
//! hyper or with heads that do not end.

use std::sync::Arc;

use super::admission::{Admission, Refused};
use super::caller::Caller;
use super::network::Network;
use crate::config::Access;

/// The bytes that a connection has drawn from the share of its address, returned
/// when it is dropped.
#[derive(Debug, Default)]
pub(crate) struct HeadShare {
    /// `None` for an address without limits.
    of: Option<(Arc<Admission>, Network)>,
    bytes: usize,
}

impl HeadShare {
    /// Draws `bytes` more for the connection.
    ///
    /// # Errors
    ///
    /// [`Refused::Address`] when the address, or a block around it, would exceed
    /// its share.
    pub(crate) fn draw(&mut self, bytes: usize) -> Result<(), Refused> {
        let Some((admission, network)) = &self.of else {
            return Ok(());
        };
        let limits = &admission.limits;
        admission.charge(
            *network,
            |block, usage| usage.head_bytes + bytes <= limits.of_block(block, limits.head_share()),
            |usage| usage.head_bytes += bytes,
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
            admission.release(network, |usage| usage.head_bytes -= bytes);
        }
    }
}

impl Admission {
    /// An unused share of `caller`. A trusted proxy has no limit: its client is
    /// known only when the head has been read.
    pub(crate) fn head_share(self: &Arc<Self>, caller: &Caller, access: &Access) -> HeadShare {
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

    /// A budget of 256 KiB, with a share of 80 KiB for each address.
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
    fn an_address_has_one_share_and_dropped_heads_return_theirs() {
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
