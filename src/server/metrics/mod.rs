//! `GET /metrics` for Prometheus, on a listener of its own: it is for the operator
//! only, and answers while the server drains.
//!
//! Events are counted where they happen, most of them in prometheus-client's types,
//! which [`registered`] names; [`collected`] reads the rest at each scrape.

mod collected;
mod encoder;
#[cfg(feature = "cli")]
mod process;
mod registered;

use std::convert::Infallible;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
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

use self::collected::CollectedMetrics;
use super::context::ServerContext;
use super::listen;
use crate::config::{Access, Config};
use crate::http::{Body, Caller, is_allowed};

/// Connections at one time. A scraper needs one.
const MAX_CONNECTIONS: usize = 16;
/// The pause after an accept error.
const PAUSE: Duration = Duration::from_millis(100);

/// All metrics of a server.
pub(super) fn registry(
    context: &ServerContext,
    dropped_log_lines: Arc<AtomicU64>,
) -> Arc<Registry> {
    let mut registry = Registry::default();
    registered::register(&mut registry, context);
    let collected = CollectedMetrics::new(context, dropped_log_lines);
    registry.register_collector(Box::new(collected));
    Arc::new(registry)
}

/// Answers scrapes for as long as it is polled.
pub(super) async fn serve(listener: TcpListener, registry: Arc<Registry>, config: Arc<Config>) {
    let mut connections = JoinSet::new();
    loop {
        if connections.len() >= MAX_CONNECTIONS {
            connections.join_next().await;
        }
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    let (registry, config) = (Arc::clone(&registry), Arc::clone(&config));
                    connections.spawn(serve_connection(stream, peer, registry, config));
                }
                Err(_) => tokio::time::sleep(PAUSE).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Serves one connection.
async fn serve_connection(
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
        tracing::debug!(%error, "a connection for metrics closed early");
    }
}

async fn answer(
    registry: &Arc<Registry>,
    access: &Access,
    caller: Caller,
    request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    // On this machine, DNS rebinding must not let a web page read it; elsewhere the
    // listening address decides who can.
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
    // It reads all rooms, and files of the kernel: not on a thread of the runtime.
    let text = tokio::task::spawn_blocking(move || encode(&registry)).await;
    Ok(match text {
        Ok(Ok(text)) => success(text),
        _ => refusal(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the metrics can't be encoded\n",
        ),
    })
}

fn encode(registry: &Registry) -> Result<String, fmt::Error> {
    let mut text = String::with_capacity(16 * 1024);
    prometheus_text::encode(&mut text, registry)?;
    Ok(text)
}

fn success(text: String) -> Response<Body> {
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
