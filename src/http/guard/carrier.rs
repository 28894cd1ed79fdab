//! What carries connections and streams: a version of HTTP, in clear or under TLS; and
//! how many each carries.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::config::Scheme;

/// What carries a connection or a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Carrier {
    pub(super) is_http2: bool,
    pub(super) scheme: Scheme,
}

impl Carrier {
    const ALL: [Self; 4] = [
        Self::new(false, Scheme::Http),
        Self::new(false, Scheme::Https),
        Self::new(true, Scheme::Http),
        Self::new(true, Scheme::Https),
    ];

    pub(super) const fn new(is_http2: bool, scheme: Scheme) -> Self {
        Self { is_http2, scheme }
    }

    /// Its labels in `/metrics`.
    pub(crate) fn labels(self) -> [(&'static str, &'static str); 2] {
        let protocol = match self.is_http2 {
            false => "http1",
            true => "http2",
        };
        [("protocol", protocol), ("scheme", self.scheme.as_str())]
    }

    fn index(self) -> usize {
        2 * usize::from(self.is_http2) + usize::from(self.scheme == Scheme::Https)
    }
}

/// How many each carrier has.
#[derive(Debug, Default)]
pub(super) struct CarrierCounts([AtomicUsize; Carrier::ALL.len()]);

impl CarrierCounts {
    /// Moves one from `from` to `to`; `None` is not counted.
    pub(super) fn change(&self, from: Option<Carrier>, to: Option<Carrier>) {
        if let Some(to) = to {
            self.0[to.index()].fetch_add(1, Ordering::Relaxed);
        }
        if let Some(from) = from {
            self.0[from.index()].fetch_sub(1, Ordering::Relaxed);
        }
    }

    pub(super) fn all(&self) -> impl Iterator<Item = (Carrier, usize)> {
        let count = |carrier: Carrier| self.0[carrier.index()].load(Ordering::Relaxed);
        Carrier::ALL
            .into_iter()
            .map(move |carrier| (carrier, count(carrier)))
    }
}
