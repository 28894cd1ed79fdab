//! The end of a connection on which a request was answered while its body, or a
//! further request, was still on the way. Closed over bytes that nobody read, a socket resets the
//! connection, and a client or a proxy that is still writing may never see the
//! answer (RFC 9112, section 9.6).

use std::io;
use std::net::Shutdown;
use std::time::Duration;

use socket2::SockRef;
use tokio::net::TcpStream;

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

/// Writes a response that is the last, closes our side, and lingers.
pub(super) async fn last_words(stream: TcpStream, response: &[u8]) {
    let written = tokio::time::timeout(PATIENCE, write_and_close(&stream, response));
    if let Ok(Ok(())) = written.await {
        linger(stream).await;
    }
}

async fn write_and_close(stream: &TcpStream, mut response: &[u8]) -> io::Result<()> {
    while !response.is_empty() {
        stream.writable().await?;
        match stream.try_write(response) {
            Ok(count) => response = &response[count..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    SockRef::from(stream).shutdown(Shutdown::Write)
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
