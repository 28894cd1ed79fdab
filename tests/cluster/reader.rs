//! A reader that goes on at another node when its own one fails.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sse_chat::client::{ClientEvent, ObservedGap, RetryPolicy, SubscribeRequest};
use sse_chat::protocol::Message;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::node::Url;
use crate::record::{Id, Published, Record, Seen};
use crate::within;

/// The silence after which a reader gives its node up. Pings come each second.
const SILENCE: Duration = Duration::from_secs(3);
/// The wait before another node is tried.
const PAUSE: Duration = Duration::from_millis(20);

/// A reader at work.
pub(crate) struct Reader {
    record: Arc<Mutex<Record>>,
    count: watch::Receiver<usize>,
    task: JoinHandle<()>,
}

/// The task of a reader.
struct Reading {
    urls: Vec<Url>,
    rooms: Vec<String>,
    random: fastrand::Rng,
    cursor: Option<String>,
    record: Arc<Mutex<Record>>,
    count: watch::Sender<usize>,
}

impl Reader {
    /// Begins at one of the nodes. Its stream is open once this is done.
    pub(crate) async fn begin(urls: &[Url], rooms: &[&str], random: fastrand::Rng) -> Self {
        let rooms: Vec<String> = rooms.iter().map(|&room| room.to_owned()).collect();
        let record = Arc::new(Mutex::new(Record {
            rooms: rooms.clone(),
            seen: Vec::new(),
        }));
        let (count, mut opened) = watch::channel(0);
        let reading = Reading {
            urls: urls.to_owned(),
            rooms,
            random,
            cursor: None,
            record: Arc::clone(&record),
            count,
        };
        let task = tokio::spawn(reading.run());
        within(opened.wait_for(|count| *count > 0)).await.unwrap();
        Self {
            record,
            count: opened,
            task,
        }
    }

    /// Waits until it has seen the last message of each of its rooms.
    pub(crate) async fn end(mut self, last: &BTreeMap<String, Id>) -> Record {
        let has_all = |_: &usize| {
            let record = self.record.lock().unwrap();
            record.rooms.iter().all(|room| {
                let Some(last) = last.get(room) else {
                    return true;
                };
                record.seen.iter().any(|seen| {
                    matches!(seen, Seen::Message(message) if message.room == *room && message.id >= *last)
                })
            })
        };
        within(self.count.wait_for(has_all)).await.unwrap();
        self.task.abort();
        std::mem::take(&mut self.record.lock().unwrap())
    }
}

impl Reading {
    async fn run(mut self) {
        loop {
            let url = self.random.choice(&self.urls).unwrap().clone();
            self.read_at(&url).await;
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Reads until the stream ends, or is silent.
    async fn read_at(&mut self, url: &Url) {
        let mut stream = url.client().subscribe(SubscribeRequest {
            rooms: self.rooms.clone(),
            cursor: self.cursor.clone(),
            retry: RetryPolicy::AfterFirstConnect,
            ..SubscribeRequest::to("")
        });
        loop {
            let event = match tokio::time::timeout(SILENCE, stream.next()).await {
                Ok(Ok(Some(ClientEvent::Cut { .. }) | None) | Err(_)) | Err(_) => return,
                Ok(Ok(Some(event))) => event,
            };
            self.see(event);
            self.cursor = stream.cursor().map(str::to_owned);
            self.count.send_modify(|count| *count += 1);
        }
    }

    fn see(&self, event: ClientEvent) {
        let seen = match event {
            ClientEvent::Message { message, .. } => Seen::Message(published(&message)),
            ClientEvent::Gap(ObservedGap { gap, .. }) => Seen::Gap {
                room: gap.room,
                reason: gap.reason.to_string(),
            },
            ClientEvent::Missing { .. } => Seen::Wrong(event.to_string()),
            _ => return,
        };
        self.record.lock().unwrap().seen.push(seen);
    }
}

/// A message as it is compared.
pub(crate) fn published(message: &Message<'_>) -> Published {
    Published {
        room: message.room.clone().into_owned(),
        id: message.id.to_string().parse().unwrap(),
        number: message.number,
        text: message.message.clone().into_owned(),
    }
}
