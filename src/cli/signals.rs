//! Signals: which of them end a command, and which the server ignores.
//!
//! | signal | server |
//! | --- | --- |
//! | SIGTERM, SIGINT, SIGQUIT, SIGPWR, SIGALRM, SIGXCPU | shutdown; the second one ends the process at once |
//! | SIGHUP | logged: there is nothing to reload |
//! | SIGUSR1, SIGUSR2, SIGIO, SIGPIPE, SIGPROF, SIGVTALRM, SIGXFSZ | ignored |
//! | SIGTSTP, SIGTTIN, SIGTTOU, SIGSTOP, SIGCONT | job control, as the kernel has it |
//! | SIGABRT, SIGSEGV and the other faults, SIGKILL | end the process, as the kernel has it |
//!
//! SIGPWR is how LXC stops a container. SIGALRM and SIGXCPU are time limits that
//! a caller has set. SIGXFSZ is a limit
//! on a file, such as the one that the log is written to: the write fails, and
//! the server goes on. A client's commands end by SIGINT and SIGTERM with exit
//! code 130, and by all others as the kernel has it.

use std::future::poll_fn;
use std::io;
use std::task::Poll;

use rustix::process::Signal as Number;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::exit::{End, Failure, Outcome};

/// Signals that end a client's command.
const INTERRUPT: [Number; 2] = [Number::INT, Number::TERM];
/// Signals that shut the server down.
const SHUTDOWN: [Number; 6] = [
    Number::TERM,
    Number::INT,
    Number::QUIT,
    Number::POWER,
    Number::ALARM,
    Number::XCPU,
];
/// Signals whose default would end the server without a `bye`.
const IGNORED: [Number; 7] = [
    Number::USR1,
    Number::USR2,
    Number::IO,
    Number::PIPE,
    Number::PROF,
    Number::VTALARM,
    Number::XFSZ,
];

/// A set of signals to wait for.
#[derive(Debug)]
pub(super) struct Signals(Vec<Signal>);

impl Signals {
    /// The signals that end a client's command.
    pub(super) fn of_interrupt() -> Result<Self, Failure> {
        Self::new(&INTERRUPT)
    }

    /// SIGHUP.
    pub(super) fn of_hang_up() -> Result<Self, Failure> {
        Self::new(&[Number::HUP])
    }

    /// The signals that shut the server down.
    pub(super) fn of_shutdown() -> Result<Self, Failure> {
        Self::new(&SHUTDOWN)
    }

    fn new(numbers: &[Number]) -> Result<Self, Failure> {
        let listen = |number: &Number| signal(kind(*number));
        let signals: io::Result<_> = numbers.iter().map(listen).collect();
        signals.map(Self).map_err(|error| no_signals(&error))
    }

    /// Returns when one of them comes.
    pub(super) async fn next(&mut self) {
        poll_fn(|context| {
            match self
                .0
                .iter_mut()
                .any(|one| one.poll_recv(context).is_ready())
            {
                true => Poll::Ready(()),
                false => Poll::Pending,
            }
        })
        .await;
    }
}

fn kind(number: Number) -> SignalKind {
    SignalKind::from_raw(number.as_raw())
}

/// Ignores the signals that the server ignores. tokio keeps a handler for the
/// life of the process, so the default does not come back.
pub(super) fn ignore_others() -> Result<(), Failure> {
    Signals::new(&IGNORED).map(drop)
}

/// Logs each SIGHUP for as long as it is polled.
pub(super) async fn log_each(mut hang_ups: Signals) {
    loop {
        hang_ups.next().await;
        tracing::info!("SIGHUP: there is nothing to reload; settings change by a restart");
    }
}

/// Runs a command until it ends, or until a signal ends it.
pub(super) async fn or_interrupted(command: impl Future<Output = Outcome>) -> Outcome {
    let mut signals = Signals::of_interrupt()?;
    tokio::select! {
        outcome = command => outcome,
        () = signals.next() => Err(End::Interrupted.silently()),
    }
}

fn no_signals(error: &io::Error) -> Failure {
    End::Failed.because(format_args!("can't wait for signals: {error}"))
}
