//! Sends requests: over HTTP/1.1 by hyper's pool of connections, over HTTP/2 by
//! `http2_pool`.

use std::fmt;
use std::time::SystemTime;

use bytes::Bytes;
use http_body_util::Full;
use hyper::Response;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use super::body::ServerBody;
use super::dial::Dialer;
use super::error::Error;
use super::http2_pool::Http2Pool;
use super::options::ClientOptions;
use super::request::Request;
use super::url::ServerUrl;

pub(super) struct Connector {
    url: ServerUrl,
    dialer: Dialer,
    http: Http,
}

#[allow(clippy::large_enum_variant, reason = "there is one for each client")]
enum Http {
    One(Client<Dialer, Full<Bytes>>),
    Two(Http2Pool),
}

impl Connector {
    pub(super) fn new(url: &ServerUrl, options: &ClientOptions) -> Result<Self, Error> {
        let dialer = Dialer::new(url, options)
            .map_err(|cause| Error::Unreachable(format!("can't reach {url}: {cause}")))?;
        let http = match options.http2 {
            false => {
                let mut builder = Client::builder(TokioExecutor::new());
                builder.pool_timer(TokioTimer::new());
                Http::One(builder.build(dialer.clone()))
            }
            true => Http::Two(Http2Pool::new(dialer.clone())),
        };
        Ok(Self {
            url: url.clone(),
            dialer,
            http,
        })
    }

    /// Sends a request; returns the response when its head has arrived.
    pub(super) async fn send(&self, request: Request) -> Result<Response<ServerBody>, Error> {
        match &self.http {
            Http::One(http) => match http.request(request).await {
                Ok(response) => Ok(response.map(ServerBody::alone)),
                Err(error) => Err(Error::of_request(&self.url, &error)),
            },
            Http::Two(pool) => {
                let sent = pool.send(request).await;
                sent.map_err(|error| Error::of_http2(&self.url, error))
            }
        }
    }

    /// The end of the certificate that the server last showed.
    pub(super) fn certificate_not_after(&self) -> Option<SystemTime> {
        self.dialer.certificate_not_after()
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Connector({})", self.url)
    }
}
