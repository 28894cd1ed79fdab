//! sse-chat: a chat and broadcast server over Server-Sent Events. One binary,
//! no database server, no broker.
//!
//! # Terms
//!
//! - **Room**: where messages are published. The first message or stream creates
//!   it; an idle room is forgotten.
//! - **Event id**: `<epoch>-<seq>`. The epoch names one unbroken history: each start of
//!   a server that keeps history in memory draws a new one. All rooms share one sequence.
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
//! | `tokens` | access by tokens: keys, verified tokens, their rights; with the feature `tokens` |
//! | [`protocol`] | the types of the wire protocol: ids, names, texts, messages, events |
//! | [`sse`] | the event stream format: encoder and decoder |
//! | [`http`] | the hyper service: a request in, a response out |
//! | [`server`] | listeners, connections, the fan-out, drain, metrics |
//! | [`client`] | the HTTP client: publish, and subscribe with resume |
//! | [`cli`] | the command line |
//! | [`config`] | the configuration; each default is a documented constant |
//!
//! Imports point one way, and a test checks it: `main -> cli -> server -> http ->
//! chat -> tokens -> protocol -> sse`, and `cli -> client -> protocol`. The client uses nothing
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
//! 1. `server/connection.rs`: hyper reads the request, and the service is called.
//! 2. `http/service.rs`: host form, route, method, allowed host, origin, connection
//!    limit, request rate, request permit; then the endpoint.
//! 3. `http/publish.rs`: the body becomes a [`chat::Draft`], valid by its types.
//! 4. `chat/hub.rs`: [`chat::Hub::publish`] numbers, encodes, stores and sends it.
//! 5. `server/fanout/readers.rs`: each worker writes the same bytes to its readers.
//!
//! # The path of a reader
//!
//! `http/events.rs` parses [`chat::SubscribeOptions`], and `chat/resume.rs` finds
//! where the stream starts. `server/handoff.rs` passes it to a worker of
//! `server/fanout`: with the socket over HTTP/1.1, or with a pipe into the response
//! body over HTTP/1.0. The reader catches up from history (`chat/replay.rs`), and
//! goes live under the hub's lock, so that each message reaches it once. If its
//! socket is full or its worker lags, it catches up again from its cursor. Dropping
//! its membership (`chat/membership.rs`) removes it from its rooms.
//!
//! ARCHITECTURE.md has both paths with all files.
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
//! messages. `client/connector.rs` sends requests: over HTTP/1.1 by hyper's pool, over
//! HTTP/2 by `client/http2_pool.rs`; `client/tls` verifies certificates.

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
#[cfg(test)]
#[cfg(feature = "data")]
mod test_folder;
pub mod tokens;

#[cfg(feature = "cli")]
pub use sse_chat_client::client;
pub use sse_chat_client::{protocol, sse};
