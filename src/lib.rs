//! sse-chat: a chat and broadcast server over Server-Sent Events. One binary,
//! no database, no broker.
//!
//! # Terms
//!
//! - **Room**: where messages are published. The first message or stream creates
//!   it; an idle room is forgotten.
//! - **Event id**: `<epoch>-<seq>`. Each start of the server draws a new epoch. All
//!   rooms share one sequence.
//! - **Number**: the position of a message in its room, 1, 2, 3, … without holes.
//! - **Cursor**: the id of the last event that a client has received.
//! - **History**: the last messages of a room, bounded by count and by bytes.
//! - **Gap**: an event that announces messages that the server can no longer
//!   deliver.
//! - **Reader**: a client with an event stream. A reader with a name is a **member**
//!   of its rooms.
//! - **Live**: a reader that has received everything so far. Until then it is
//!   **catching up**: it is served from history.
//!
//! # Modules
//!
//! | module | contents |
//! | --- | --- |
//! | [`chat`] | rooms, history, presence, subscriptions; no HTTP, no sockets |
//! | [`protocol`] | the types of the wire protocol: ids, names, texts, messages, events |
//! | [`sse`] | the event stream format: encoder and decoder |
//! | [`http`] | the hyper service: a request in, a response out |
//! | [`server`] | listeners, connections, the fan-out, drain, metrics |
//! | [`client`] | the HTTP client: publish, and subscribe with resume |
//! | [`cli`] | the command line |
//! | [`config`] | the configuration; each default is a documented constant |
//!
//! Imports point one way, and a test checks it: `main -> cli -> server -> http ->
//! chat -> protocol -> sse`, and `cli -> client -> protocol`. The client uses nothing
//! of the server.
//!
//! Two crates of the workspace have no code of the server: `sse-chat-client` in
//! crates/client, with `client`, `protocol` and `sse`; and `sse-chat-load` in
//! crates/load, the load generator of `sse-chat bench`.
//!
//! A program that has its own HTTP server embeds the rooms, the streams and the
//! routes with [`server::Embedded`]; see docs/embedding.md.
//!
//! # The path of a message
//!
//! 1. `server/connection.rs`: hyper reads the request. `server/handoff.rs` calls
//!    the service.
//! 2. `http/service.rs` checks host, path, method, origin and limits, then
//!    dispatches to the endpoint. A refusal is a problem (RFC 9457).
//! 3. `http/publish.rs` and `http/input.rs` parse JSON or a form into a
//!    [`chat::Draft`], whose fields are valid by their types.
//! 4. [`chat::Hub::publish`] takes the hub's lock. `chat/rooms/publish.rs` assigns
//!    the id, `chat/room.rs` the number. The [`chat::Frame`] is encoded once and
//!    added to history; if the room has readers, it is also sent into the channel
//!    (`chat/channel.rs`). The sender gets 201 without waiting for any reader.
//! 5. `server/fanout/readers.rs`: each worker receives the frame from the channel
//!    and writes the same bytes to its live readers of the room.
//!
//! # The path of a reader
//!
//! 1. `http/events.rs` parses rooms, cursor and name into
//!    [`chat::SubscribeOptions`].
//! 2. `chat/resume.rs` determines where the stream starts, and its `hello`.
//! 3. `server/handoff.rs` passes the stream to a worker of `server/fanout` as a
//!    `http::StreamHandoff`. Over HTTP/1.1 the worker takes the socket from hyper.
//!    Over HTTP/1.0 hyper keeps the socket, and the worker writes into a pipe that
//!    is the response body.
//! 4. The reader catches up: `chat/replay.rs` reads the messages after its cursor
//!    from history, in the order of their ids, with a gap where messages are lost.
//! 5. With nothing left in history, the reader goes live under the hub's lock, which
//!    publishing takes too. So each message reaches it from history or from the
//!    channel, never from both, never from neither.
//! 6. A live reader whose socket does not take a whole write, or whose worker lags
//!    behind the channel, returns to step 4 with its current cursor.
//! 7. However the stream ends, dropping its membership (`chat/membership.rs`)
//!    removes the reader from its rooms.
//!
//! # Metrics
//!
//! Each layer counts its own events: [`chat::Totals`], `http::RequestCounters`, and
//! the counters of each worker in `server/fanout/counters.rs`. `server/metrics`
//! collects them for `GET /metrics`.
//!
//! # The client
//!
//! In crates/client, `client/event_stream.rs` opens one stream after another.
//! `client/open_stream.rs` decodes events and closes a silent stream.
//! `client/resume.rs` keeps the cursor, drops duplicates and detects missing
//! messages.

pub mod chat;
#[cfg(feature = "cli")]
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

#[cfg(feature = "cli")]
pub use sse_chat_client::client;
pub use sse_chat_client::{protocol, sse};
