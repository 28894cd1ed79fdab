//! What holds whatever a client sends. Each property takes any bytes at all,
//! and panics where it does not hold; it is written where what it is about is.
//!
//! `cargo test` plays each against its corpus (fuzz/corpus) and against random
//! changes of it. fuzz/run.sh plays them for as long as it is told to, and
//! looks for bytes that nobody has thought of.

pub use crate::chat::properties::message;
pub use crate::http::properties::{body, forwarded, host, origin, query, target};
pub use sse_chat_client::properties::{cursor, event, event_stream, names};

#[cfg(test)]
mod tests;
