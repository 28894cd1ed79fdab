//! The checks before a request is answered: client address, host, origin, and
//! the limits by address. None of them touches a socket.

mod admission;
mod buckets;
mod caller;
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

pub(super) use self::admission::RequestPermit;
pub use self::admission::{Admission, ConnectionPermit, Refused, StreamPermit};
pub use self::caller::Caller;
pub(super) use self::cors::CorsGrant;
pub use self::head_share::HeadShare;
pub use self::host::is_allowed;
pub(super) use self::host::{InvalidHost, check_host};
pub(super) use self::origin::{CrossOrigin, Origins};
pub(super) use self::rates::{RateExceeded, RateKind, Rates};
pub(super) use self::replays::ReplayBudgets;
