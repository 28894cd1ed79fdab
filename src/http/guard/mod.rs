//! The checks of a request before it is answered: its address, host, origin,
//! and the limits by address. None of it touches a socket.

mod admission;
mod caller;
mod forwarded;
mod head_share;
mod held;
mod host;
mod network;
mod origin;
#[cfg(any(fuzzing, test))]
pub(super) mod properties;
mod rates;
mod replays;

pub(super) use self::admission::RequestPermit;
pub use self::admission::{Admission, ConnectionPermit, Refused, StreamPermit};
pub use self::caller::Caller;
pub use self::head_share::HeadShare;
pub(super) use self::host::check_host;
pub use self::host::is_allowed;
pub(super) use self::origin::{Grant, Origins};
pub(super) use self::rates::{Rates, TooFast, Whose};
pub(super) use self::replays::Replays;
