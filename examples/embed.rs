//! A chat inside a program with a hyper server of its own:
//!
//! ```sh
//! cargo run --example embed            # http://127.0.0.1:3000
//! ```
//!
//! `GET /time` is this program's; everything else is the chat's. Ctrl-C drains.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, SystemTime};

use http_body_util::{Either, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use sse_chat::config::Config;
use sse_chat::server::{Embedded, ResponseBody};
use tokio::net::TcpListener;
use tokio_util::task::TaskTracker;

/// How long a client may take to send the head of a request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the last responses may take after the drain.
const LAST_RESPONSES: Duration = Duration::from_secs(5);
/// The wait after a failed accept, such as one without a free file descriptor.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

type Body = Either<Full<Bytes>, ResponseBody>;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1);
    let address = address.as_deref().unwrap_or("127.0.0.1:3000");
    let listener = TcpListener::bind(address.parse::<SocketAddr>()?).await?;
    let rooms = Embedded::start(Config::default())?;
    println!("http://{}", listener.local_addr()?);
    let connections = TaskTracker::new();
    tokio::select! {
        () = accept_all(&listener, &rooms, &connections) => {}
        interrupted = tokio::signal::ctrl_c() => interrupted?,
    }
    // An event stream has no other end, so the drain comes first.
    println!("{:?}", rooms.drain().await);
    connections.close();
    // Idle connections stay open; they end with the process.
    let _ = tokio::time::timeout(LAST_RESPONSES, connections.wait()).await;
    Ok(())
}

async fn accept_all(listener: &TcpListener, rooms: &Embedded, connections: &TaskTracker) {
    loop {
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                eprintln!("accept: {error}");
                tokio::time::sleep(ACCEPT_RETRY).await;
                continue;
            }
        };
        let rooms = rooms.clone();
        connections.spawn(async move {
            let service = service_fn(|request| answer(&rooms, peer.ip(), request));
            let mut http = http1::Builder::new();
            http.timer(TokioTimer::new())
                .header_read_timeout(HEAD_TIMEOUT);
            let served = http.serve_connection(TokioIo::new(stream), service).await;
            if let Err(error) = served {
                // Most often the client has gone away.
                eprintln!("{peer}: {error}");
            }
        });
    }
}

async fn answer(
    rooms: &Embedded,
    peer: IpAddr,
    request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    if request.uri().path() == "/time" {
        let now = format!("{:?}\n", SystemTime::now());
        return Ok(Response::new(Either::Left(Full::from(now))));
    }
    let response = rooms.answer(request, peer).await;
    Ok(response.map(Either::Right))
}
