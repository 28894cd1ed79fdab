//! The first signal ends the load and leaves the report; the second ends it all.

use std::time::Duration;

use crate::cli::exit::{End, Failure};
use crate::cli::signals::Signals;

/// What signals have asked for.
pub(super) struct Stop {
    signals: Signals,
    /// The terminal is gone: a private server must not outlive it.
    hangup: Signals,
    interrupted: bool,
}

impl Stop {
    /// Nothing yet.
    pub(super) fn new() -> Result<Self, Failure> {
        Ok(Self {
            hangup: Signals::of_hang_up()?,
            signals: Signals::of_interrupt()?,
            interrupted: false,
        })
    }

    /// Whether there was a signal.
    pub(super) fn is_interrupted(&self) -> bool {
        self.interrupted
    }

    /// Waits for a while, or for a signal.
    ///
    /// # Errors
    ///
    /// At the second signal, which waits for nothing.
    pub(super) async fn within(&mut self, time: Duration) -> Result<(), Failure> {
        tokio::select! {
            () = tokio::time::sleep(time) => Ok(()),
            () = self.signals.next() => self.interrupt(),
            () = self.hangup.next() => self.interrupt(),
        }
    }

    fn interrupt(&mut self) -> Result<(), Failure> {
        match std::mem::replace(&mut self.interrupted, true) {
            false => Ok(()),
            true => Err(End::Interrupted.silently()),
        }
    }
}
