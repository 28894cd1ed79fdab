//! A client of sse-chat, the protocol that it speaks as types, and the format of
//! event streams.
//!
#![cfg_attr(feature = "client", doc = include_str!("../README.md"))]

#[doc(hidden)]
pub mod certificate;
#[cfg(feature = "client")]
pub mod client;
#[cfg(any(feature = "properties", test))]
#[doc(hidden)]
pub mod properties;
pub mod protocol;
pub mod sse;
