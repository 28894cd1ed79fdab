//! `sse-chat backup`, `export` and `import`: copies of the history of a server with
//! `--data`.

use std::io::{self, BufReader, BufWriter};
use std::path::PathBuf;

use clap::Args;

use super::exit::{CommandError, CommandResult, ExitKind, print_stderr};
use crate::chat::{self, CopyError};

/// The folder of a store.
#[derive(Debug, Args)]
struct StoreFlag {
    /// Folder in which history is stored
    #[arg(long, env = "SSE_CHAT_DATA", value_name = "DIR")]
    data: PathBuf,
}

/// The arguments of `sse-chat backup`.
#[derive(Debug, Args)]
pub(super) struct BackupArgs {
    #[command(flatten)]
    store: StoreFlag,

    /// Folder for the copy; it is made if it is missing
    #[arg(value_name = "TARGET")]
    target: PathBuf,
}

/// The arguments of `sse-chat export`.
#[derive(Debug, Args)]
pub(super) struct ExportArgs {
    #[command(flatten)]
    store: StoreFlag,
}

/// The arguments of `sse-chat import`.
#[derive(Debug, Args)]
pub(super) struct ImportArgs {
    #[command(flatten)]
    store: StoreFlag,
}

impl BackupArgs {
    /// Copies the store.
    pub(super) fn run(self) -> CommandResult {
        let copied = chat::back_up(&self.store.data, &self.target);
        let bytes = copied.map_err(|error| ExitKind::Failed.with_message(error))?;
        let target = self.target.display();
        print_stderr(&format!("{target} has {bytes} bytes"));
        Ok(())
    }
}

impl ExportArgs {
    /// Prints the store.
    pub(super) fn run(self) -> CommandResult {
        let mut lines = BufWriter::new(io::stdout());
        let printed = chat::export(&self.store.data, &mut lines);
        // A closed pipe is a failure, too: an export is whole or of no use.
        printed.map_err(|error| failed(&error, "standard output"))?;
        Ok(())
    }
}

impl ImportArgs {
    /// Makes a store of standard input.
    pub(super) fn run(self) -> CommandResult {
        let mut lines = BufReader::new(io::stdin());
        let made = chat::import(&self.store.data, &mut lines);
        let count = made.map_err(|error| failed(&error, "standard input"))?;
        let dir = self.store.data.display();
        print_stderr(&format!("{dir} has {count} lines"));
        Ok(())
    }
}

/// An error of a folder, or of the stream of the lines.
fn failed(error: &CopyError, stream: &str) -> CommandError {
    match error {
        CopyError::Folder(why) => ExitKind::Failed.with_message(why),
        CopyError::Lines(why) => ExitKind::Failed.with_message(format_args!("{stream}: {why}")),
    }
}
