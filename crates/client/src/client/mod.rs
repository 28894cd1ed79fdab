//! The HTTP client. It knows the protocol and nothing of the server's code.
//!
//! [`Client::publish`] publishes a message, [`Client::publish_event`] an event,
//! [`Client::subscribe`] subscribes to rooms and resumes after each loss of the
//! connection, [`Client::health`] and [`Client::readiness`] probe the server.
//! [`Client::set_token`] sets the token that a server may require. [`ClientOptions`]
//! choose HTTP/2 and the root certificates.

mod access_token;
mod backoff;
mod body;
mod connector;
mod dial;
mod error;
mod event;
mod event_stream;
mod fetch;
mod http2_pool;
mod http_client;
mod open_stream;
mod options;
mod publish;
mod request;
mod request_error;
mod response;
mod resume;
mod shared_connection;
mod subscribe;
mod tls;
mod url;

pub use crate::protocol::PublishRequest;
pub use access_token::{AccessToken, InvalidAccessToken};
pub use error::{Error, Refusal};
pub use event::{ClientEvent, ObservedGap};
pub use event_stream::EventStream;
pub use fetch::fetch;
pub use http_client::{Client, RESPONSE_TIMEOUT};
pub use options::{ClientOptions, InvalidRoots, RootCertificates, Trust};
pub use publish::{EventRequest, EventResponse, PublishResponse};
pub use subscribe::{RetryPolicy, SubscribeRequest};
pub use url::{InvalidUrl, ServerUrl};
