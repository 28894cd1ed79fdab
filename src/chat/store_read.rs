//! A read from the store that a stream waits for, without a thread of its own.

use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use tokio::sync::oneshot::error::TryRecvError;

use super::log::reading::{FoundEntries, ReadQueue, StoredId};
use super::stored_entries::StoredEntries;

/// How long a stream waits before it looks for the answer; twice as long each time.
const FIRST_WAIT: Duration = Duration::from_millis(1);
const LONGEST_WAIT: Duration = Duration::from_millis(64);

/// A read from the store that a stream waits for.
#[derive(Debug)]
pub(super) struct StoreRead {
    ids: Vec<StoredId>,
    /// The newest seq that was shown when it was asked for.
    as_of: u64,
    /// `None` if too many reads waited, or the store was closed: it has to be asked for
    /// again.
    answer: Option<oneshot::Receiver<FoundEntries>>,
    wait: Duration,
}

/// What has become of a read.
#[derive(Debug)]
pub(super) enum ReadProgress {
    /// The answer is to be looked for at this time.
    Waiting(StoreRead, Instant),
    Done(StoredEntries),
}

impl StoreRead {
    /// Asks for `ids`, when `as_of` is the newest seq.
    pub(super) fn begin(
        queue: Option<&ReadQueue>,
        ids: Vec<StoredId>,
        as_of: u64,
        now: Instant,
    ) -> ReadProgress {
        let read = Self {
            ids,
            as_of,
            answer: None,
            wait: FIRST_WAIT,
        };
        read.ask(queue, now)
    }

    /// Looks for the answer.
    pub(super) fn look(mut self, queue: Option<&ReadQueue>, now: Instant) -> ReadProgress {
        let Some(answer) = &mut self.answer else {
            return self.ask(queue, now);
        };
        match answer.try_recv() {
            Ok(found) => ReadProgress::Done(StoredEntries::new(&self.ids, found, self.as_of)),
            Err(TryRecvError::Empty) => self.wait(now),
            Err(TryRecvError::Closed) => {
                // The server ends, and with it the stream.
                self.answer = None;
                self.wait(now)
            }
        }
    }

    fn ask(mut self, queue: Option<&ReadQueue>, now: Instant) -> ReadProgress {
        self.answer = queue.and_then(|queue| queue.ask(self.ids.clone()).ok());
        self.wait(now)
    }

    fn wait(mut self, now: Instant) -> ReadProgress {
        let until = now + self.wait;
        self.wait = LONGEST_WAIT.min(2 * self.wait);
        ReadProgress::Waiting(self, until)
    }
}
