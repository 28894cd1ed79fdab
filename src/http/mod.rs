//! The hyper service: a request in, a response out. It never touches a socket.
//!
//! `service` has the entry point, `answer`, which checks a request and calls its
//! endpoint; `route` has the paths. The other files are endpoints, limits, and the
//! types of requests and responses.

mod access_log;
mod acme;
mod app;
mod authenticator;
mod bad_head;
mod bans;
mod body;
mod busy;
mod change;
mod close;
#[cfg(feature = "tokens")]
mod credentials;
mod demo;
mod draining;
mod error_page;
mod events;
mod format;
mod guard;
mod handoff;
mod history;
mod history_body;
mod https;
mod input;
mod language;
mod page;
mod permission;
mod problem;
#[cfg(any(fuzzing, test))]
pub(crate) mod properties;
mod publish;
mod quality;
mod reply;
mod request_body;
mod request_counters;
mod room_list;
mod route;
mod service;
#[cfg(feature = "tokens")]
mod session;
#[cfg(feature = "tokens")]
mod shared_tickets;
mod stream;
#[cfg(feature = "tokens")]
mod tickets;
mod typing;

#[cfg(feature = "cli")]
pub(crate) use access_log::ACCESS_LOG;
pub(crate) use access_log::truncated;
pub use app::App;
pub(crate) use bad_head::{BadHead, MAX_HEADER_FIELDS};
pub(crate) use body::Body;
pub use guard::Admission;
pub(crate) use guard::{Caller, Carrier, ConnectionPermit, HeadShare, is_allowed};
pub(crate) use handoff::{StreamGuard, StreamHandoff};
pub(crate) use history_body::PIECE_BYTES;
pub(crate) use reply::Reply;
pub(crate) use request_body::{BodyLeft, RequestBody};
pub(crate) use request_counters::{LATENCY_BUCKETS, LabeledCounters, RequestCounters, labeled};
pub(crate) use service::answer;
pub use stream::{MAX_WRITE_BYTES, bye};
