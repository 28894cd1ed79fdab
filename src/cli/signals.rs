//! How commands and the server react to each signal.
//!
//! | signal | server |
//! | --- | --- |
//! | SIGTERM, SIGINT, SIGQUIT, SIGPWR, SIGALRM, SIGXCPU | graceful shutdown; a second signal ends the process at once |
//! | SIGHUP | reads the keys of tokens and the certificates again; the other settings need a restart |
//! | SIGUSR1, SIGUSR2, SIGIO, SIGPIPE, SIGPROF, SIGVTALRM, SIGXFSZ | ignored |
//! | SIGTSTP, SIGTTIN, SIGTTOU, SIGSTOP, SIGCONT | job control, the kernel's default |
//! | SIGABRT, SIGSEGV and the other faults, SIGKILL | end the process, the kernel's default |
//!
//! LXC stops a container by SIGPWR. SIGALRM and SIGXCPU report a time limit that
//! the caller has set. SIGXFSZ reports a limit on the size of a file, such as
//! the log: the write fails, and the server continues. A client's command ends
//! with exit code 130 at SIGINT and SIGTERM; all other signals keep the kernel's
//! default.

use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::task::Poll;

use rustix::process::Signal as Number;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::spawn_blocking;

use super::exit::{CommandError, CommandResult, ExitKind};
use crate::http::App;
use crate::server::{Certificates, Reloaded};
use crate::tokens::Verifier;

/// Signals that interrupt a client's command.
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
/// Signals whose default action would end the server without a `bye` event.
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
    /// The signals that interrupt a client's command.
    pub(super) fn interrupt() -> Result<Self, CommandError> {
        Self::new(&INTERRUPT)
    }

    /// SIGHUP.
    pub(super) fn hang_up() -> Result<Self, CommandError> {
        Self::new(&[Number::HUP])
    }

    /// The signals that shut the server down.
    pub(super) fn shutdown() -> Result<Self, CommandError> {
        Self::new(&SHUTDOWN)
    }

    fn new(numbers: &[Number]) -> Result<Self, CommandError> {
        let listen = |number: &Number| signal(kind(*number));
        let signals: io::Result<_> = numbers.iter().map(listen).collect();
        signals.map(Self).map_err(|error| signal_error(&error))
    }

    /// Waits for one of them.
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

/// Ignores the signals that must not end the server. tokio keeps their handlers
/// for the life of the process, so the default action does not return.
pub(super) fn ignore() -> Result<(), CommandError> {
    Signals::new(&IGNORED).map(drop)
}

/// Reads the keys of tokens and the certificates again at each SIGHUP, for as long as
/// it is polled.
pub(super) async fn reload_at_hang_ups(
    mut hang_ups: Signals,
    app: Arc<App>,
    certificates: Option<Arc<Certificates>>,
) {
    loop {
        hang_ups.next().await;
        let verifier = app.verifier().cloned();
        if verifier.is_none() && certificates.is_none() {
            tracing::info!(
                "SIGHUP ignored: there are no keys or certificates to reload; restart to change \
                 settings"
            );
        }
        if let Some(verifier) = verifier {
            reload_keys(verifier).await;
        }
        if let Some(certificates) = &certificates {
            reload_certificates(Arc::clone(certificates)).await;
        }
    }
}

async fn reload_keys(verifier: Verifier) {
    match spawn_blocking(move || verifier.reload()).await {
        Ok(Ok(())) => tracing::info!("SIGHUP: the keys of tokens are read again"),
        Ok(Err(error)) => tracing::error!("SIGHUP: {error}; the present keys stay"),
        Err(error) => tracing::error!(%error, "SIGHUP: the keys can't be read"),
    }
}

/// What can't be loaded has a line in the log already.
async fn reload_certificates(certificates: Arc<Certificates>) {
    match spawn_blocking(move || certificates.reload()).await {
        Ok(Reloaded { loaded, failed: 0 }) => {
            tracing::info!(loaded, "SIGHUP: the certificates are looked at");
        }
        Ok(Reloaded { loaded, failed }) => {
            tracing::error!(loaded, failed, "SIGHUP: certificates can't be loaded");
        }
        Err(error) => tracing::error!(%error, "SIGHUP: the certificates can't be looked at"),
    }
}

/// Runs a command until it ends or is interrupted by a signal.
pub(super) async fn until_interrupted(
    command: impl Future<Output = CommandResult>,
) -> CommandResult {
    let mut signals = Signals::interrupt()?;
    tokio::select! {
        result = command => result,
        () = signals.next() => Err(ExitKind::Interrupted.without_message()),
    }
}

fn signal_error(error: &io::Error) -> CommandError {
    ExitKind::Failed.with_message(format_args!("can't wait for signals: {error}"))
}
