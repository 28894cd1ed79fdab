//! The server's own reads of the file, and the checkpoint that they would stop.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Keeps a checkpoint that waits for no reader, and the server's own reads, apart.
#[derive(Debug, Default)]
pub(super) struct ReadingLock(Mutex<()>);

impl ReadingLock {
    pub(super) fn lock(&self) -> MutexGuard<'_, ()> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
