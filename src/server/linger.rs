//! The end of a connection on which a request was refused while its body was
//! still on the way. Closed over bytes that nobody read, a socket resets the
//! connection, and a client or a proxy that is still writing may never see the
//! answer (RFC 9112, section 9.6).

use std::convert::Infallible;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hyper::body::SizeHint;
use hyper::header::{CONNECTION, HeaderValue};
use hyper::{Response, StatusCode};
use tokio::net::TcpStream;

use crate::http::Refusal;

/// A body of at most so many bytes has mostly come with its head, and hyper
/// drops it itself.
const SMALL: u64 = 4096;

/// Whether the last request's body may have been left where it was.
#[derive(Debug, Default)]
pub(super) struct Unread(AtomicBool);

impl Unread {
    /// Takes note of how a request is answered: what is refused may have been
    /// refused before its body was read. With a large one, it is the last on its
    /// connection, and the answer says so.
    pub(super) async fn watch<B>(
        &self,
        body: SizeHint,
        answer: impl Future<Output = Result<Response<B>, Infallible>>,
    ) -> Result<Response<B>, Infallible> {
        let has_body = body.exact() != Some(0);
        let is_large = body.upper().is_none_or(|most| most > SMALL);
        let mut response = answer.await?;
        let is_refused = response.extensions().get::<Refusal>().is_some();
        self.0.store(has_body && is_refused, Ordering::Relaxed);
        let is_late = response.status() == StatusCode::REQUEST_TIMEOUT;
        if is_refused && (is_large || is_late) {
            // hyper closes where a body was left, but does not say so: a
            // proxy would put its next request into the connection.
            let close = HeaderValue::from_static("close");
            response.headers_mut().insert(CONNECTION, close);
        }
        Ok(response)
    }

    pub(super) fn is_likely(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// How long the client has to finish writing and to read its answer.
const PATIENCE: Duration = Duration::from_secs(2);
/// Bytes that it may still send.
const MOST: usize = 1 << 20;

/// Drops what still comes, until the client closes, too. Our side of `stream`
/// is closed.
pub(super) async fn linger(stream: TcpStream) {
    // However it ends, this was only for the client's sake.
    let _ = tokio::time::timeout(PATIENCE, drop_what_comes(&stream)).await;
}

async fn drop_what_comes(stream: &TcpStream) -> io::Result<()> {
    let mut dropped = 0;
    while dropped < MOST {
        stream.readable().await?;
        // No buffer is kept while nothing comes.
        match stream.try_read(&mut [0; 4096]) {
            Ok(0) => break,
            Ok(count) => dropped += count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
