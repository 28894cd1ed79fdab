//! The checks before a request is answered: client address, host, origin, and
//! the limits by address. None of them touches a socket.

mod admission;
mod buckets;
mod caller;
mod carrier;
mod cors;
mod forwarded;
mod head_share;
mod host;
mod network;
mod origin;
#[cfg(any(fuzzing, test))]
pub(super) mod properties;
mod rates;
mod replays;
mod usage;

pub use self::admission::Admission;
pub(super) use self::admission::RequestPermit;
pub(crate) use self::admission::{ConnectionPermit, Refused, StreamPermit};
pub(crate) use self::caller::Caller;
pub(crate) use self::carrier::Carrier;
pub(super) use self::cors::CorsGrant;
pub(crate) use self::head_share::HeadShare;
pub(crate) use self::host::is_allowed;
pub(super) use self::host::{InvalidHost, adopt_authority, check_host, host_of};
pub(super) use self::origin::{CrossOrigin, Origins};
pub(super) use self::rates::{RateExceeded, RateKind, Rates};
pub(super) use self::replays::ReplayBudgets;
