//! The names of the events of a stream.

use super::open_enum::wire_enum;

wire_enum! {
    /// The names of the events of this version of the protocol.
    pub enum EventName {
        /// `hello`, the first event of a stream.
        Hello = "hello",
        /// A published message.
        Update = "update",
        /// Messages are lost.
        Gap = "gap",
        /// The members of a room, or changes of them. It has no id.
        Presence = "presence",
        /// A sign of life after silence, without an id and without data.
        Ping = "ping",
        /// `busy`: there is no place for this stream.
        Busy = "busy",
        /// `bye`: the server ends the stream.
        Bye = "bye",
        /// The client must not reconnect. No server sends it yet.
        Close = "close",
    }
}
