//! The command line: what was typed becomes a call.
//!
//! Exit codes: 0 done, 1 failed, 2 usage, 3 the server can't be reached, 4 the
//! server refused, 99 a bench gate, 130 interrupted. Standard output is data,
//! standard error is talk.

mod bench;
mod escape;
mod exit;
mod generate;
mod health;
mod notify;
mod remote;
mod send;
mod serve;
mod signals;
mod tail;
mod values;

use std::process::ExitCode;

use clap::builder::Resettable;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use exit::{End, Outcome, exit_code, exit_code_of_server};

const EXAMPLES: &str = "\
Examples:
  sse-chat                                    a chat on http://127.0.0.1:8080
  sse-chat --listen 0.0.0.0:80 --room-idle 1d open to everybody on the network
  sse-chat --listen 127.0.0.1:0               on a free port, which it prints
  SSE_CHAT_PING=30s sse-chat serve            settings from the environment
";

/// A chat and broadcast server over Server-Sent Events.
#[derive(Debug, Parser)]
#[command(name = "sse-chat", version, after_help = EXAMPLES, args_conflicts_with_subcommands = true, allow_negative_numbers = true, max_term_width = 100)]
struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: serve::Serve,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server; the same as no command at all
    #[command(allow_negative_numbers = true)]
    Serve(Box<serve::Serve>),
    /// Say something in a room
    Send(send::Send),
    /// Show what is said in rooms, as it is said; with --name, a chat in the terminal
    Tail(tail::Tail),
    /// Ask whether the server lives, or wants more work
    Health(health::Health),
    /// Measure a server: load, delivery times, and what was lost
    #[command(allow_negative_numbers = true)]
    Bench(Box<bench::Bench>),
    /// Print a script that completes commands and flags in a shell
    Completions(generate::Completions),
    /// Print a man page
    Man(generate::Man),
}

/// Runs the program as it was called.
pub fn run() -> ExitCode {
    let args = match parse() {
        Ok(args) => args,
        Err(code) => return code,
    };
    exit_code(match args.command {
        None => return exit_code_of_server(args.serve.run()),
        Some(Command::Serve(serve)) => return exit_code_of_server(serve.run()),
        Some(Command::Send(send)) => block_on(send.run()),
        Some(Command::Tail(tail)) => block_on(tail.run()),
        Some(Command::Health(health)) => block_on(health.run()),
        Some(Command::Bench(bench)) => block_on(bench.run()),
        Some(Command::Completions(completions)) => completions.run(Args::command()),
        Some(Command::Man(man)) => man.run(Args::command()),
    })
}

/// Runs what one of the client's commands does, on one thread.
fn block_on(command: impl Future<Output = Outcome>) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| End::Failed.because(format_args!("can't start: {error}")))?;
    let outcome = runtime.block_on(command);
    // A thread that waits for somebody to type is not waited for.
    runtime.shutdown_background();
    outcome
}

fn parse() -> Result<Args, ExitCode> {
    let mut definition = Args::command();
    if is_command_of_a_client() {
        // The server's variables are not for them, so they can't be wrong there.
        definition = definition.mut_args(|flag| flag.env(Resettable::Reset));
    }
    let parsed = definition
        .try_get_matches()
        .and_then(|matches| Args::from_arg_matches(&matches));
    parsed.map_err(|error| match bad_value(&error) {
        Some(line) => exit_code_of_server(Err(end_of_a_bad_value().because(line))),
        None => {
            // Nothing can be done about a terminal that is gone.
            let _ = error.print();
            ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
        }
    })
}

/// A flag that is known, with a value that is not: a start that fails, in one
/// line, as opposed to a wrong use of the program.
fn bad_value(error: &clap::Error) -> Option<String> {
    if !matches!(
        error.kind(),
        ErrorKind::ValueValidation | ErrorKind::InvalidValue
    ) {
        return None;
    }
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        Some(ContextValue::Strings(texts)) => Some(texts.join(", ")),
        _ => None,
    };
    let flag = text(ContextKind::InvalidArg)?;
    let flag = flag.split(' ').next().unwrap_or_default();
    let value = text(ContextKind::InvalidValue)?;
    let why = match (
        std::error::Error::source(error),
        text(ContextKind::ValidValue),
    ) {
        (Some(why), _) => why.to_string(),
        (None, Some(valid)) if !value.is_empty() => format!("use one of {valid}"),
        // The value is not wrong, it is not there: that is usage.
        (None, _) => return None,
    };
    Some(format!("{flag} {value:?}: {why}"))
}

/// A bad value of the server's flags is a start that fails; every other command
/// was called wrongly.
fn end_of_a_bad_value() -> End {
    match is_command_of_a_client() {
        true => End::Usage,
        false => End::Failed,
    }
}

/// Whether the first word is a command other than `serve`.
fn is_command_of_a_client() -> bool {
    let first = std::env::args_os().nth(1).unwrap_or_default();
    first != "serve" && Args::command().find_subcommand(&first).is_some()
}

/// Whether colours were not refused (no-color.org); a terminal is asked apart.
fn is_colour_wanted() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_of_the_command_line_is_sound() {
        Args::command().debug_assert();
    }

    #[test]
    fn every_flag_has_its_variable() {
        for arg in Args::command().get_arguments() {
            if let Some(long) = arg
                .get_long()
                .filter(|long| !["help", "version"].contains(long))
            {
                let variable = format!("SSE_CHAT_{}", long.to_uppercase().replace('-', "_"));
                assert_eq!(arg.get_env(), Some(variable.as_ref()), "--{long}");
            }
        }
    }
}
