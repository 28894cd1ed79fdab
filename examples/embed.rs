//! A chat inside a program with a hyper server of its own:
//!
//! ```sh
//! cargo run --example embed            # http://127.0.0.1:3000
//! ```
//!
//! `GET /time` is this program's; everything else is the chat's. Ctrl-C drains.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};

use http_body_util::{Either, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use sse_chat::config::Config;
use sse_chat::server::{Embedded, ResponseBody};
use tokio::net::TcpListener;

type Body = Either<Full<Bytes>, ResponseBody>;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1);
    let address = address.as_deref().unwrap_or("127.0.0.1:3000");
    let listener = TcpListener::bind(address.parse::<SocketAddr>()?).await?;
    let rooms = Embedded::start(Config::default())?;
    println!("http://{}", listener.local_addr()?);
    loop {
        let (stream, peer) = tokio::select! {
            accepted = listener.accept() => accepted?,
            interrupted = tokio::signal::ctrl_c() => {
                interrupted?;
                break;
            }
        };
        let rooms = rooms.clone();
        tokio::spawn(async move {
            let service = service_fn(|request| answer(&rooms, peer.ip(), request));
            let io = TokioIo::new(stream);
            // A client that goes away is no error of this program.
            let _ = http1::Builder::new().serve_connection(io, service).await;
        });
    }
    println!("{:?}", rooms.drain().await);
    Ok(())
}

async fn answer(
    rooms: &Embedded,
    peer: IpAddr,
    request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    if request.uri().path() == "/time" {
        let now = format!("{:?}\n", std::time::SystemTime::now());
        return Ok(Response::new(Either::Left(Full::from(now))));
    }
    let response = rooms.answer(request, peer).await;
    Ok(response.map(Either::Right))
}
