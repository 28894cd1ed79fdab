//! The other side of the wire: what `send`, `tail`, `bench` and the tests talk
//! to a server with. It knows the protocol and nothing of the server's code.
//!
//! [`Client::publish`] says something, [`Client::subscribe`] follows rooms and
//! resumes by itself, [`Client::health`] and [`Client::readiness`] probe the server.

mod backoff;
mod connector;
mod error;
mod event;
mod event_stream;
mod open_stream;
mod publish;
mod response;
mod resume;
mod subscribe;
mod url;

use std::sync::Arc;
use std::time::Duration;

use hyper::StatusCode;

pub use error::{Error, Refusal};
pub use event::{ClientEvent, Here, HereMember, HereRoom, Hole, Welcome};
pub use event_stream::EventStream;
pub use publish::{PublishRequest, PublishResponse};
pub use subscribe::{RetryPolicy, SubscribeRequest};
pub use url::{InvalidUrl, ServerUrl};

use connector::Connector;
use response::FullResponse;

/// How long an answer may take, from the first byte of the request to the last
/// of the answer.
pub const RESPONSE_TIMEOUT: Duration = Duration::from_secs(30);

/// Somebody who talks to one server. Clones share its connections.
#[derive(Debug, Clone)]
pub struct Client {
    url: ServerUrl,
    connector: Arc<Connector>,
    deadline: Duration,
}

impl Client {
    /// A client of the server at `url`. Nothing is sent yet.
    ///
    /// # Errors
    ///
    /// [`Error::Unreachable`] for `https` on a machine without root certificates.
    pub fn new(url: ServerUrl) -> Result<Self, Error> {
        let connector = Connector::new(&url)?;
        Ok(Self {
            url,
            connector: Arc::new(connector),
            deadline: RESPONSE_TIMEOUT,
        })
    }

    /// The same, with another time that an answer may take.
    #[must_use]
    pub fn with_timeout(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// The server's address.
    pub fn url(&self) -> &ServerUrl {
        &self.url
    }

    /// Checks that the server is alive: `GET /healthz`.
    ///
    /// # Errors
    ///
    /// [`Error`] for every response but its `ok`.
    pub async fn health(&self) -> Result<(), Error> {
        self.probe("/healthz").await
    }

    /// Checks that the server takes requests and is not shutting down: `GET /readyz`.
    ///
    /// # Errors
    ///
    /// [`Error`] for every response but its `ok`.
    pub async fn readiness(&self) -> Result<(), Error> {
        self.probe("/readyz").await
    }

    async fn probe(&self, path: &str) -> Result<(), Error> {
        let answer = self.ask(self.get(path)?).await?;
        match answer.status == StatusCode::OK && *answer.body.trim_ascii() == *b"ok" {
            true => Ok(()),
            false => Err(answer.into_error("which is not ok")),
        }
    }

    /// One request and its whole answer, under the deadline.
    async fn ask(&self, request: connector::Request) -> Result<FullResponse, Error> {
        let whole = async {
            let response = self.connector.send(request).await?;
            FullResponse::read(&self.url, response).await
        };
        let late = || Error::TimedOut {
            url: self.url.to_string(),
            after: self.deadline,
        };
        tokio::time::timeout(self.deadline, whole)
            .await
            .map_err(|_| late())?
    }

    fn get(&self, path: &str) -> Result<connector::Request, Error> {
        connector::request(&self.url, hyper::Method::GET, path)
    }
}

/// A room's name as it stands in a path or a query.
fn encoded(text: &str) -> percent_encoding::PercentEncode<'_> {
    const KEPT: &percent_encoding::AsciiSet = &percent_encoding::NON_ALPHANUMERIC
        .remove(b'-')
        .remove(b'.')
        .remove(b'_')
        .remove(b'~');
    percent_encoding::utf8_percent_encode(text, KEPT)
}
