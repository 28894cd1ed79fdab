//! The wire format of Server-Sent Events: bytes in, bytes out.
//!
//! [`Event`] writes one event, once, as an [`Encoded`], [`Decoder`] reads a stream of them. Neither
//! knows what the events mean, nor where the bytes come from or go to.

mod decode;
mod encode;

pub use decode::{DEFAULT_MAX_EVENT_BYTES, Decoded, Decoder, Item, TooLong};
pub use encode::{Encoded, Event, LAST_CHUNK};

#[cfg(any(feature = "properties", test))]
pub(crate) use decode::properties;
