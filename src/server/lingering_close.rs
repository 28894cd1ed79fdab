//! Lingering close (RFC 9112, section 9.6): the end of a connection whose client
//! may still be sending. A socket that is closed with unread data resets the
//! connection, and a client or a proxy that is still writing may never see the
//! answer.

use std::io;
use std::time::Duration;

use super::client_stream::ClientStream;

/// Time for the client to finish sending and to read its answer.
const TIMEOUT: Duration = Duration::from_secs(2);
/// Bytes that the client may still send.
const MAX_DISCARDED: usize = 1 << 20;

/// Discards incoming data until the client closes, too. The server's side of
/// `stream` is closed already.
pub(super) async fn linger(mut stream: ClientStream) {
    // It serves only the client: errors and the timeout do not matter.
    let _ = tokio::time::timeout(TIMEOUT, discard(&mut stream)).await;
}

/// Writes the last response, closes the server's side, and lingers.
pub(super) async fn write_and_linger(mut stream: ClientStream, response: &[u8]) {
    let written = tokio::time::timeout(TIMEOUT, stream.write_last(response)).await;
    if let Ok(Ok(())) = written {
        linger(stream).await;
    }
}

async fn discard(stream: &mut ClientStream) -> io::Result<()> {
    let mut discarded = 0;
    while discarded < MAX_DISCARDED {
        match stream.read_piece(usize::MAX, |_| {}).await? {
            0 => break,
            count => discarded += count,
        }
    }
    Ok(())
}
