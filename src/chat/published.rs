//! What the hub answers to a request that publishes or changes something: at once, or
//! once it is durable.

use std::task::Poll;

use tokio::sync::oneshot;
use tokio::sync::oneshot::error::TryRecvError;

use super::entry::Entry;
use super::errors::HistoryUnavailable;

/// The result of publishing a draft, or of a change.
#[derive(Debug)]
pub enum Published {
    /// A new entry.
    New(Entry),
    /// Nothing new: the draft repeats a request of the room's history, with the same
    /// client id, or the change changes nothing. This is the present state.
    Duplicate(Entry),
    /// The same, but no reader gets the entry before it is durable. Only a hub with a
    /// store answers so; [`Published::durable`] waits for it.
    Pending {
        /// The entry.
        entry: Entry,
        /// Whether it is a new one.
        is_new: bool,
        /// Completes when it is durable.
        commit: Commit,
    },
}

impl Published {
    /// Waits until the entry is durable. Never returns [`Published::Pending`].
    ///
    /// # Errors
    ///
    /// [`HistoryUnavailable`] if the store failed. The entry may be durable all the
    /// same: repeat the request with its client id.
    pub async fn durable(self) -> Result<Self, HistoryUnavailable> {
        let Self::Pending {
            entry,
            is_new,
            commit,
        } = self
        else {
            return Ok(self);
        };
        commit.done().await?;
        Ok(match is_new {
            true => Self::New(entry),
            false => Self::Duplicate(entry),
        })
    }

    /// The entry.
    pub fn entry(&self) -> &Entry {
        match self {
            Self::New(entry) | Self::Duplicate(entry) | Self::Pending { entry, .. } => entry,
        }
    }
}

/// The wait until something is durable.
#[derive(Debug)]
#[must_use = "it is not durable before this completes"]
pub struct Commit(Option<oneshot::Receiver<()>>);

impl Commit {
    /// Nothing has to be waited for.
    pub(super) const DONE: Self = Self(None);

    pub(super) fn new(done: oneshot::Receiver<()>) -> Self {
        Self(Some(done))
    }

    /// Waits until it is durable.
    ///
    /// # Errors
    ///
    /// [`HistoryUnavailable`] if the store failed.
    pub async fn done(self) -> Result<(), HistoryUnavailable> {
        match self.0 {
            Some(done) => done.await.map_err(|_| HistoryUnavailable),
            None => Ok(()),
        }
    }
    /// Whether it is durable now, with the error of [`Self::done`]. The answer stays the
    /// same once it is ready.
    pub(super) fn poll(&mut self) -> Poll<Result<(), HistoryUnavailable>> {
        match self.0.as_mut().map(oneshot::Receiver::try_recv) {
            Some(Err(TryRecvError::Empty)) => Poll::Pending,
            Some(Err(TryRecvError::Closed)) => Poll::Ready(Err(HistoryUnavailable)),
            Some(Ok(())) | None => {
                *self = Self::DONE;
                Poll::Ready(Ok(()))
            }
        }
    }
}
