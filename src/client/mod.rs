//! The other side of the wire: what `send`, `tail`, `bench` and the tests talk
//! to a server with. It knows the protocol and nothing of the server's code.

mod url;

pub use url::{InvalidUrl, ServerUrl};
