//! `sse-chat completions` and `sse-chat man`: files for packages, generated from
//! the definition of the command line.

use std::io::{self, Write as _};

use clap::{Args, Command};
use clap_complete::Shell;

use super::exit::{CommandResult, ExitKind, stdout_result};

/// The arguments of `sse-chat completions`.
#[derive(Debug, Args)]
pub(super) struct CompletionsArgs {
    /// Shell that the script is for
    #[arg(value_name = "SHELL", value_enum)]
    shell: Shell,
}

/// The arguments of `sse-chat man`.
#[derive(Debug, Args)]
pub(super) struct ManArgs {
    /// Command to describe [default: the whole program]
    #[arg(value_name = "COMMAND")]
    command: Option<String>,
}

impl CompletionsArgs {
    /// Prints the script.
    pub(super) fn run(self, mut program: Command) -> CommandResult {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut program, "sse-chat", &mut script);
        print(&script)
    }
}

impl ManArgs {
    /// Prints the page.
    pub(super) fn run(self, mut program: Command) -> CommandResult {
        // Without this the page of a command names it `send`, not `sse-chat send`.
        program.build();
        let command = match &self.command {
            None => program,
            Some(name) => {
                let found = program.find_subcommand(name).cloned();
                found.ok_or_else(|| {
                    ExitKind::Usage.with_message(format_args!("there is no command {name:?}"))
                })?
            }
        };
        let mut page = Vec::new();
        clap_mangen::Man::new(command)
            .render(&mut page)
            .map_err(|error| ExitKind::Failed.with_message(error))?;
        print(&page)
    }
}

fn print(bytes: &[u8]) -> CommandResult {
    let mut out = io::stdout();
    stdout_result(out.write_all(bytes).and_then(|()| out.flush()))
}
