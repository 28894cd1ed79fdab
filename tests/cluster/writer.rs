//! Writers that repeat what was not answered, with the same client id, at any node.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sse_chat::client::{Error, PublishRequest};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::cluster::ROOMS;
use crate::node::Url;
use crate::reader::published;
use crate::record::Published;
use crate::within;

const WRITERS: usize = 6;
/// The wait before a request is repeated.
const PAUSE: Duration = Duration::from_millis(20);
/// The longest wait for an answer: a frozen node gives none.
const TIMEOUT: Duration = Duration::from_secs(8);

/// Writers at work.
pub(crate) struct Writers {
    tasks: JoinSet<()>,
    shared: Arc<Shared>,
    count: watch::Receiver<usize>,
}

#[derive(Default)]
struct Shared {
    published: Mutex<Vec<Published>>,
    is_ending: AtomicBool,
    refused: watch::Sender<usize>,
}

impl Writers {
    pub(crate) fn begin(urls: &[Url], random: &mut fastrand::Rng) -> Self {
        let (count, counted) = watch::channel(0);
        let shared = Arc::<Shared>::default();
        let mut tasks = JoinSet::new();
        for writer in 0..WRITERS {
            let (urls, random) = (urls.to_owned(), random.fork());
            let (shared, count) = (Arc::clone(&shared), count.clone());
            tasks.spawn(write(writer, urls, random, shared, count));
        }
        Self {
            tasks,
            shared,
            count: counted,
        }
    }

    pub(crate) async fn more(&self, more: usize) {
        let mut count = self.count.clone();
        let target = *count.borrow() + more;
        within(count.wait_for(|count| *count >= target))
            .await
            .unwrap();
    }

    pub(crate) async fn more_refused(&self, more: usize) {
        let mut count = self.shared.refused.subscribe();
        let target = *count.borrow() + more;
        within(count.wait_for(|count| *count >= target))
            .await
            .unwrap();
    }

    /// Ends each one at once.
    pub(crate) fn stop(mut self) -> Vec<Published> {
        self.tasks.abort_all();
        std::mem::take(&mut self.shared.published.lock().unwrap())
    }

    /// Lets each one finish its message.
    pub(crate) async fn end(mut self) -> Vec<Published> {
        self.shared.is_ending.store(true, Ordering::Relaxed);
        while let Some(ended) = within(self.tasks.join_next()).await {
            ended.unwrap();
        }
        std::mem::take(&mut self.shared.published.lock().unwrap())
    }
}

async fn write(
    writer: usize,
    urls: Vec<Url>,
    mut random: fastrand::Rng,
    shared: Arc<Shared>,
    count: watch::Sender<usize>,
) {
    let mut number = 0;
    while !shared.is_ending.load(Ordering::Relaxed) {
        number += 1;
        let id = format!("w{writer}-{number}");
        let room = ROOMS[random.usize(..ROOMS.len())];
        let request = PublishRequest {
            name: "Writer",
            message: &id,
            client_id: Some(&id),
            reply_to: None,
            edit_key: None,
        };
        let message = loop {
            let client = random.choice(&urls).unwrap().client().with_timeout(TIMEOUT);
            match client.publish(room, &request).await {
                Ok(answer) => break published(&answer.message),
                Err(error) => {
                    if let Error::Refused(refusal) = &error {
                        assert!(refusal.is_transient(), "{error}");
                    }
                    shared.refused.send_modify(|count| *count += 1);
                    tokio::time::sleep(PAUSE).await;
                }
            }
        };
        shared.published.lock().unwrap().push(message);
        count.send_modify(|count| *count += 1);
    }
}
