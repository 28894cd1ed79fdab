//! What holds whatever a client sends. Each property takes any bytes at all,
//! and panics where it does not hold; it is written where what it is about is.
//!
//! `cargo test` plays each against its corpus (fuzz/corpus) and against random
//! changes of it. fuzz/run.sh plays them for as long as it is told to, and
//! looks for bytes that nobody has thought of.

pub use crate::chat::properties::{cursor, message, names};
pub use crate::http::properties::{body, forwarded, host, origin, query, target};
pub use crate::sse::properties::{event, event_stream};

#[cfg(test)]
mod tests;
