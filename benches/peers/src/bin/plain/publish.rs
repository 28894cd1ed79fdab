//! Publishing: one connection per message, with one marker byte in each payload.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// The marker byte: once in each payload, and nowhere else in a stream.
pub(crate) const MARK: u8 = b'~';
const ANSWER_LIMIT: Duration = Duration::from_secs(20);

/// The request of every message.
#[derive(Debug)]
pub(crate) struct Publisher {
    address: SocketAddr,
    request: Vec<u8>,
}

/// A sent message whose answer was not read yet.
#[derive(Debug)]
pub(crate) struct Sent(TcpStream);

impl Publisher {
    /// A publisher of payloads of `size` bytes, which replace `{payload}` in `body`.
    pub(crate) fn new(address: SocketAddr, body: &str, size: usize) -> Self {
        let body = body.replace("{payload}", &payload(size));
        let length = body.len();
        let request = format!(
            "POST /rooms/bench-0/messages HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        let request = request.into_bytes();
        Self { address, request }
    }

    /// Sends a message. Its answer is read later, so that readers are served first.
    pub(crate) fn send(&self) -> io::Result<Sent> {
        let mut socket = TcpStream::connect(self.address)?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(ANSWER_LIMIT))?;
        socket.write_all(&self.request)?;
        Ok(Sent(socket))
    }
}

impl Sent {
    /// Waits for the first bytes of the answer. An error if the message is refused.
    pub(crate) fn answered(mut self) -> io::Result<()> {
        let mut answer = [0; 256];
        let length = self.0.read(&mut answer)?;
        let answer = String::from_utf8_lossy(&answer[..length]);
        match answer.starts_with("HTTP/1.1 2") {
            true => Ok(()),
            false => {
                let line = answer.lines().next().unwrap_or("no answer");
                Err(io::Error::other(format!("a message was refused: {line}")))
            }
        }
    }
}

fn payload(size: usize) -> String {
    let filling = "x".repeat(size.saturating_sub(1));
    format!("{filling}{}", char::from(MARK))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_has_the_mark_once() {
        let address = SocketAddr::from(([127, 0, 0, 1], 1));
        let publisher = Publisher::new(address, r#"{"message":"{payload}"}"#, 100);
        let marks = publisher.request.iter().filter(|byte| **byte == MARK);
        assert_eq!(marks.count(), 1);
        let text = String::from_utf8(publisher.request).expect("text");
        assert!(text.contains("Content-Length: 114\r\n"), "{text}");
    }
}
