//! The names of the events of a stream.

use super::open_enum::wire_enum;

wire_enum! {
    /// The names of the events of this version of the protocol.
    pub enum EventName {
        /// `hello`, the first event of a stream.
        Hello = "hello",
        /// A published message.
        Update = "update",
        /// A message was edited, deleted or reacted to.
        Change = "change",
        /// Messages are lost.
        Gap = "gap",
        /// The members of a room, or changes of them. It has no id.
        Presence = "presence",
        /// A sign of life after silence, without an id and without data.
        Ping = "ping",
        /// `busy`: there is no place for this stream.
        Busy = "busy",
        /// The server is cut off from the shared history. It has no id.
        Stale = "stale",
        /// `stale` is over. It has no id and no data.
        Fresh = "fresh",
        /// The token of the stream expires soon.
        Expiring = "expiring",
        /// `bye`: the server ends the stream.
        Bye = "bye",
        /// The stream ends, and the client must not reconnect with the same token.
        Close = "close",
    }
}
