//! Shared by the servers of this crate: the JSON of a message. It has the fields of
//! sse-chat's `update` event in the same order, so that a delivery has the same
//! number of bytes from every server.

use serde::Serialize;

/// The epoch of all ids, as long as one that sse-chat draws.
const EPOCH: &str = "peer00000000";

/// A message as its readers and its sender get it.
#[derive(Debug, Serialize)]
pub struct Message<'a> {
    /// `EPOCH-seq`; see [`event_id`].
    pub id: &'a str,
    /// The room that it was published in.
    pub room: &'a str,
    /// Its position in the room: 1, 2, 3, …
    pub number: u64,
    /// The name of the sender.
    pub name: &'a str,
    /// The text.
    pub message: &'a str,
    /// The time of publishing: RFC 3339 with milliseconds, UTC.
    pub created_at: &'a str,
}

/// The id of the `seq`th message of a server.
pub fn event_id(seq: u64) -> String {
    format!("{EPOCH}-{seq}")
}

/// The port to listen on: the only argument of a server of this crate.
///
/// # Errors
///
/// A line for the user if the argument is missing or not a port.
pub fn port_argument() -> Result<u16, String> {
    let argument = std::env::args().nth(1).ok_or("usage: give a port")?;
    argument
        .parse()
        .map_err(|_| format!("'{argument}' is not a port"))
}
