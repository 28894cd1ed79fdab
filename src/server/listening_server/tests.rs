//! Streams over HTTP/1.0 on real connections, as seen only from within the server.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::Response;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{
    AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, DuplexStream, ReadBuf,
};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::*;
use crate::chat::{Draft, SubscribeOptions};
use crate::http::StreamHandoff;
use crate::protocol::Backlog;
use crate::protocol::{MessageText, RoomName, UserName};
use crate::server::body_gate::{BodyGate, GatedBody, UngatedBody};

const DEADLINE: Duration = Duration::from_secs(60);
const ASK: &[u8] = b"GET /rooms/a/events HTTP/1.0\r\n\r\n";

async fn within<T>(time: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, time).await.expect("in time")
}

fn server(change: impl FnOnce(&mut Config)) -> Server {
    let mut config = Config {
        listen: vec!["127.0.0.1:0".parse().unwrap()],
        ..Config::default()
    };
    change(&mut config);
    Server::bind(config).unwrap()
}

/// A client whose stream has begun.
async fn reader(address: SocketAddr) -> TcpStream {
    let mut client = TcpStream::connect(address).await.unwrap();
    client.write_all(ASK).await.unwrap();
    let mut text = Vec::new();
    while !text.windows(12).any(|part| part == b"event: hello") {
        assert_ne!(within(client.read_buf(&mut text)).await.unwrap(), 0);
    }
    client
}

fn publish(app: &App, text: &str) {
    let draft = Draft::new(
        UserName::parse("Alice").unwrap(),
        MessageText::parse(text, 5000).unwrap(),
    );
    app.hub
        .publish(&RoomName::parse("a").unwrap(), draft)
        .unwrap();
}

#[tokio::test]
async fn a_worker_that_panics_resets_its_streams_over_http_1_0() {
    let server = server(|_| {});
    let (address, fanout) = (server.addresses()[0], Arc::clone(&server.fanout));
    let app = Arc::clone(server.app());
    let _running = AbortOnDropHandle::new(tokio::spawn(server.run(std::future::pending())));
    let mut client = reader(address).await;
    // A worker has it once something other than the hello was written.
    publish(&app, "x");
    let mut text = Vec::new();
    while !text.windows(13).any(|part| part == b"event: update") {
        assert_ne!(within(client.read_buf(&mut text)).await.unwrap(), 0);
    }
    fanout.panic_all();
    let end = within(client.read_to_end(&mut Vec::new())).await;
    assert_eq!(end.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn a_stream_over_http_1_0_that_is_cut_counts_once() {
    let server = server(|config| config.grace = Duration::from_millis(200));
    let (address, app) = (server.addresses()[0], Arc::clone(server.app()));
    let stop = CancellationToken::new();
    let running = tokio::spawn(server.run(stop.clone().cancelled_owned()));
    let client = reader(address).await;
    // More than its sockets hold, so that the end of the stream is not sent.
    (0..2000).for_each(|_| publish(&app, &"x".repeat(4000)));
    stop.cancel();
    assert_eq!(within(running).await.unwrap(), Drained::Cut(1));
    drop(client);
}

/// The server's end of a connection, which records each write.
struct RecordedIo {
    inner: DuplexStream,
    writes: Arc<Mutex<Vec<String>>>,
}

impl AsyncRead for RecordedIo {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buf)
    }
}

impl AsyncWrite for RecordedIo {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let text = String::from_utf8_lossy(bytes).into_owned();
        self.writes.lock().unwrap().push(text);
        Pin::new(&mut self.inner).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

#[tokio::test]
async fn the_head_of_a_stream_over_http_1_0_and_its_first_event_are_one_write() {
    let server = server(|_| {});
    let (mut client, inner) = tokio::io::duplex(64 * 1024);
    let writes = Arc::<Mutex<Vec<String>>>::default();
    let recorded = RecordedIo {
        inner,
        writes: Arc::clone(&writes),
    };
    let service = service_fn(async |_| {
        let options = SubscribeOptions {
            backlog: Backlog::All,
            ..SubscribeOptions::to(server.app().default_room.clone())
        };
        let subscription = server.app().hub.subscribe(options).unwrap();
        let stream = StreamHandoff::without_request(server.app(), subscription);
        let body = UngatedBody::Stream(server.fanout.add_body(stream));
        let gated = GatedBody::new(body, &Arc::new(BodyGate::default()));
        Ok::<_, std::convert::Infallible>(Response::new(gated))
    });
    let serve = http1::Builder::new()
        .writev(false)
        .serve_connection(TokioIo::new(recorded), service);
    let read = async {
        client.write_all(ASK).await.unwrap();
        let mut text = Vec::new();
        while !text.windows(12).any(|part| part == b"event: hello") {
            assert_ne!(client.read_buf(&mut text).await.unwrap(), 0);
        }
    };
    tokio::select! {
        () = within(read) => {}
        served = serve => panic!("the stream ended: {served:?}"),
    }
    let first = writes.lock().unwrap()[0].clone();
    let body = first.split_once("\r\n\r\n").unwrap().1;
    assert!(first.starts_with("HTTP/1.0 200 OK\r\n"), "{first}");
    assert!(
        body.contains("\nevent: hello\n") && body.ends_with("]}\n\n"),
        "{first}"
    );
}
