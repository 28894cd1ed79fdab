//! The part of HTTP/2 (RFC 9113) that a reader of event streams needs: a session
//! without sockets, which turns bytes into parts of responses and requests into bytes.
//!
//! The server may use neither server push nor the dynamic table of HPACK: the settings
//! forbid both. The payload of DATA frames is neither kept nor copied.

mod errors;
mod frame;
mod hpack;
mod huffman;
mod session;
mod windows;

pub(crate) use self::errors::{NotHttp2, error_name};
pub(crate) use self::hpack::HeaderBlock;
pub(crate) use self::session::{Http2Part, Http2Session};
