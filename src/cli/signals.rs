//! The signals that end a command: SIGINT and SIGTERM.

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::exit::{End, Failure, Outcome};

/// SIGINT and SIGTERM.
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    pub(super) fn new() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    pub(super) async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// Runs a command until it ends, or until a signal ends it.
pub(super) async fn or_interrupted(command: impl Future<Output = Outcome>) -> Outcome {
    let mut signals = Signals::new().map_err(|error| no_signals(&error))?;
    tokio::select! {
        outcome = command => outcome,
        () = signals.next() => Err(End::Interrupted.silently()),
    }
}

fn no_signals(error: &std::io::Error) -> Failure {
    End::Failed.because(format_args!("can't wait for signals: {error}"))
}
