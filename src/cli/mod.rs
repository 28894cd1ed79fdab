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
mod parse;
mod remote;
mod send;
mod serve;
mod signals;
mod tail;
mod values;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};

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
    let (args, used) = match parse::parse() {
        Ok(parsed) => parsed,
        Err(code) => return code,
    };
    let serve = |serve: serve::Serve| {
        let outcome = serve.run();
        exit_code_of_server(outcome.map_err(|failure| failure.reworded(|why| used.name(why))))
    };
    exit_code(match args.command {
        None => return serve(args.serve),
        Some(Command::Serve(flags)) => return serve(*flags),
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
