//! How a command ends: its exit code, and one line on standard error where it
//! did not do what it should.

use std::fmt;
use std::io::Write as _;
use std::process::ExitCode;
use std::sync::mpsc;
use std::thread;

use crate::config;

/// What every command ends with.
pub(super) type Outcome = Result<(), Failure>;

/// Why a command did not do what it should.
#[derive(Debug)]
pub(super) struct Failure {
    end: End,
    why: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

/// The kinds of ends that are not "done", each with its exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// 1: it went wrong.
    Failed,
    /// 2: it was called wrongly.
    Usage,
    /// 3: the server can't be reached, or what answers is no sse-chat.
    Unreachable,
    /// 4: the server refused.
    Refused,
    /// 99: a bench gate.
    Gate,
    /// 130: a signal, which is 128 and the number of SIGINT.
    Interrupted,
}

impl End {
    fn code(self) -> u8 {
        match self {
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Unreachable => 3,
            Self::Refused => 4,
            Self::Gate => 99,
            Self::Interrupted => 130,
        }
    }

    /// This end, and why in one line.
    pub(super) fn because(self, why: impl fmt::Display) -> Failure {
        Failure {
            end: self,
            why: why.to_string(),
        }
    }

    /// This end, when all that has to be said has been said.
    pub(super) fn silently(self) -> Failure {
        self.because("")
    }
}

impl Failure {
    /// The same failure, with another exit code.
    pub(super) fn ending_in(self, end: End) -> Self {
        Self { end, ..self }
    }

    /// Whether a signal ended it.
    pub(super) fn is_interrupted(&self) -> bool {
        self.end == End::Interrupted
    }

    /// The same failure, with another reason made of its own.
    pub(super) fn reworded(self, reword: impl FnOnce(&str) -> String) -> Self {
        let why = reword(&self.why);
        Self { why, ..self }
    }
}

/// Says why, if there is something to say, and gives the exit code.
pub(super) fn exit_code(outcome: Outcome) -> ExitCode {
    let Err(failure) = outcome else {
        return ExitCode::SUCCESS;
    };
    if !failure.why.is_empty() {
        say(&failure.why);
    }
    ExitCode::from(failure.end.code())
}

/// The same for the server, whose end must not wait for a standard error that
/// nobody reads.
pub(super) fn exit_code_of_server(outcome: Outcome) -> ExitCode {
    let (done, ended) = mpsc::channel();
    let code = match &outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => ExitCode::from(failure.end.code()),
    };
    let saying = thread::Builder::new().spawn(move || {
        exit_code(outcome);
        drop(done);
    });
    if saying.is_ok() {
        // Either way it is over: said, or not within the time.
        let _: Result<(), _> = ended.recv_timeout(config::LOG_FLUSH);
    }
    code
}

/// One line of talk: standard error, with the program's name.
pub(super) fn say(line: &str) {
    // Nobody is left to be told that standard error is closed.
    let _ = writeln!(std::io::stderr(), "sse-chat: {line}");
}
