//! Lingering close (RFC 9112, section 9.6): the end of a connection whose client
//! may still be sending. A socket that is closed with unread data resets the
//! connection, and a client or a proxy that is still writing may never see the
//! answer.

use std::io;
use std::net::Shutdown;
use std::time::Duration;

use socket2::SockRef;
use tokio::net::TcpStream;

/// Time for the client to finish sending and to read its answer.
const TIMEOUT: Duration = Duration::from_secs(2);
/// Bytes that the client may still send.
const MAX_DISCARDED: usize = 1 << 20;

/// Discards incoming data until the client closes, too. The server's side of
/// `stream` is closed already.
pub(super) async fn linger(stream: TcpStream) {
    // It serves only the client: errors and the timeout do not matter.
    let _ = tokio::time::timeout(TIMEOUT, discard(&stream)).await;
}

/// Writes the last response, closes the server's side, and lingers.
pub(super) async fn write_and_linger(stream: TcpStream, response: &[u8]) {
    let written = tokio::time::timeout(TIMEOUT, write_and_close(&stream, response));
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

async fn discard(stream: &TcpStream) -> io::Result<()> {
    let mut discarded = 0;
    while discarded < MAX_DISCARDED {
        stream.readable().await?;
        // On the stack: no buffer is held while nothing arrives.
        match stream.try_read(&mut [0; 4096]) {
            Ok(0) => break,
            Ok(count) => discarded += count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
