//! How a request for an event stream is spelled: its header, and the keys of its
//! query.

/// The media type of an event stream.
pub const EVENT_STREAM: &str = "text/event-stream";
/// The header with the client's cursor.
pub const LAST_EVENT_ID: &str = "last-event-id";
/// The query's rooms, on the path of several rooms.
pub const ROOM_KEY: &str = "room";
/// The query's [`Backlog`](super::Backlog).
pub const BACKLOG_KEY: &str = "backlog";
/// The query's name, under which the reader is a member of its rooms.
pub const NAME_KEY: &str = "name";
/// The query's earlier name of a client that changes its name.
pub const WAS_KEY: &str = "was";
/// The query's switch for presence events: `1` or `0`.
pub const PRESENCE_KEY: &str = "presence";
