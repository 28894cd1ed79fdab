//! Sends requests: hyper's pooling client over TCP, or over TLS for `https`. Root
//! certificates are loaded only if they are needed.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::USER_AGENT;
use hyper::{Method, Response};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use super::error::Error;
use super::url::ServerUrl;

/// The timeout of connecting.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A request with its whole body.
pub(super) type Request = hyper::Request<Full<Bytes>>;

pub(super) struct Connector {
    url: ServerUrl,
    http: Http,
}

enum Http {
    Plain(Client<HttpConnector, Full<Bytes>>),
    Tls(Client<HttpsConnector<HttpConnector>, Full<Bytes>>),
}

impl Connector {
    pub(super) fn new(url: &ServerUrl) -> Result<Self, Error> {
        let mut tcp = HttpConnector::new();
        tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
        tcp.set_nodelay(true);
        tcp.enforce_http(!url.is_tls());
        let mut builder = Client::builder(TokioExecutor::new());
        builder.pool_timer(TokioTimer::new());
        let http = match url.is_tls() {
            false => Http::Plain(builder.build(tcp)),
            true => {
                let roots = HttpsConnectorBuilder::new()
                    .with_native_roots()
                    .map_err(|error| {
                        Error::Unreachable(format!("can't reach {url}: no certificates: {error}"))
                    })?;
                Http::Tls(builder.build(roots.https_only().enable_http1().wrap_connector(tcp)))
            }
        };
        Ok(Self {
            url: url.clone(),
            http,
        })
    }

    /// Sends a request; returns the response when its head has arrived.
    pub(super) async fn send(&self, request: Request) -> Result<Response<Incoming>, Error> {
        let sent = match &self.http {
            Http::Plain(http) => http.request(request).await,
            Http::Tls(http) => http.request(request).await,
        };
        sent.map_err(|error| Error::of_request(&self.url, &error))
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Connector({})", self.url)
    }
}

/// A request for a path and query of the server, without a body.
pub(super) fn request(url: &ServerUrl, method: Method, path: &str) -> Result<Request, Error> {
    let uri = url
        .join(path)
        .map_err(|error| Error::Unreachable(format!("can't reach {url}{path}: {error}")))?;
    let mut request = Request::new(Full::default());
    *request.method_mut() = method;
    *request.uri_mut() = uri;
    request.headers_mut().insert(
        USER_AGENT,
        hyper::header::HeaderValue::from_static(concat!("sse-chat/", env!("CARGO_PKG_VERSION"))),
    );
    Ok(request)
}
