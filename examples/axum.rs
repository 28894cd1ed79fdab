//! A chat inside an axum program, and an event stream of the program's own:
//!
//! ```sh
//! cargo run --example axum             # http://127.0.0.1:3000
//! curl -N http://127.0.0.1:3000/ticker
//! ```
//!
//! The program publishes the time to the room `ticker` each second. All other
//! paths are the chat's. Ctrl-C drains.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use sse_chat::chat::{Draft, SubscribeOptions};
use sse_chat::config::Config;
use sse_chat::protocol::{Backlog, Cursor, MessageText, RoomName, UserName};
use sse_chat::server::Embedded;
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1);
    let address = address.as_deref().unwrap_or("127.0.0.1:3000");
    let listener = TcpListener::bind(address.parse::<SocketAddr>()?).await?;
    let rooms = Embedded::start(Config::default())?;
    println!("http://{}", listener.local_addr()?);
    let ticker = tokio::spawn(publish_the_time(rooms.clone()));
    let routes = Router::new()
        .route("/ticker", get(follow_the_time))
        .fallback(chat)
        .with_state(rooms.clone());
    let service = routes.into_make_service_with_connect_info::<SocketAddr>();
    let shutdown = async move {
        tokio::signal::ctrl_c().await.expect("a signal handler");
        ticker.abort();
        // axum waits for its responses, so the streams have to end first.
        println!("{:?}", rooms.drain().await);
    };
    axum::serve(listener, service)
        .with_graceful_shutdown(shutdown)
        .await?;
    Ok(())
}

/// Everything that is not a route of this program.
async fn chat(
    State(rooms): State<Embedded>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response {
    rooms.answer(request, peer.ip()).await.map(Body::new)
}

/// An event stream at a path of this program. A browser that reconnects sends the
/// header `Last-Event-ID`; as the cursor it resumes the stream.
async fn follow_the_time(State(rooms): State<Embedded>, headers: HeaderMap) -> Response {
    let last = headers.get("last-event-id");
    let options = SubscribeOptions {
        cursor: last.map(|id| Cursor::parse(id.as_bytes())),
        backlog: Backlog::Last(1),
        ..SubscribeOptions::to(ticker())
    };
    match rooms.subscribe(options) {
        Ok(stream) => {
            let head = [
                (header::CONTENT_TYPE, "text/event-stream"),
                (header::CACHE_CONTROL, "no-cache, no-store, no-transform"),
            ];
            (head, Body::new(stream)).into_response()
        }
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, error.to_string()).into_response(),
    }
}

async fn publish_the_time(rooms: Embedded) {
    let mut seconds = tokio::time::interval(Duration::from_secs(1));
    loop {
        seconds.tick().await;
        let now = format!("{:?}", SystemTime::now());
        let draft = Draft::new(
            UserName::parse("clock").expect("a name"),
            MessageText::parse(&now, 4096).expect("a text"),
        );
        if let Err(error) = rooms.hub().publish(&ticker(), draft) {
            eprintln!("{error}");
        }
    }
}

fn ticker() -> RoomName {
    RoomName::parse("ticker").expect("a room's name")
}
