use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use hyper::Request;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio::task::JoinHandle;

use super::{PREFACE, SocketEnd, serve};
use crate::chat::Draft;
use crate::config::Config;
use crate::http::{App, Caller};
use crate::protocol::{MessageText, RoomName, UserName};
use crate::server::context::ServerContext;
use crate::server::fanout::Fanout;

/// A server without listeners, and its end of a connection.
fn served(config: Config) -> (ServerContext, DuplexStream, JoinHandle<SocketEnd>) {
    let app = Arc::new(App::new(config).unwrap());
    let workers = app.config.workers;
    let fanout = Arc::new(Fanout::start(&app, workers).unwrap());
    let context = ServerContext::new(app, fanout);
    let (client, mut server) = tokio::io::duplex(64 * 1024);
    let local = ([127, 0, 0, 1], 1).into();
    let caller = Caller::new(local, local, None).over_http2();
    let served = context.clone();
    let running =
        tokio::spawn(async move { serve(&served, caller, &mut server, Bytes::new()).await });
    (context, client, running)
}

/// A request for a stream, without compression of its fields.
fn stream_request() -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in [
        (":method", "GET"),
        (":scheme", "http"),
        (":path", "/rooms/lobby/events"),
        (":authority", "localhost"),
    ] {
        for text in [name, value] {
            if text == name {
                block.push(0);
            }
            block.push(u8::try_from(text.len()).unwrap());
            block.extend(text.as_bytes());
        }
    }
    let length = u8::try_from(block.len()).unwrap();
    let settings = [0, 0, 0, 4, 0, 0, 0, 0, 0];
    let head = [0, 0, length, 1, 5, 0, 0, 0, 1];
    [PREFACE, &settings, &head, &block].concat()
}

#[tokio::test(start_paused = true)]
async fn a_client_that_answers_no_ping_is_gone() {
    let (context, mut client, running) = served(Config::default());
    client.write_all(&stream_request()).await.unwrap();
    let begun = tokio::time::Instant::now();
    let mut received = Vec::new();
    // It reads everything, and answers nothing.
    let reading = async {
        let mut piece = [0; 4096];
        while let Ok(count @ 1..) = client.read(&mut piece).await {
            received.extend_from_slice(&piece[..count]);
        }
    };
    let (end, ()) = tokio::join!(running, reading);
    assert_eq!(end.unwrap(), SocketEnd::Reset);
    assert!(
        begun.elapsed() >= Duration::from_secs(50),
        "20 s, and --stall"
    );
    assert!(begun.elapsed() < Duration::from_secs(60));
    assert_eq!(context.app.stalled.load(Ordering::Relaxed), 1);
    let text = String::from_utf8_lossy(&received);
    assert!(text.contains("event: hello"), "{text}");
}

#[tokio::test]
async fn a_stream_whose_worker_ends_is_reset_and_its_connection_goes_on() {
    let (context, client, running) = served(Config::default());
    let (mut sender, connection) = h2::client::handshake(client).await.unwrap();
    let client = tokio::spawn(connection);
    let get = |path: &str| {
        let uri = format!("http://localhost{path}");
        Request::get(uri).body(()).unwrap()
    };
    let (response, _) = sender
        .send_request(get("/rooms/lobby/events"), true)
        .unwrap();
    let mut body = response.await.unwrap().into_body();
    // A worker has it once something other than the hello was written.
    let room = RoomName::parse("lobby").unwrap();
    let text = MessageText::parse("x", 100).unwrap();
    let draft = Draft::new(UserName::parse("Alice").unwrap(), text);
    context.app.hub.publish(&room, draft).unwrap();
    let mut received = Vec::new();
    while !received.windows(13).any(|part| part == b"event: update") {
        received.extend(body.data().await.unwrap().unwrap());
    }
    context.fanout.panic_all();
    let end = body.data().await.unwrap().unwrap_err();
    assert!(end.is_reset(), "{end}");
    let (response, _) = sender.send_request(get("/healthz"), true).unwrap();
    assert_eq!(response.await.unwrap().status(), 200);
    drop((sender, body));
    client.await.unwrap().unwrap();
    assert_eq!(running.await.unwrap(), SocketEnd::Linger);
}
