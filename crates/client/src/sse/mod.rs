//! The wire format of Server-Sent Events: bytes in, bytes out.
//!
//! [`Event`] builds one event and encodes it, once, as an [`Encoded`]. [`Decoder`]
//! decodes a stream. Neither knows the events' meaning or does any I/O.

mod decode;
mod encode;

pub use decode::{DEFAULT_MAX_EVENT_BYTES, Decoded, Decoder, Item, TooLong};
pub use encode::{Encoded, Event, LAST_CHUNK};

#[cfg(any(feature = "properties", test))]
pub(crate) use decode::properties;
