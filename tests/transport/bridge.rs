//! A bridge from HTTP/1.1 to HTTP/2: each request that is written to it is sent on one
//! HTTP/2 connection, and the answer comes back as HTTP/1.1. So one test runs over both.

use std::io;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http2::{Builder, SendRequest};
use hyper::header::{CONNECTION, CONTENT_LENGTH, HOST};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, DuplexStream};
use tokio_util::task::AbortOnDropHandle;

use super::test_socket::{Bridged, TestSocket};

/// The bytes that a reader which stops has not taken: little, so that it is felt by the
/// server.
const PIPE: usize = 4096;

/// The windows of HTTP/2, as small as the protocol's initial ones.
const WINDOW: u32 = 65_535;

/// Begins HTTP/2 on `connection`.
pub(super) async fn start(
    scheme: &'static str,
    connection: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    socket: std::net::TcpStream,
) -> io::Result<TestSocket> {
    let (sender, driver) = Builder::new(TokioExecutor::new())
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(WINDOW)
        .handshake(TokioIo::new(connection))
        .await
        .map_err(io::Error::other)?;
    let (near, far) = tokio::io::duplex(PIPE);
    let running = tokio::spawn(async move {
        // An aborted bridge takes its connection with it.
        let driver = AbortOnDropHandle::new(tokio::spawn(async move { drop(driver.await) }));
        let mut bridge = Bridge {
            scheme,
            sender,
            far,
            received: Vec::new(),
        };
        // The user learns of an error by the end of the bytes.
        let _ = bridge.run().await;
        let Bridge { sender, far, .. } = bridge;
        drop(sender);
        // It says goodbye to the server before the user sees the end.
        let _ = driver.await;
        drop(far);
    });
    Ok(TestSocket::Http2(Bridged {
        near,
        socket,
        _running: AbortOnDropHandle::new(running),
    }))
}

struct Bridge {
    scheme: &'static str,
    sender: SendRequest<Full<Bytes>>,
    far: DuplexStream,
    /// Bytes of the user that belong to no request yet.
    received: Vec<u8>,
}

/// A request whose body is still to come.
struct Head {
    request: Request<Full<Bytes>>,
    /// The length of the head.
    bytes: usize,
    /// The length of the body.
    body: usize,
}

impl Bridge {
    /// Answers requests until one side is done.
    async fn run(&mut self) -> io::Result<()> {
        loop {
            let Some((request, is_last)) = self.request().await? else {
                return Ok(());
            };
            let method = request.method().clone();
            let answer = self.sender.send_request(request);
            let answer = answer.await.map_err(io::Error::other)?;
            let is_framed = answer.headers().contains_key(CONTENT_LENGTH)
                || method == Method::HEAD
                || matches!(
                    answer.status(),
                    StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED
                );
            self.head(&answer, is_framed).await?;
            self.body(answer.into_body(), is_framed).await?;
            // After a stream, a connection of HTTP/1.1 is closed.
            if is_last || !is_framed {
                return Ok(());
            }
        }
    }

    /// The next request, and whether its connection ends with it; `None` at the end.
    async fn request(&mut self) -> io::Result<Option<(Request<Full<Bytes>>, bool)>> {
        let Head {
            mut request,
            bytes: head,
            body: length,
        } = loop {
            if let Some(parsed) = self.parsed()? {
                break parsed;
            }
            if self.far.read_buf(&mut self.received).await? == 0 {
                return Ok(None);
            }
        };
        while self.received.len() < head + length {
            if self.far.read_buf(&mut self.received).await? == 0 {
                return Ok(None);
            }
        }
        let body = self.received.drain(..head + length).skip(head).collect();
        *request.body_mut() = Full::new(body);
        let close = request.headers_mut().remove(CONNECTION);
        Ok(Some((request, close.is_some_and(|value| value == "close"))))
    }

    /// The head of the next request, once it is whole.
    fn parsed(&self) -> io::Result<Option<Head>> {
        let mut fields = [httparse::EMPTY_HEADER; 64];
        let mut head = httparse::Request::new(&mut fields);
        let parsed = head.parse(&self.received).map_err(io::Error::other)?;
        let httparse::Status::Complete(bytes) = parsed else {
            return Ok(None);
        };
        let field = |name: &str| {
            let mut all = head.headers.iter();
            let found = all.find(|field| field.name.eq_ignore_ascii_case(name))?;
            std::str::from_utf8(found.value).ok()
        };
        let length = field(CONTENT_LENGTH.as_str()).map_or(Ok(0), str::parse);
        let authority = field(HOST.as_str()).unwrap_or("localhost");
        let path = head.path.unwrap_or("/");
        let mut request = Request::builder()
            .method(head.method.unwrap_or("GET"))
            .uri(format!("{}://{authority}{path}", self.scheme));
        for field in head.headers.iter() {
            if !field.name.eq_ignore_ascii_case(HOST.as_str()) {
                request = request.header(field.name, field.value);
            }
        }
        let request = request.body(Full::default()).map_err(io::Error::other)?;
        Ok(Some(Head {
            request,
            bytes,
            body: length.map_err(io::Error::other)?,
        }))
    }

    async fn head(&mut self, answer: &Response<Incoming>, is_framed: bool) -> io::Result<()> {
        let mut head = format!("HTTP/1.1 {}\r\n", answer.status()).into_bytes();
        for (name, value) in answer.headers() {
            head.extend_from_slice(name.as_str().as_bytes());
            head.extend_from_slice(b": ");
            head.extend_from_slice(value.as_bytes());
            head.extend_from_slice(b"\r\n");
        }
        if !is_framed {
            head.extend_from_slice(b"transfer-encoding: chunked\r\n");
        }
        head.extend_from_slice(b"\r\n");
        self.far.write_all(&head).await
    }

    /// Passes the body on, until its end or that of the user.
    async fn body(&mut self, mut body: Incoming, is_framed: bool) -> io::Result<()> {
        loop {
            let frame = tokio::select! {
                frame = body.frame() => frame,
                // More requests may come; the end of the user ends the answer.
                read = self.far.read_buf(&mut self.received) => match read? {
                    0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                    _ => continue,
                },
            };
            let Some(frame) = frame else { break };
            let frame = frame.map_err(io::Error::other)?;
            let Ok(data) = frame.into_data() else {
                continue;
            };
            if is_framed {
                self.far.write_all(&data).await?;
            } else if !data.is_empty() {
                let size = format!("{:x}\r\n", data.len());
                self.far.write_all(size.as_bytes()).await?;
                self.far.write_all(&data).await?;
                self.far.write_all(b"\r\n").await?;
            }
        }
        if !is_framed {
            self.far.write_all(b"0\r\n\r\n").await?;
        }
        Ok(())
    }
}
