//! The wire of sse-chat: the format of an event stream ([`sse`]), the protocol
//! that both sides of it speak ([`protocol`]), and a client ([`client`]).

#[cfg(feature = "client")]
pub mod client;
#[cfg(any(feature = "properties", test))]
#[doc(hidden)]
pub mod properties;
pub mod protocol;
pub mod sse;
