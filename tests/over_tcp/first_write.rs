//! The protocol: the head of a stream and its first event leave in the
//! same write. Over a socket two writes can't be told from one when the reader
//! comes late, so here the service speaks to a pipe that notes each write.

use std::convert::Infallible;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use sse_chat::config::Config;
use sse_chat::http::{App, Body, Caller, EventStream, Reply, answer};
use tokio::io::{
    AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, DuplexStream, ReadBuf,
};

use super::support::within;

/// The server's end of a pipe.
struct Noted {
    pipe: DuplexStream,
    writes: Arc<Mutex<Vec<String>>>,
}

impl AsyncRead for Noted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.pipe).poll_read(cx, buf)
    }
}

impl AsyncWrite for Noted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.pipe).poll_write(cx, bytes);
        if let Poll::Ready(Ok(written)) = written {
            let text = String::from_utf8_lossy(&bytes[..written]);
            self.writes.lock().unwrap().push(text.into_owned());
        }
        written
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let parts: Vec<&[u8]> = parts.iter().map(|part| &**part).collect();
        self.poll_write(cx, &parts.concat())
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.pipe).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.pipe).poll_shutdown(cx)
    }
}

#[tokio::test]
async fn the_head_and_the_first_event_are_one_write() {
    let app = Arc::new(App::new(Config::default()).unwrap());
    for path in [
        "/rooms/lobby/events",
        "/events?room=a&room=b&name=Alice",
        "/sse.php",
    ] {
        let (mut client, pipe) = tokio::io::duplex(64 * 1024);
        let writes = Arc::default();
        let server = Noted {
            pipe,
            writes: Arc::clone(&writes),
        };
        let app = &app;
        let here = "127.0.0.1:80".parse().unwrap();
        let caller = Caller::new(here, here, None);
        let body = |reply| match reply {
            Reply::Body(body) => body,
            Reply::Stream(stream) => Body::Events(Box::new(EventStream::new(app, *stream))),
        };
        let service = service_fn(|request| async move {
            Ok::<_, Infallible>(answer(app, caller, request).await.map(body))
        });
        let serve = http1::Builder::new().serve_connection(TokioIo::new(server), service);
        let read = async {
            let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n");
            client.write_all(request.as_bytes()).await.unwrap();
            let mut bytes = Vec::new();
            while !bytes.windows(12).any(|at| at == b"event: hello") {
                assert_ne!(client.read_buf(&mut bytes).await.unwrap(), 0);
            }
        };
        tokio::select! {
            () = within(read) => {}
            served = serve => panic!("the stream ended: {served:?}"),
        }
        let writes = writes.lock().unwrap();
        let first = &writes[0];
        assert!(
            first.starts_with("HTTP/1.1 200 OK\r\n"),
            "{path}: {writes:?}"
        );
        let body = first.split_once("\r\n\r\n").unwrap().1;
        assert!(
            body.contains("retry: ")
                && body.contains("\nevent: hello\n")
                && body.ends_with("\n\n\r\n"),
            "{path}: {writes:?}"
        );
    }
}
