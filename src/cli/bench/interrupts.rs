//! The first signal ends the load and leaves the report; the second ends the
//! command.

use sse_chat_load::CancellationToken;

use crate::cli::exit::CommandError;
use crate::cli::signals::Signals;

/// The signals that end a benchmark.
pub(super) struct Interrupts {
    signals: Signals,
    /// The terminal is gone: a private server must not outlive it.
    hangup: Signals,
    stop: CancellationToken,
}

impl Interrupts {
    pub(super) fn new() -> Result<Self, CommandError> {
        Ok(Self {
            hangup: Signals::hang_up()?,
            signals: Signals::interrupt()?,
            stop: CancellationToken::new(),
        })
    }

    /// Cancelled by the first signal.
    pub(super) fn stop(&self) -> &CancellationToken {
        &self.stop
    }

    /// Returns at the second signal.
    pub(super) async fn second(&mut self) {
        loop {
            let is_second = self.stop.is_cancelled();
            tokio::select! {
                () = self.signals.next() => {}
                () = self.hangup.next() => {}
            }
            if is_second {
                return;
            }
            self.stop.cancel();
        }
    }
}
