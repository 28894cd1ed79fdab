//! Sockets: listening, connections, the fan-out, a graceful shutdown, metrics.
//! What a request means is in `http`.
//!
//! A [`Server`] has listeners of its own; an [`Embedded`] one is part of another
//! program.

mod bind;
mod body_gate;
mod client_stream;
mod connection;
mod connection_counters;
mod connection_end;
mod context;
mod drain;
mod embedded;
mod fanout;
mod handoff;
#[cfg(feature = "https")]
mod http2;
mod hyper_refusal;
mod large_head;
mod lingering_close;
mod listen;
mod listening_server;
mod maintenance;
mod metrics;
mod refusals;
#[cfg(feature = "redis")]
mod shared_history;
mod start_error;
mod task_tracker;
mod timeouts;
#[cfg(feature = "https")]
mod tls;
mod tracked_io;

pub use drain::Drained;
pub use embedded::{Embedded, EventBody, ResponseBody};
pub use fanout::StreamCut;
pub use listening_server::{PassedSocket, Server};
pub use start_error::StartError;
#[cfg(feature = "https")]
pub use tls::{Certificates, Reloaded};
