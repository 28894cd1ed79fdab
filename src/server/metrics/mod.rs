//! `GET /metrics` for Prometheus, on a listener of its own: it is for whoever
//! runs the server and for nobody else, and it answers while the server drains.
//!
//! What is counted is counted elsewhere, where it happens; [`series`] gathers
//! it for each scrape.

mod page;
mod process;
mod series;

use std::convert::Infallible;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use prometheus_client::encoding::prometheus_text;
use prometheus_client::registry::Registry;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

pub(super) use self::series::MetricSources;
use super::listen;
use crate::config::{Access, Config};
use crate::http::{Body, Caller, is_allowed};

/// Connections at one time. Who scrapes needs one.
const MOST_CONNECTIONS: usize = 16;
/// How long accepting rests after an error.
const PAUSE: Duration = Duration::from_millis(100);

/// Answers scrapes for as long as it is polled.
pub(super) async fn serve(listener: TcpListener, sources: MetricSources, config: Arc<Config>) {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(sources));
    let registry = Arc::new(registry);
    let mut connections = JoinSet::new();
    loop {
        if connections.len() >= MOST_CONNECTIONS {
            connections.join_next().await;
        }
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    let (registry, config) = (Arc::clone(&registry), Arc::clone(&config));
                    connections.spawn(answer_all(stream, peer, registry, config));
                }
                Err(_) => tokio::time::sleep(PAUSE).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

/// One connection.
async fn answer_all(
    stream: TcpStream,
    peer: SocketAddr,
    registry: Arc<Registry>,
    config: Arc<Config>,
) {
    let Ok(local) = stream.local_addr() else {
        return;
    };
    let caller = Caller::new(peer, local, None);
    if listen::set_up(&stream, &config.limits).is_err() {
        return;
    }
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(config.limits.head_timeout)
        .serve_connection(
            TokioIo::new(stream),
            service_fn(|request| answer(&registry, &config.access, caller, request)),
        );
    if let Err(error) = served.await {
        tracing::debug!(%error, "a scrape ended early");
    }
}

async fn answer(
    registry: &Arc<Registry>,
    access: &Access,
    caller: Caller,
    request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    // No page of another site reads this machine's by a name of its own; whom
    // else it is for is decided by the address that it listens on.
    if caller.is_local() && !is_allowed(&caller, &request, access) {
        return Ok(refusal(StatusCode::FORBIDDEN, "not this host\n"));
    }
    if request.uri().path() != "/metrics" {
        return Ok(refusal(StatusCode::NOT_FOUND, "see /metrics\n"));
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut response = refusal(StatusCode::METHOD_NOT_ALLOWED, "use GET\n");
        set(&mut response, ALLOW, "GET, HEAD");
        return Ok(response);
    }
    let registry = Arc::clone(registry);
    // It looks at all rooms, and at files of the kernel: not among requests.
    let text = tokio::task::spawn_blocking(move || encode(&registry)).await;
    Ok(match text {
        Ok(Ok(text)) => page(text),
        _ => refusal(StatusCode::INTERNAL_SERVER_ERROR, "it can't be told\n"),
    })
}

fn encode(registry: &Registry) -> Result<String, fmt::Error> {
    let mut text = String::with_capacity(16 * 1024);
    prometheus_text::encode(&mut text, registry)?;
    Ok(text)
}

fn page(text: String) -> Response<Body> {
    let mut response = Response::new(Body::Whole(Bytes::from(text)));
    set(&mut response, CONTENT_TYPE, prometheus_text::CONTENT_TYPE);
    set(&mut response, CACHE_CONTROL, "no-store");
    response
}

fn refusal(status: StatusCode, why: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::Whole(Bytes::from_static(why.as_bytes())));
    *response.status_mut() = status;
    set(&mut response, CONTENT_TYPE, "text/plain; charset=utf-8");
    response
}

fn set(response: &mut Response<Body>, name: HeaderName, value: &'static str) {
    response
        .headers_mut()
        .insert(name, HeaderValue::from_static(value));
}
