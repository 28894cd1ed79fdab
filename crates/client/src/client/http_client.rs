//! The client of one server: its connections, its timeout, and the probes. The other
//! requests are in `publish` and `event_stream`.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use hyper::header::AUTHORIZATION;
use hyper::{Method, StatusCode};

use super::access_token::AccessToken;
use super::connector::Connector;
use super::error::Error;
use super::options::ClientOptions;
use super::request::{self, Request};
use super::response::FullResponse;
use super::url::ServerUrl;

/// The default timeout of a request: from its first byte to the last byte of the
/// response. Event streams have timeouts of their own.
pub const RESPONSE_TIMEOUT: Duration = Duration::from_secs(30);

/// A client of one server. Clones share its connections and its token.
#[derive(Debug, Clone)]
pub struct Client {
    pub(super) url: ServerUrl,
    pub(super) connector: Arc<Connector>,
    timeout: Duration,
    token: Arc<RwLock<Option<AccessToken>>>,
}

impl Client {
    /// A client of the server at `url`. It does not connect yet.
    ///
    /// # Errors
    ///
    /// [`Error::Unreachable`] for `https` on a machine without root certificates.
    pub fn new(url: ServerUrl) -> Result<Self, Error> {
        Self::with_options(url, &ClientOptions::default())
    }

    /// A client of the server at `url` that speaks HTTP/2 or trusts other certificates.
    ///
    /// # Errors
    ///
    /// As of [`Client::new`].
    pub fn with_options(url: ServerUrl, options: &ClientOptions) -> Result<Self, Error> {
        let connector = Connector::new(&url, options)?;
        Ok(Self {
            url,
            connector: Arc::new(connector),
            timeout: RESPONSE_TIMEOUT,
            token: Arc::default(),
        })
    }

    /// The same client with another timeout than [`RESPONSE_TIMEOUT`].
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The same client with a token: see [`Client::set_token`].
    #[must_use]
    pub fn with_token(self, token: AccessToken) -> Self {
        self.set_token(Some(token));
        self
    }

    /// Sets the token of all later requests, also those of clones and of
    /// subscriptions that exist. A stream that is open keeps the one that it began
    /// with: see [`EventStream::reopen`](super::EventStream::reopen).
    pub fn set_token(&self, token: Option<AccessToken>) {
        *self.token.write().unwrap_or_else(PoisonError::into_inner) = token;
    }

    /// The present token.
    pub fn token(&self) -> Option<AccessToken> {
        let token = self.token.read();
        token.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The server's address.
    pub fn url(&self) -> &ServerUrl {
        &self.url
    }

    /// The end of validity (`notAfter`) of the certificate that the server showed for
    /// the last connection. `None` before that, and for `http`.
    pub fn certificate_not_after(&self) -> Option<SystemTime> {
        self.connector.certificate_not_after()
    }

    /// Checks that the server is alive: `GET /healthz`.
    ///
    /// # Errors
    ///
    /// [`Error`] for every response but its `ok`.
    pub async fn health(&self) -> Result<(), Error> {
        self.probe("/healthz").await
    }

    /// Checks that the server takes requests and is not shutting down:
    /// `GET /readyz`.
    ///
    /// # Errors
    ///
    /// [`Error`] for every response but its `ok`.
    pub async fn readiness(&self) -> Result<(), Error> {
        self.probe("/readyz").await
    }

    async fn probe(&self, path: &str) -> Result<(), Error> {
        let response = self.send(self.get(path)?).await?;
        match response.status == StatusCode::OK && *response.body.trim_ascii() == *b"ok" {
            true => Ok(()),
            false => Err(response.into_error("which is not ok")),
        }
    }

    /// Sends a request and reads the whole response, under the timeout.
    pub(super) async fn send(&self, request: Request) -> Result<FullResponse, Error> {
        let exchange = async {
            let response = self.connector.send(request).await?;
            FullResponse::read(&self.url, response).await
        };
        let exchanged = tokio::time::timeout(self.timeout, exchange).await;
        exchanged.map_err(|_| Error::timed_out(&self.url, self.timeout))?
    }

    pub(super) fn get(&self, path: &str) -> Result<Request, Error> {
        self.request(Method::GET, path)
    }

    /// A request for a path and query, with the token and without a body.
    pub(super) fn request(&self, method: Method, path: &str) -> Result<Request, Error> {
        let mut request = request::request(&self.url, method, path)?;
        if let Some(token) = self.token() {
            let headers = request.headers_mut();
            headers.insert(AUTHORIZATION, token.authorization());
        }
        Ok(request)
    }
}
