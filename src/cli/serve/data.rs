//! The flags of [`DataSettings`]: where history is stored. docs/durability.md explains
//! each of them.

use std::path::PathBuf;

use clap::{ArgAction, Args};

use crate::cli::values::{Size, parse_size, parse_switch, parse_time};
use crate::config::{self, DataSettings, SyncMode};

/// The store of history.
#[derive(Debug, Args)]
#[command(next_help_heading = "Durable history")]
pub(super) struct DataFlags {
    /// Folder in which history is stored, so that a restart keeps it; it is made if it is missing
    ///
    /// Without it history is in memory only.
    #[arg(long, env = "SSE_CHAT_DATA", value_name = "DIR")]
    data: Option<PathBuf>,

    /// When a message is answered: full is on the disk, batch=TIME is written and on the disk
    /// within TIME, off is written
    ///
    /// full loses nothing that was answered. batch and off lose nothing when the process ends, and
    /// the newest messages when the machine does; clients get a gap then.
    #[arg(long, env = "SSE_CHAT_SYNC", value_name = "full|batch=TIME|off", value_parser = parse_sync,
          default_value_t = SyncMode::Full)]
    sync: SyncMode,

    /// Messages, events and changes of a room that are kept on disk, with those in memory
    /// (--history); without it only those
    ///
    /// Pages of history, resuming streams and moderation reach all of them. Each takes some 32
    /// bytes of memory beyond --history.
    #[arg(long, env = "SSE_CHAT_DATA_HISTORY", value_name = "COUNT", value_parser = parse_count)]
    data_history: Option<usize>,

    /// Bytes of all rooms' messages together that are on disk and not in memory; beyond it the
    /// oldest of the largest rooms are deleted
    #[arg(long, env = "SSE_CHAT_DATA_HISTORY_BUDGET", value_name = "SIZE", value_parser = parse_size,
          default_value_t = Size(config::DEFAULT_DATA_HISTORY_BUDGET))]
    data_history_budget: Size,

    /// Bytes of older messages that are read from disk and held until they are sent; beyond it
    /// pages get 503, and streams wait
    #[arg(long, env = "SSE_CHAT_DATA_READ_BUDGET", value_name = "SIZE", value_parser = parse_size,
          default_value_t = Size(config::DEFAULT_DATA_READ_BUDGET))]
    data_read_budget: Size,

    /// Bytes of messages that wait to be stored; more are refused with 503
    #[arg(long, env = "SSE_CHAT_COMMIT_QUEUE", value_name = "SIZE", value_parser = parse_size,
          default_value_t = Size(config::DEFAULT_COMMIT_QUEUE))]
    commit_queue: Size,

    /// Check all of the store at the start
    #[arg(long, env = "SSE_CHAT_DATA_CHECK", action = ArgAction::SetTrue, value_parser = parse_switch)]
    data_check: bool,

    /// Begin a new generation of history: for a copy of a store that is still used elsewhere, or
    /// that lacks the newest messages
    ///
    /// For one start only: each start with it begins another one. A store that was made by
    /// `sse-chat backup` or `sse-chat import` does so by itself.
    #[arg(long, env = "SSE_CHAT_NEW_GENERATION", action = ArgAction::SetTrue, value_parser = parse_switch)]
    new_generation: bool,
}

impl From<DataFlags> for DataSettings {
    fn from(flags: DataFlags) -> Self {
        Self {
            dir: flags.data,
            sync: flags.sync,
            history: flags.data_history,
            history_budget: flags.data_history_budget.0,
            read_budget: flags.data_read_budget.0,
            commit_queue: flags.commit_queue.0,
            check: flags.data_check,
            new_generation: flags.new_generation,
        }
    }
}

fn parse_count(text: &str) -> Result<usize, &'static str> {
    let count = text.parse();
    count.map_err(|_| "not a whole number such as 1000000")
}

fn parse_sync(text: &str) -> Result<SyncMode, String> {
    let batch = text.strip_prefix("batch=").map(parse_time);
    match (text, batch) {
        ("full", _) => Ok(SyncMode::Full),
        ("off", _) => Ok(SyncMode::Off),
        (_, Some(Ok(time))) => Ok(SyncMode::Batch(time.0)),
        _ => Err("not full, off or a time like batch=100ms".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_count_is_a_whole_number() {
        assert_eq!(parse_count("1000000"), Ok(1_000_000));
        for text in ["", "1m", "1e6", "-1", "1_000", "99999999999999999999"] {
            assert!(
                parse_count(text).unwrap_err().contains("1000000"),
                "{text:?}"
            );
        }
    }

    #[test]
    fn a_sync_mode_is_a_word_and_for_batch_a_time() {
        assert_eq!(parse_sync("full"), Ok(SyncMode::Full));
        assert_eq!(parse_sync("off"), Ok(SyncMode::Off));
        let batch = SyncMode::Batch(Duration::from_millis(100));
        assert_eq!(parse_sync("batch=100ms"), Ok(batch));
        assert_eq!(parse_sync(&batch.to_string()), Ok(batch));
        for text in ["", "batch", "batch=", "batch=x", "Full", "normal"] {
            assert!(parse_sync(text).is_err(), "{text:?}");
        }
    }
}
