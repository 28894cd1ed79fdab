//! One connection: hyper reads requests, the service answers them, and a
//! shutdown ends it between two of them.

use std::convert::Infallible;
use std::future::pending;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;

use super::Shared;
use crate::http::answer;

/// Bounds a request's head, and what one connection buffers in each direction.
const MAX_BUFFER_BYTES: usize = 16 * 1024;
/// How long a connection that never sent a request may hold up a shutdown:
/// browsers open such connections on a guess and leave them.
const FIRST_REQUEST_PATIENCE: Duration = Duration::from_millis(500);

pub(super) async fn serve(stream: TcpStream, shared: Shared) {
    let asked = AtomicBool::new(false);
    let service = service_fn(|request| {
        asked.store(true, Ordering::Relaxed);
        let app = &shared.app;
        async move { Ok::<_, Infallible>(answer(app, request).await) }
    });
    let mut connection = pin!(
        http1::Builder::new()
            // Without a timer hyper's timeout for the head is silently off.
            .timer(TokioTimer::new())
            .header_read_timeout(shared.app.config.head_timeout)
            .max_buf_size(MAX_BUFFER_BYTES)
            .serve_connection(TokioIo::new(stream), service)
    );
    let served = tokio::select! {
        served = connection.as_mut() => served,
        () = shared.cut.cancelled() => return,
        () = shared.app.draining.begins() => {
            connection.as_mut().graceful_shutdown();
            tokio::select! {
                served = connection => served,
                () = shared.cut.cancelled() => return,
                () = no_request(&asked) => return,
            }
        }
    };
    if let Err(error) = served {
        // A client that went away, or sent what is not HTTP: no error of ours.
        tracing::debug!(%error, "a connection ended early");
    }
}

/// Ends when no request comes; never, if there was one.
async fn no_request(asked: &AtomicBool) {
    tokio::time::sleep(FIRST_REQUEST_PATIENCE).await;
    if asked.load(Ordering::Relaxed) {
        pending::<()>().await;
    }
}
