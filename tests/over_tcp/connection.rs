//! A connection that carries several requests, read answer by answer.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::event_reader::EventReader;
use super::support::{Response, TestServer, read_to_close, within};
use crate::transport::TestSocket;

pub(crate) struct Connection {
    stream: TestSocket,
    /// Received bytes that belong to no answer yet.
    received: Vec<u8>,
}

impl Connection {
    pub(crate) async fn to(server: &TestServer) -> Self {
        Self {
            stream: server.open().await,
            received: Vec::new(),
        }
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        within(self.stream.write_all(bytes.as_ref())).await.unwrap();
    }

    /// Closes the sending half.
    pub(crate) async fn finish(&mut self) {
        within(self.stream.shutdown()).await.unwrap();
    }

    /// The next answer with its announced body.
    pub(crate) async fn answer(&mut self) -> Response {
        let mut answer = self.answer_to_head().await;
        let length = match (answer.status, answer.header("content-length")) {
            (100..200 | 204 | 304, _) => 0,
            (_, Some(length)) => length.parse().unwrap(),
            (_, None) => panic!("an answer without a length: {answer:?}"),
        };
        while self.received.len() < length {
            self.receive().await;
        }
        answer.body = self.received.drain(..length).collect();
        answer
    }

    /// The next answer to a HEAD request: without a body, whatever it announces.
    pub(crate) async fn answer_to_head(&mut self) -> Response {
        let end = loop {
            if let Some(end) = end_of_head(&self.received) {
                break end;
            }
            self.receive().await;
        };
        let head: Vec<u8> = self.received.drain(..end).collect();
        Response::parse(&head)
    }

    /// Reads the connection as the event stream that was requested last.
    pub(crate) async fn events(self) -> EventReader {
        EventReader::begin(self.stream, self.received).await
    }

    /// All bytes until the server closes.
    pub(crate) async fn rest(mut self) -> Vec<u8> {
        let more = read_to_close(&mut self.stream).await;
        self.received.extend(more);
        self.received
    }

    async fn receive(&mut self) {
        let read = within(self.stream.read_buf(&mut self.received))
            .await
            .unwrap();
        assert_ne!(
            read,
            0,
            "closed after {:?}",
            String::from_utf8_lossy(&self.received)
        );
    }
}

fn end_of_head(bytes: &[u8]) -> Option<usize> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    Some(end + 4)
}
