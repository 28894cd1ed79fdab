//! Where history is stored, and when it counts as stored. The store itself is in
//! `chat::log`.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// Bytes of what may wait to be stored: some 30,000 messages.
pub const DEFAULT_COMMIT_QUEUE: usize = 16 << 20;
/// The default of [`DataSettings::history_budget`]: a million messages or two.
pub const DEFAULT_DATA_HISTORY_BUDGET: usize = 1 << 30;
/// The default of [`DataSettings::read_budget`]: two of the largest pages, or a thousand
/// slices for streams.
pub const DEFAULT_DATA_READ_BUDGET: usize = 64 << 20;
/// The smallest [`DataSettings::commit_queue`]: the largest event with all its forms.
pub const MIN_COMMIT_QUEUE: usize = 64 << 10;
/// The longest time of [`SyncMode::Batch`].
pub const MAX_SYNC_INTERVAL: Duration = Duration::from_secs(60);

/// Where history is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataSettings {
    /// The folder of the store; `None` keeps history in memory only.
    pub dir: Option<PathBuf>,
    /// When a publish is answered.
    pub sync: SyncMode,
    /// Most entries of a room that are stored, with those in memory; `None` for those in
    /// memory.
    pub history: Option<usize>,
    /// Most bytes of all entries together that are stored and not in memory.
    pub history_budget: usize,
    /// Most bytes of what is read from the store at one time, and sent.
    pub read_budget: usize,
    /// Most bytes that wait to be stored; more are refused.
    pub commit_queue: usize,
    /// Whether all of the store is checked at the start.
    pub check: bool,
    /// Whether the store begins a new generation, as a copy of another must.
    pub new_generation: bool,
}

/// When what is published counts as stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SyncMode {
    /// Once it is on the disk (fsync).
    #[default]
    Full,
    /// Once it is with the operating system; it is on the disk after this time at the
    /// latest.
    Batch(Duration),
    /// Once it is with the operating system, which decides when it is on the disk.
    Off,
}

impl Default for DataSettings {
    fn default() -> Self {
        Self {
            dir: None,
            sync: SyncMode::Full,
            history: None,
            history_budget: DEFAULT_DATA_HISTORY_BUDGET,
            read_budget: DEFAULT_DATA_READ_BUDGET,
            commit_queue: DEFAULT_COMMIT_QUEUE,
            check: false,
            new_generation: false,
        }
    }
}

impl DataSettings {
    /// Every flag, whether its value is valid, and what would be. `history` is how many
    /// entries of a room memory holds.
    pub(super) fn checks(
        &self,
        history: usize,
    ) -> impl Iterator<Item = (&'static str, bool, &'static str)> {
        let has_dir = self.dir.is_some();
        let interval = match self.sync {
            SyncMode::Batch(interval) => Some(interval),
            SyncMode::Full | SyncMode::Off => None,
        };
        [
            (
                "--data",
                !has_dir || cfg!(feature = "data"),
                "this program is built without a store (the Cargo feature `data`)",
            ),
            (
                "--sync",
                interval.is_none_or(|time| !time.is_zero() && time <= MAX_SYNC_INTERVAL),
                "the time of batch must be more than 0s and at most 60s",
            ),
            (
                "--data-history",
                self.history.is_none_or(|stored| stored >= history),
                "must be at least --history, which is in memory",
            ),
            (
                "--data-history",
                has_dir || self.history.is_none(),
                "there is no disk to keep more on; add --data DIR",
            ),
            (
                "--commit-queue",
                self.commit_queue >= MIN_COMMIT_QUEUE,
                "must be at least 64 KiB (65536)",
            ),
            (
                "--data-check",
                has_dir || !self.check,
                "there is nothing to check; add --data DIR",
            ),
            (
                "--new-generation",
                has_dir || !self.new_generation,
                "history in memory is new at each start; add --data DIR",
            ),
        ]
        .into_iter()
    }
}

impl fmt::Display for SyncMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full => f.write_str("full"),
            Self::Batch(time) => write!(f, "batch={time:?}"),
            Self::Off => f.write_str("off"),
        }
    }
}

#[cfg(feature = "data")]
#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn check(change: fn(&mut DataSettings)) -> Result<(), String> {
        let mut config = Config::default();
        change(&mut config.data);
        config.check().map_err(|error| error.to_string())
    }

    #[test]
    fn settings_of_a_store_need_one_and_are_bounded() {
        assert_eq!(check(|data| data.dir = Some("history".into())), Ok(()));
        let refused = |change, words: [&str; 2]| {
            let error = check(change).unwrap_err();
            for word in words {
                assert!(error.contains(word), "{error}");
            }
        };
        refused(|data| data.check = true, ["--data-check: ", "--data DIR"]);
        refused(
            |data| data.new_generation = true,
            ["--new-generation: ", "--data DIR"],
        );
        refused(
            |data| (data.dir, data.history) = (Some("history".into()), Some(99)),
            ["--data-history: ", "--history"],
        );
        refused(
            |data| data.history = Some(1_000_000),
            ["--data-history: ", "--data DIR"],
        );
        refused(
            |data| data.commit_queue = 100,
            ["--commit-queue: ", "64 KiB"],
        );
        refused(
            |data| data.sync = SyncMode::Batch(Duration::ZERO),
            ["--sync: ", "60s"],
        );
        refused(
            |data| data.sync = SyncMode::Batch(Duration::from_secs(61)),
            ["--sync: ", "60s"],
        );
    }
}
