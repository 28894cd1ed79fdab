//! Properties that hold for any client input. Each takes arbitrary bytes and panics
//! if it does not hold. A property is defined in the module that it tests.
//!
//! `cargo test` runs each on its corpus (fuzz/corpus) and on random changes of it.
//! fuzz/run.sh fuzzes them for a given time.

pub use crate::chat::properties::{message, payload};
pub use crate::http::properties::{body, edit, forwarded, host, origin, query, target};
pub use sse_chat_client::properties::{cursor, event, event_stream, names};

#[cfg(test)]
mod tests;
