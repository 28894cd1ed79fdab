//! The command line: parses the arguments and runs the command.
//!
//! Exit codes: 0 success, 1 failure, 2 usage, 3 the server can't be reached, 4
//! the server refused, 99 a gate of `bench` failed, 130 interrupted. Data goes
//! to standard output; errors, notices and the log go to standard error.

mod bench;
mod exit;
mod generate;
mod health;
mod key_set;
mod parse;
mod publisher;
mod remote;
mod send;
mod serve;
mod signals;
mod store_copies;
mod tail;
mod terminal;
mod token;
mod token_file;
mod transport;
mod values;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};

use exit::{CommandResult, ExitKind, exit_code, server_exit_code};

const EXAMPLES: &str = "\
Examples:
  sse-chat                                    a chat on http://127.0.0.1:8080
  sse-chat --listen 0.0.0.0:80 --room-idle 1d a chat for everybody on the network
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
    serve: serve::ServeArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server; the default command
    #[command(allow_negative_numbers = true)]
    Serve(Box<serve::ServeArgs>),
    /// Publish messages to a room
    Send(send::SendArgs),
    /// Print the messages of rooms as they arrive; with --name, chat in the terminal
    Tail(tail::TailArgs),
    /// Check whether the server is up, or ready for traffic
    Health(health::HealthArgs),
    /// Make a token, show what is in one, or make a key
    Token(Box<token::TokenArgs>),
    /// Measure a server: throughput, delivery times and lost messages
    #[command(allow_negative_numbers = true)]
    Bench(Box<bench::Bench>),
    /// Copy the history of a server with --data, while it runs
    Backup(store_copies::BackupArgs),
    /// Print the history of a server with --data as lines of JSON
    Export(store_copies::ExportArgs),
    /// Make a history for --data of the lines that export printed
    Import(store_copies::ImportArgs),
    /// Print a script that completes commands and flags in a shell
    Completions(generate::CompletionsArgs),
    /// Print a man page
    Man(generate::ManArgs),
}

/// Runs the program with the arguments of this process.
pub fn run() -> ExitCode {
    let (args, variables) = match parse::parse::<Args>() {
        Ok(parsed) => parsed,
        Err(code) => return code,
    };
    let serve = |serve: serve::ServeArgs| {
        let name_source = |message: &str| variables.name_source(message);
        server_exit_code(serve.run().map_err(|error| error.map_message(name_source)))
    };
    exit_code(match args.command {
        None => return serve(args.serve),
        Some(Command::Serve(flags)) => return serve(*flags),
        Some(Command::Send(send)) => block_on(send.run()),
        Some(Command::Tail(tail)) => block_on(tail.run()),
        Some(Command::Health(health)) => block_on(health.run()),
        Some(Command::Token(token)) => block_on(token::run(*token)),
        Some(Command::Bench(bench)) => block_on(bench.run()),
        Some(Command::Backup(backup)) => backup.run(),
        Some(Command::Export(export)) => export.run(),
        Some(Command::Import(import)) => import.run(),
        Some(Command::Completions(completions)) => completions.run(Args::command()),
        Some(Command::Man(man)) => man.run(Args::command()),
    })
}

/// Runs a client's command on one thread.
fn block_on(command: impl Future<Output = CommandResult>) -> CommandResult {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| ExitKind::Failed.with_message(format_args!("can't start: {error}")))?;
    let result = runtime.block_on(command);
    // Does not wait for threads that block on reading standard input.
    runtime.shutdown_background();
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_of_the_command_line_is_valid() {
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
