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
        let of_folder = (
            "--data",
            self.dir.is_none() || cfg!(feature = "data"),
            "this program is built without a store (the Cargo feature `data`)",
        );
        let checks = [of_folder].into_iter().chain(self.needs());
        checks.chain(self.bounds(history))
    }

    /// Flags that do nothing without another one.
    fn needs(&self) -> impl Iterator<Item = (&'static str, bool, &'static str)> {
        let (has_dir, has_history) = (self.dir.is_some(), self.history.is_some());
        let is_usual_budget = self.history_budget == DEFAULT_DATA_HISTORY_BUDGET;
        let is_usual_read_budget = self.read_budget == DEFAULT_DATA_READ_BUDGET;
        let (no_disk, no_history) = (
            "there is no disk to keep more on; add --data DIR",
            "there is no more on disk than in memory; add --data-history COUNT",
        );
        [
            (
                "--sync",
                has_dir || self.sync == SyncMode::default(),
                "there is nothing to sync; add --data DIR",
            ),
            ("--data-history", has_dir || !has_history, no_disk),
            ("--data-history-budget", has_dir || is_usual_budget, no_disk),
            (
                "--data-history-budget",
                has_history || is_usual_budget,
                no_history,
            ),
            (
                "--data-read-budget",
                has_dir || is_usual_read_budget,
                no_disk,
            ),
            (
                "--data-read-budget",
                has_history || is_usual_read_budget,
                no_history,
            ),
            (
                "--commit-queue",
                has_dir || self.commit_queue == DEFAULT_COMMIT_QUEUE,
                "there is no disk to wait for; add --data DIR",
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

    fn bounds(&self, history: usize) -> impl Iterator<Item = (&'static str, bool, &'static str)> {
        let interval = match self.sync {
            SyncMode::Batch(interval) => Some(interval),
            SyncMode::Full | SyncMode::Off => None,
        };
        [
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
                "--commit-queue",
                self.commit_queue >= MIN_COMMIT_QUEUE,
                "must be at least 64 KiB (65536)",
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

    fn check(data: DataSettings) -> Result<(), String> {
        let config = Config {
            data,
            ..Config::default()
        };
        config.check().map_err(|error| error.to_string())
    }

    type SettingChange = fn(&mut DataSettings);

    fn with_dir() -> DataSettings {
        DataSettings {
            dir: Some("history".into()),
            ..DataSettings::default()
        }
    }

    #[test]
    fn settings_of_a_store_are_bounded() {
        let refused = |change: SettingChange, flag: &str, right: &str| {
            let mut data = with_dir();
            change(&mut data);
            let error = check(data).unwrap_err();
            assert!(
                error.starts_with(flag) && error.contains(right),
                "{flag} {right}: {error}"
            );
        };
        assert_eq!(check(with_dir()), Ok(()));
        refused(
            |data| data.history = Some(99),
            "--data-history: ",
            "--history",
        );
        refused(|data| data.commit_queue = 100, "--commit-queue: ", "64 KiB");
        for time in [Duration::ZERO, Duration::from_secs(61)] {
            let sync = SyncMode::Batch(time);
            let error = check(DataSettings { sync, ..with_dir() }).unwrap_err();
            assert!(
                error.starts_with("--sync: ") && error.contains("60s"),
                "{error}"
            );
        }
    }

    #[test]
    fn settings_that_do_nothing_without_a_folder_are_refused() {
        let changes: [(&str, SettingChange); 9] = [
            ("--data-check: ", |data| data.check = true),
            ("--new-generation: ", |data| data.new_generation = true),
            ("--sync: ", |data| data.sync = SyncMode::Off),
            ("--sync: ", |data| {
                data.sync = SyncMode::Batch(Duration::ZERO)
            }),
            ("--data-history: ", |data| data.history = Some(5)),
            ("--data-history-budget: ", |data| data.history_budget -= 1),
            ("--data-read-budget: ", |data| data.read_budget += 1),
            ("--commit-queue: ", |data| data.commit_queue *= 2),
            ("--commit-queue: ", |data| data.commit_queue = 1),
        ];
        for (flag, change) in changes {
            let mut data = DataSettings::default();
            change(&mut data);
            let error = check(data).unwrap_err();
            assert!(
                error.starts_with(flag) && error.ends_with("add --data DIR"),
                "{error}"
            );
        }
    }

    #[test]
    fn budgets_of_older_history_need_it() {
        let budgets: [(&str, SettingChange); 2] = [
            ("--data-history-budget: ", |data| data.history_budget = 1),
            ("--data-read-budget: ", |data| data.read_budget = 1),
        ];
        for (flag, change) in budgets {
            let mut data = with_dir();
            change(&mut data);
            let error = check(data.clone()).unwrap_err();
            assert!(
                error.starts_with(flag) && error.ends_with("add --data-history COUNT"),
                "{error}"
            );
            data.history = Some(1_000_000);
            assert_eq!(check(data), Ok(()));
        }
    }
}
