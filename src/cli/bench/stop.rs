//! The first signal ends the load and leaves the report; the second ends it all.

use std::time::Duration;

use crate::cli::exit::{End, Failure};
use crate::cli::signals::Signals;

/// What signals have asked for.
pub(super) struct Stop {
    signals: Signals,
    interrupted: bool,
}

impl Stop {
    /// Nothing yet.
    pub(super) fn new() -> Result<Self, Failure> {
        let signals = Signals::new();
        Ok(Self {
            signals: signals.map_err(|error| {
                End::Failed.because(format_args!("can't wait for signals: {error}"))
            })?,
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
            () = self.signals.next() => match std::mem::replace(&mut self.interrupted, true) {
                false => Ok(()),
                true => Err(End::Interrupted.silently()),
            },
        }
    }
}
