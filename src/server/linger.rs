//! The end of a connection on which a request was answered while its body was
//! still on the way. Closed over bytes that nobody read, a socket resets the
//! connection, and a client or a proxy that is still writing may never see the
//! answer (RFC 9112, section 9.6).

use std::io;
use std::time::Duration;

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
