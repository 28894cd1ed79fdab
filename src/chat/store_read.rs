//! A read from the store that a stream waits for, without a thread of its own.

use std::time::Instant;

use tokio::sync::oneshot;
use tokio::sync::oneshot::error::TryRecvError;

use super::backoff::Backoff;
use super::log::reading::{FoundEntries, ReadQueue, StoredId};
use super::stored_entries::StoredEntries;

/// A read from the store that a stream waits for.
#[derive(Debug)]
pub(super) struct StoreRead {
    ids: Vec<StoredId>,
    /// The newest seq that was shown when it was asked for.
    as_of: u64,
    /// `None` if too many reads waited, or the store was closed: it has to be asked for
    /// again.
    answer: Option<oneshot::Receiver<FoundEntries>>,
    backoff: Backoff,
}

impl StoreRead {
    /// Asks for `ids`, when `as_of` is the newest seq. Returns when to look for the answer.
    pub(super) fn begin(
        queue: Option<&ReadQueue>,
        ids: Vec<StoredId>,
        as_of: u64,
        now: Instant,
    ) -> (Self, Instant) {
        let mut read = Self {
            ids,
            as_of,
            answer: None,
            backoff: Backoff::default(),
        };
        read.ask(queue);
        let until = read.backoff.next(now);
        (read, until)
    }

    /// The answer, or when to look for it again.
    pub(super) fn look(
        mut self,
        queue: Option<&ReadQueue>,
        now: Instant,
    ) -> Result<StoredEntries, (Self, Instant)> {
        match self.answer.as_mut().map(oneshot::Receiver::try_recv) {
            Some(Ok(found)) => return Ok(StoredEntries::new(&self.ids, found, self.as_of)),
            Some(Err(TryRecvError::Empty)) => {}
            // The server ends, and with it the stream.
            Some(Err(TryRecvError::Closed)) => self.answer = None,
            None => self.ask(queue),
        }
        let until = self.backoff.next(now);
        Err((self, until))
    }

    fn ask(&mut self, queue: Option<&ReadQueue>) {
        self.answer = queue.and_then(|queue| queue.ask(self.ids.clone()).ok());
    }
}
