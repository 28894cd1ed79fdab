//! `sse-chat completions` and `sse-chat man`: what a package puts beside the
//! program, written by the definition of the command line itself.

use std::io::{self, Write as _};

use clap::{Args, Command};
use clap_complete::Shell;

use super::exit::{End, Outcome};

/// The flags of `sse-chat completions`.
#[derive(Debug, Args)]
pub(super) struct Completions {
    /// The shell that the script is for
    #[arg(value_name = "SHELL", value_enum)]
    shell: Shell,
}

/// The flags of `sse-chat man`.
#[derive(Debug, Args)]
pub(super) struct Man {
    /// The command whose page it is; none for the page of the whole program
    #[arg(value_name = "COMMAND")]
    command: Option<String>,
}

impl Completions {
    /// Writes the script to standard output.
    pub(super) fn run(self, mut program: Command) -> Outcome {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut program, "sse-chat", &mut script);
        put(&script)
    }
}

impl Man {
    /// Writes the page to standard output.
    pub(super) fn run(self, mut program: Command) -> Outcome {
        // Without this a command's page would call it `send`, not `sse-chat send`.
        program.build();
        let command = match &self.command {
            None => program,
            Some(name) => {
                let found = program.find_subcommand(name).cloned();
                found.ok_or_else(|| {
                    End::Usage.because(format_args!("there is no command {name:?}"))
                })?
            }
        };
        let mut page = Vec::new();
        clap_mangen::Man::new(command)
            .render(&mut page)
            .map_err(|error| End::Failed.because(error))?;
        put(&page)
    }
}

/// All of it, to standard output. A reader that has seen enough is no failure.
fn put(bytes: &[u8]) -> Outcome {
    let mut out = io::stdout();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(End::Failed.because(format_args!("standard output: {error}")))
        }
        _ => Ok(()),
    }
}
