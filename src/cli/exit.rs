//! How a command ends: its exit code, and one line on standard error if it
//! failed.

use std::fmt;
use std::io::{self, Write as _};
use std::process::ExitCode;
use std::sync::mpsc;
use std::thread;

use crate::config;

/// The result of every command.
pub(super) type CommandResult = Result<(), CommandError>;

/// Why a command failed.
#[derive(Debug)]
pub(super) struct CommandError {
    kind: ExitKind,
    /// One line; empty if there is nothing to print.
    message: String,
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// The kinds of failure, each with its exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ExitKind {
    /// 1: any failure that is none of the others.
    Failed,
    /// 2: wrong usage.
    Usage,
    /// 3: the server can't be reached, or what answers is no sse-chat.
    Unreachable,
    /// 4: the server refused the request.
    Refused,
    /// 99: a gate of `bench` failed.
    GateFailed,
    /// 130: interrupted by a signal; 128 plus the number of SIGINT.
    Interrupted,
}

impl ExitKind {
    fn code(self) -> u8 {
        match self {
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Unreachable => 3,
            Self::Refused => 4,
            Self::GateFailed => 99,
            Self::Interrupted => 130,
        }
    }

    /// An error of this kind, with a message of one line.
    pub(super) fn with_message(self, message: impl fmt::Display) -> CommandError {
        CommandError {
            kind: self,
            message: message.to_string(),
        }
    }

    /// An error of this kind that prints nothing.
    pub(super) fn without_message(self) -> CommandError {
        self.with_message("")
    }
}

impl CommandError {
    /// The same message with another exit code.
    pub(super) fn with_kind(self, kind: ExitKind) -> Self {
        Self { kind, ..self }
    }

    /// The same exit code with another message.
    pub(super) fn map_message(self, map: impl FnOnce(&str) -> String) -> Self {
        let message = map(&self.message);
        Self { message, ..self }
    }

    /// Whether a signal ended the command.
    pub(super) fn is_interrupted(&self) -> bool {
        self.kind == ExitKind::Interrupted
    }
}

/// Prints the error, if there is a message, and returns the exit code.
pub(super) fn exit_code(result: CommandResult) -> ExitCode {
    let Err(error) = result else {
        return ExitCode::SUCCESS;
    };
    if !error.message.is_empty() {
        print_stderr(&error.message);
    }
    ExitCode::from(error.kind.code())
}

/// [`exit_code`] for the server: it waits at most [`config::LOG_FLUSH`] for a
/// blocked standard error.
pub(super) fn server_exit_code(result: CommandResult) -> ExitCode {
    let (done, printed) = mpsc::channel();
    let code = match &result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => ExitCode::from(error.kind.code()),
    };
    let printing = thread::Builder::new().spawn(move || {
        exit_code(result);
        drop(done);
    });
    if printing.is_ok() {
        // Disconnected once the line is printed; a timeout changes nothing.
        let _: Result<(), _> = printed.recv_timeout(config::LOG_FLUSH);
    }
    code
}

/// Prints one line to standard error, after the program's name.
pub(super) fn print_stderr(line: &str) {
    // An error can't be reported: standard error is closed.
    let _ = writeln!(io::stderr(), "sse-chat: {line}");
}

/// The result of a write to standard output. A closed pipe is no failure: its
/// reader, such as `head`, has read enough.
pub(super) fn stdout_result(written: io::Result<()>) -> CommandResult {
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(ExitKind::Failed.with_message(format_args!("standard output: {error}")))
        }
        _ => Ok(()),
    }
}
