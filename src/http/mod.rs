//! The hyper service: a request in, a response out. It never touches a socket.
//!
//! [`answer`] is the one list of what happens to a request; the other files
//! are its endpoints and what they read and write.

mod access_log;
mod app;
mod bad_head;
mod body;
mod busy;
mod counts;
mod demo;
mod draining;
mod error_page;
mod events;
mod format;
mod guard;
mod handoff;
mod histogram;
mod history;
mod input;
mod members;
mod messages;
mod page;
mod problem;
#[cfg(any(fuzzing, test))]
pub(crate) mod properties;
mod publish;
mod quality;
mod request_body;
mod robots;
mod room_pages;
mod route;
mod service;
mod status;
mod stream;

pub use access_log::{ACCESS_LOG, AccessEntry};
pub use app::App;
pub use bad_head::{BadHead, MAX_HEADER_FIELDS};
pub use body::{Body, PIECE_BYTES, Reply};
pub use counts::Counts;
pub use draining::Draining;
pub use guard::{
    Admission, Caller, ConnectionPermit, HeadShare, Refused, StreamPermit, is_allowed,
};
pub use handoff::{StreamGuard, StreamHandoff};
pub use histogram::{BUCKETS, Histogram, Times};
pub use request_body::{BodyLeft, RequestBody};
pub use service::answer;
pub use stream::{MAX_WRITE_BYTES, bye};
