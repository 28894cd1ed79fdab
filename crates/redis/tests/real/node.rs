//! A node: what a server of this project does with the shared history, for tests.

use std::time::Duration;

use sse_chat_redis::{
    Bounds, CallError, Entry, Item, NewEntry, Opened, PublishAnswer, ReadEvent, Reader, RetryKey,
    Settings, SharedLog,
};

use crate::engine::{DEADLINE, Engine};

pub(crate) fn settings(engine: &Engine) -> Settings {
    Settings {
        url: format!("redis://127.0.0.1:{}", engine.port()),
        user: None,
        password: None,
        ca_certificates: None,
        namespace: "test".parse().unwrap(),
        bounds: Bounds {
            entries: 1_000,
            bytes: 1 << 20,
            log: 10_000,
            log_bytes: 100_000_000,
        },
        replicas: None,
        connections: 2,
        timeout: Duration::from_secs(5),
    }
}

/// A server of this project: a history for calls, and a reader.
pub(crate) struct Node {
    pub(crate) log: SharedLog,
    pub(crate) reader: Reader,
    pub(crate) epoch: String,
}

pub(crate) fn message<'a>(room: &'a str, content: &'a str, client_id: &'a str) -> NewEntry<'a> {
    NewEntry {
        room,
        is_message: true,
        content: content.as_bytes(),
        retry_key: Some(RetryKey {
            client_id,
            request: "hash",
        }),
    }
}

impl Node {
    pub(crate) async fn join(settings: Settings) -> Self {
        let joined = SharedLog::connect(settings).await;
        Self::of(joined.unwrap())
    }

    /// Joins over connections that may be cut. It reads from the first entry on.
    pub(crate) async fn try_join(settings: Settings) -> Self {
        let join = async {
            loop {
                if let Ok((log, opened)) = SharedLog::connect(settings.clone()).await {
                    return (log, Opened { seq: 0, ..opened });
                }
            }
        };
        let joined = tokio::time::timeout(DEADLINE, join).await;
        Self::of(joined.unwrap())
    }

    fn of((log, opened): (SharedLog, Opened)) -> Self {
        Self {
            reader: log.reader(&opened),
            log,
            epoch: opened.epoch,
        }
    }

    pub(crate) async fn publish(
        &self,
        room: &str,
        content: &str,
    ) -> Result<PublishAnswer, CallError> {
        self.log
            .publish(&self.epoch, message(room, content, content))
            .await
    }

    /// Publishes until the replicas have it: a slow machine needs more than one try.
    pub(crate) async fn publish_until_replicated(&self, content: &str) {
        let publish = async {
            loop {
                match self.publish("lobby", content).await {
                    Ok(PublishAnswer::Assigned(_) | PublishAnswer::Repeated(_)) => return,
                    Err(CallError::NotReplicated) => {}
                    other => panic!("{other:?}"),
                }
            }
        };
        tokio::time::timeout(DEADLINE, publish).await.unwrap();
    }

    /// Publishes until it is answered, as a sender with a client id does. Returns the seq.
    pub(crate) async fn publish_surely(&mut self, content: &str) -> u64 {
        self.publish_surely_in("lobby", content).await
    }

    pub(crate) async fn publish_surely_in(&mut self, room: &str, content: &str) -> u64 {
        let publish = async {
            loop {
                match self.publish(room, content).await {
                    Ok(PublishAnswer::Assigned(assigned)) => return assigned.seq,
                    Ok(PublishAnswer::Repeated(seq)) => return seq,
                    Ok(PublishAnswer::OtherEpoch(epoch)) => self.epoch = epoch,
                    Ok(PublishAnswer::Reused) => panic!("the same request"),
                    Err(CallError::Unavailable(_)) => tokio::task::yield_now().await,
                    Err(error) => panic!("{error}"),
                }
            }
        };
        tokio::time::timeout(DEADLINE, publish).await.unwrap()
    }

    pub(crate) async fn next(&mut self) -> ReadEvent {
        tokio::time::timeout(DEADLINE, self.reader.next())
            .await
            .unwrap()
    }

    pub(crate) async fn opened(&mut self) -> Opened {
        loop {
            match self.next().await {
                ReadEvent::Opened(opened) => return opened,
                ReadEvent::Away(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// The next `count` entries.
    pub(crate) async fn entries(&mut self, count: usize) -> Vec<Entry> {
        let entries = tokio::time::timeout(3 * DEADLINE, self.read_entries(count));
        entries.await.unwrap()
    }

    async fn read_entries(&mut self, count: usize) -> Vec<Entry> {
        let mut entries = Vec::new();
        while entries.len() < count {
            let ReadEvent::Items(items) = self.next().await else {
                continue;
            };
            entries.extend(items.into_iter().filter_map(|(_, item)| match item {
                Item::Entry { entry, .. } => Some(entry),
                _ => None,
            }));
        }
        assert_eq!(entries.len(), count);
        entries
    }

    pub(crate) async fn contents(&mut self, count: usize) -> Vec<String> {
        let content = |entry: Entry| String::from_utf8(entry.content).unwrap();
        self.entries(count).await.into_iter().map(content).collect()
    }
}

pub(crate) fn run<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = { runtime }.worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(test)
}

/// The first event that is not the begin of the connection.
pub(crate) async fn skip_opened(node: &mut Node) -> ReadEvent {
    loop {
        match node.next().await {
            ReadEvent::Opened(_) => {}
            event => return event,
        }
    }
}
