//! A writer: sends one message after the other, each with a client id until it is
//! acknowledged, and records messages and responses. It may edit and delete some of
//! its messages.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use sse_chat::client::{Client, Error, PublishRequest};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

use crate::client_reader::client;
use crate::notes::Notes;
use crate::record::{Sent, Shown};

/// Timeout of a response before an impatient writer retries.
const ANSWER: Duration = Duration::from_secs(1);
/// The wait before a retry.
const PAUSE: Duration = Duration::from_millis(10);
/// A writer changes one of its last messages of this number.
const CHANGEABLE: usize = 5;
/// The edit key of all messages.
const KEY: &str = "0123456789abcdef";

pub(crate) struct Writer {
    address: SocketAddr,
    client: Client,
    /// Timeout of a response to a change.
    patience: Duration,
    changes: bool,
    /// Messages that it may change, as their places in the record.
    own: Vec<(usize, Shown)>,
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
            address,
            client: client(address).with_timeout(crate::DEADLINE),
            patience: crate::DEADLINE,
            changes: false,
            own: Vec::new(),
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
        self.patience = ANSWER;
        self
    }

    /// Edits and deletes some of its messages.
    pub(crate) fn changing(mut self) -> Self {
        self.changes = true;
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
            // Before the message: the acknowledged ones end with a message.
            if self.changes && self.random.u8(0..3) == 0 {
                self.change_one().await;
            }
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
            changes: Vec::new(),
        });
        let say = PublishRequest {
            name: &self.name,
            message: &text,
            client_id: Some(&client_id),
            edit_key: self.changes.then_some(KEY),
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
        self.own.push((index, answer.clone()));
        if self.own.len() > CHANGEABLE {
            self.own.remove(0);
        }
        answer
    }

    /// Edits or deletes one of its last messages. It forgets those that are deleted or
    /// that the server no longer has.
    async fn change_one(&mut self) {
        let Some(place) = self.random.choice(0..self.own.len()) else {
            return;
        };
        let (index, message) = self.own[place].clone();
        let edits = self.notes.record().sent[index].changes.len() + 1;
        let text =
            (self.random.u8(0..4) > 0).then(|| format!("{} edit {edits}", message.client_id));
        self.notes.changing(index, text.clone());
        let is_done = self.request(&message, text.as_deref()).await;
        if is_done {
            self.notes.changed(index);
        }
        if text.is_none() || !is_done {
            self.own.remove(place);
        }
    }

    /// Repeats the request until it is answered. Returns whether the server had the
    /// message.
    async fn request(&self, message: &Shown, text: Option<&str>) -> bool {
        let method = if text.is_some() { "PATCH" } else { "DELETE" };
        let path = format!("/rooms/{}/messages/{}", message.room, message.id);
        let (address, text) = (self.address, text.unwrap_or_default());
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nEdit-Key: {KEY}\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n{text}",
            text.len()
        );
        loop {
            let answer = tokio::time::timeout(self.patience, ask(address, &request)).await;
            match answer {
                Ok(Some(200 | 204)) => return true,
                Ok(Some(404)) => return false,
                Ok(Some(status @ 400..500)) if status != 408 => panic!("{status} to {request}"),
                _ => tokio::time::sleep(PAUSE).await,
            }
        }
    }
}

/// The status of the answer, unless the connection broke.
async fn ask(address: SocketAddr, request: &str) -> Option<u16> {
    let mut stream = TcpStream::connect(address).await.ok()?;
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut answer = Vec::new();
    // After a cut there may be an answer all the same.
    let _ = stream.read_to_end(&mut answer).await;
    let answer = String::from_utf8_lossy(&answer);
    let status = answer.strip_prefix("HTTP/1.1 ")?.get(..4)?;
    status.strip_suffix(' ')?.parse().ok()
}
