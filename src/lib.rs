//! sse-chat: a chat and broadcast server over Server-Sent Events. One binary,
//! no database, no broker.
//!
//! # The words
//!
//! A **room** is where messages are said, made by the first use of its name and
//! forgotten when idle. A **message** is what somebody said. Its **event id** is
//! `<epoch>-<seq>`: one epoch for each life of the server, one sequence for all
//! its rooms. Its **number** is its place in its room, 1, 2, 3, … with no hole.
//! A **cursor** is the id of the last message a client has. **History** is the
//! last messages of a room, as many as its bounds allow. A **gap** is an
//! announced hole: messages that the server can no longer give. A **reader** is
//! somebody with an event stream; one who gave a name is a **member**.
//!
//! # The map
//!
//! | module | what it is |
//! | --- | --- |
//! | [`chat`] | the product: rooms, history, subscriptions; no HTTP, no sockets |
//! | [`protocol`] | ids, names, texts and messages as they go over the wire |
//! | [`sse`] | the format of an event stream: bytes in, bytes out |
//! | [`http`] | the hyper service: a request in, a response out |
//! | [`server`] | sockets: listening or handed over, connections, the fan-out, drain, metrics |
//! | [`client`] | the other side: publish, and subscribe with resume |
//! | [`cli`] | the command line |
//! | [`config`] | what the server uses, each default a documented constant |
//!
//! Imports point one way, `main -> cli -> server -> http -> chat -> protocol ->
//! sse`, and a test keeps it so. The client stands beside the server and uses
//! nothing of it: `cli -> client -> protocol`. `client`, `protocol` and `sse` are
//! a crate of their own, `sse-chat-client` in crates/client. The load generator of
//! `sse-chat bench` is `sse-chat-load` in crates/load: it uses the client's crate
//! and nothing of the server.
//!
//! # The path of a message
//!
//! 1. `server/connection.rs`: hyper has a request. `server/handoff.rs` calls the
//!    service with it.
//! 2. `http/service.rs`: host, path, method, room, in this order; a refusal ends
//!    here as a problem.
//! 3. `http/publish.rs` with `http/input.rs`: JSON or a form becomes a
//!    [`chat::Draft`], whose parts are valid by type.
//! 4. `chat/hub.rs`: [`chat::Hub::publish`] takes the one lock. Under it
//!    `chat/rooms/publish.rs` gives the message its seq, `chat/room.rs` its number;
//!    [`chat::Frame`] is encoded once, goes into history, and, if the room has
//!    readers, into the channel of `chat/channel.rs`. The sender gets 201; it waited
//!    for no reader.
//! 5. `server/fanout/readers.rs`: each worker takes it out of the channel, and
//!    writes the same bytes to each of its readers of the room.
//!
//! # The path of a reader
//!
//! 1. `http/events.rs`: rooms, cursor and name become a [`chat::SubscribeOptions`].
//! 2. `chat/resume.rs`: where the stream goes on from; the hello.
//! 3. `server/handoff.rs`: a worker of `server/fanout` takes the stream as a
//!    `http::StreamHandoff`. Over HTTP/1.1 the socket leaves hyper and goes with
//!    it. Over HTTP/1.0 it stays, and the worker writes into a pipe whose other
//!    end is hyper's body.
//! 4. `chat/replay.rs`: what history holds after the cursor, in id order, each
//!    hole announced. When there is no more, the stream goes live, under the
//!    lock that publishing takes: a message is in history or in the channel for
//!    it, never in both, never in neither.
//! 5. It lags? Back to 4 with the cursor it has reached.
//! 6. Its end, however it comes, is a drop: its membership
//!    (`chat/membership.rs`) leaves the rooms.
//!
//! # What is counted
//!
//! Each floor counts where things happen, in plain numbers: [`chat::Totals`],
//! [`http::RequestCounters`], and each worker in `server/fanout/counters.rs`.
//! `server/metrics` gathers them for a scrape.
//!
//! # The other side of it
//!
//! In crates/client, `client/event_stream.rs` opens one stream after another;
//! `client/open_stream.rs` turns bytes into events and silence into an end;
//! `client/resume.rs` keeps the cursor, drops duplicates and detects missing messages.

pub mod chat;
pub mod cli;
pub mod config;
#[cfg(test)]
mod counting_waker;
pub mod http;
#[cfg(test)]
mod promises;
#[cfg(any(fuzzing, test))]
#[doc(hidden)]
pub mod properties;
pub mod server;

pub use sse_chat_client::{client, protocol, sse};
