//! What the servers in this crate share: the JSON of a message, with the fields
//! of sse-chat's `update` events in their order, so that a delivery is the same
//! number of bytes whichever server makes it.

use serde::Serialize;

/// Ids start with this: as long as what sse-chat draws at its start.
const EPOCH: &str = "peer00000000";

/// A message as readers and its sender see it.
#[derive(Debug, Serialize)]
pub struct Message<'a> {
    /// `EPOCH-seq`; see [`event_id`].
    pub id: &'a str,
    /// Where it was said.
    pub room: &'a str,
    /// Its place in the room: 1, 2, 3, …
    pub number: u64,
    /// Who says it.
    pub name: &'a str,
    /// What is said.
    pub message: &'a str,
    /// RFC 3339 with milliseconds, UTC.
    pub created_at: &'a str,
}

/// The id of the `seq`th message of a server.
pub fn event_id(seq: u64) -> String {
    format!("{EPOCH}-{seq}")
}

/// The port that a server of this crate is told to listen on: its only argument.
///
/// # Errors
///
/// A line for a person, when there is no such argument.
pub fn port_argument() -> Result<u16, String> {
    let argument = std::env::args().nth(1).ok_or("usage: give a port")?;
    argument
        .parse()
        .map_err(|_| format!("'{argument}' is no port"))
}
