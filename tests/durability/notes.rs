//! The ledger of a running test, shared by its clients, and waiting for its contents.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::ledger::Ledger;
use crate::within;

/// Clones share one ledger.
#[derive(Clone)]
pub(crate) struct Notes {
    ledger: Arc<Mutex<Ledger>>,
    /// The number of answered writes.
    answered: watch::Sender<u64>,
    changed: watch::Sender<()>,
}

impl Notes {
    pub(crate) fn new(ledger: Ledger) -> Self {
        Self {
            ledger: Arc::new(Mutex::new(ledger)),
            answered: watch::Sender::new(0),
            changed: watch::Sender::new(()),
        }
    }

    pub(crate) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts an answered write.
    pub(crate) fn count_answer(&self) {
        self.answered.send_modify(|answered| *answered += 1);
    }

    pub(crate) fn answered(&self) -> u64 {
        *self.answered.borrow()
    }

    /// Something was added that a test may wait for.
    pub(crate) fn announce(&self) {
        self.changed.send_replace(());
    }

    /// Waits until this many more writes are answered.
    #[track_caller]
    pub(crate) fn until_answered(&self, more: u64) -> impl Future<Output = ()> {
        let mut answered = self.answered.subscribe();
        let enough = *answered.borrow() + more;
        within(async move {
            answered.wait_for(|count| *count >= enough).await.unwrap();
        })
    }

    /// Waits under the deadline until `is` holds for the ledger.
    #[track_caller]
    pub(crate) fn until(&self, is: impl Fn(&Ledger) -> bool) -> impl Future<Output = ()> {
        let mut changed = self.changed.subscribe();
        within(async move {
            while !is(&self.ledger()) {
                changed.changed().await.unwrap();
            }
        })
    }
}
