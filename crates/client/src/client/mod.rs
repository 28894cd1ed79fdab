//! The other side of the wire: what `send`, `tail`, `bench` and the tests talk
//! to a server with. It knows the protocol and nothing of the server's code.
//!
//! [`Client::publish`] says something, [`Client::subscribe`] follows rooms and
//! resumes by itself, [`Client::ready`] asks for the server's health.

mod answer;
mod backoff;
mod connector;
mod error;
mod follow;
mod publish;
mod stream;
mod subscribe;
mod subscription;
mod told;
mod url;

use std::sync::Arc;
use std::time::Duration;

use hyper::StatusCode;

pub use error::{Error, Refusal};
pub use publish::{Said, Say};
pub use subscribe::{Patience, Subscribe};
pub use subscription::Subscription;
pub use told::{Here, HereMember, HereRoom, Hole, Told, Welcome};
pub use url::{InvalidUrl, ServerUrl};

use answer::Answer;
use connector::Connector;

/// How long an answer may take, from the first byte of the request to the last
/// of the answer.
pub const ANSWER_DEADLINE: Duration = Duration::from_secs(30);

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
            deadline: ANSWER_DEADLINE,
        })
    }

    /// The same, with another time that an answer may take.
    #[must_use]
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// The server's address.
    pub fn url(&self) -> &ServerUrl {
        &self.url
    }

    /// Asks whether the server lives, or with `ready` whether it wants more work.
    ///
    /// # Errors
    ///
    /// Whatever is not its `ok`.
    pub async fn ready(&self, ready: bool) -> Result<(), Error> {
        let path = if ready { "/readyz" } else { "/healthz" };
        let answer = self.ask(self.get(path)?).await?;
        match answer.status == StatusCode::OK && *answer.body.trim_ascii() == *b"ok" {
            true => Ok(()),
            false => Err(answer.into_error("which is not ok")),
        }
    }

    /// One request and its whole answer, under the deadline.
    async fn ask(&self, request: connector::Request) -> Result<Answer, Error> {
        let whole = async {
            let response = self.connector.send(request).await?;
            Answer::read(&self.url, response).await
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
