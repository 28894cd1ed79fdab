//! A writer: sends one message after the other, each with a client id until it is
//! acknowledged, and records messages and responses.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use sse_chat::client::{Client, Error, PublishRequest};
use tokio::sync::Semaphore;

use crate::client_reader::client;
use crate::notes::Notes;
use crate::record::{Sent, Shown};

/// Timeout of a response before an impatient writer retries.
const ANSWER: Duration = Duration::from_secs(1);
/// The wait before a retry.
const PAUSE: Duration = Duration::from_millis(10);

pub(crate) struct Writer {
    client: Client,
    notes: Notes,
    name: String,
    rooms: Vec<String>,
    /// Bytes of each text in addition to its identification.
    filler: usize,
    n: u64,
    random: fastrand::Rng,
}

impl Writer {
    pub(crate) fn new(
        address: SocketAddr,
        notes: Notes,
        name: &str,
        rooms: &[&str],
        random: fastrand::Rng,
    ) -> Self {
        Self {
            client: client(address).with_timeout(crate::DEADLINE),
            notes,
            name: name.to_owned(),
            rooms: rooms.iter().map(|&room| room.to_owned()).collect(),
            filler: 0,
            n: 0,
            random,
        }
    }

    /// Retries after a timeout: for tests that drop responses. Otherwise a timeout
    /// means a slow machine, and a message that history has evicted meanwhile would
    /// be published twice.
    pub(crate) fn impatient(mut self) -> Self {
        self.client = self.client.with_timeout(ANSWER);
        self
    }

    /// Makes each text about `bytes` bytes longer.
    pub(crate) fn with_filler(mut self, bytes: usize) -> Self {
        self.filler = bytes;
        self
    }

    /// Sends a message per permit until the semaphore is closed.
    pub(crate) async fn write(mut self, allowed: Arc<Semaphore>) {
        while let Ok(permit) = allowed.acquire().await {
            permit.forget();
            let room = self.random.choice(&self.rooms).cloned().unwrap();
            self.publish(&room).await;
        }
    }

    /// Sends one message to a room and returns the response.
    pub(crate) async fn publish(&mut self, room: &str) -> Shown {
        self.n += 1;
        let client_id = format!("{}-{}", self.name, self.n);
        let text = format!("{client_id} {}", "x".repeat(self.filler));
        let text = text.trim_end().to_owned();
        let index = self.notes.sending(Sent {
            room: room.to_owned(),
            writer: self.name.clone(),
            n: self.n,
            client_id: client_id.clone(),
            text: text.clone(),
            answer: None,
        });
        let say = PublishRequest {
            name: &self.name,
            message: &text,
            client_id: Some(&client_id),
            ..PublishRequest::default()
        };
        let answer = loop {
            match self.client.publish(room, &say).await {
                Ok(said) => {
                    assert_eq!(said.message.client_id.as_deref(), Some(&*client_id));
                    break Shown::parse(std::str::from_utf8(&said.json).unwrap()).unwrap();
                }
                Err(Error::Refused(refusal)) if !refusal.is_transient() => panic!("{refusal}"),
                Err(_) => tokio::time::sleep(PAUSE).await,
            }
        };
        self.notes.answered(index, answer.clone());
        answer
    }
}
