//! The one row of `state`, which each commit writes.

use rusqlite::{Connection, OptionalExtension as _, params};

use super::checksum::{KeySum, RowChecksum};
use super::open_error::LoadError;
use super::values::Values;
use super::wal_scan::WalFinding;

/// What every commit changes, and how the store was last open.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct StateRow {
    /// The newest seq that was used.
    pub(super) seq: u64,
    pub(super) dropped_through: u64,
    /// The entries that are held.
    pub(super) entries: KeySum,
    /// All rows of `rooms`.
    pub(super) rooms: KeySum,
    /// How many rows `generations` has.
    pub(super) generations: i64,
    pub(super) run: RunMark,
}

/// How the store was last open.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct RunMark {
    /// Whether each commit was on the disk before it was shown.
    pub(super) is_synced: bool,
    /// Whether the store was closed.
    pub(super) is_closed: bool,
    /// The start of the machine; `None` if it is not known.
    pub(super) boot: Option<String>,
}

impl RunMark {
    /// Whether commits of that run may be lost, if the machine was started at `boot`
    /// now: the run ended with the machine, and not all was on the disk.
    pub(super) fn may_have_lost(&self, boot: Option<&str>) -> bool {
        !self.is_synced && !self.is_closed && !self.is_of(boot)
    }

    /// Whether commits are missing from the write-ahead log.
    ///
    /// # Errors
    ///
    /// It is damaged, and the machine has been running since: its end is not the reason.
    pub(super) fn has_lost_wal(
        &self,
        wal: WalFinding,
        boot: Option<&str>,
    ) -> Result<bool, LoadError> {
        match wal {
            WalFinding::Whole => Ok(false),
            // A store that is open has one, maybe an empty one.
            WalFinding::Missing => Ok(!self.is_closed),
            WalFinding::DoubtfulEnd => Ok(true),
            WalFinding::Damaged if self.is_of(boot) => Err(LoadError::Damaged(
                "its write-ahead log is not as it was written".to_owned(),
            )),
            WalFinding::Damaged => Ok(true),
        }
    }

    fn is_of(&self, boot: Option<&str>) -> bool {
        boot.is_some() && boot == self.boot.as_deref()
    }
}

impl StateRow {
    pub(super) fn write(&self, connection: &Connection) -> rusqlite::Result<()> {
        let mut write = connection.prepare_cached(
            "REPLACE INTO state (id, seq, dropped_through, entries, entries_sum, rooms, \
             rooms_sum, generations, synced, closed, boot, checksum) \
             VALUES (1, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        )?;
        write.execute(params![
            self.seq.cast_signed(),
            self.dropped_through.cast_signed(),
            self.entries.count,
            self.entries.sum,
            self.rooms.count,
            self.rooms.sum,
            self.generations,
            self.run.is_synced,
            self.run.is_closed,
            self.run.boot,
            self.checksum(),
        ])?;
        Ok(())
    }

    pub(super) fn read(connection: &Connection) -> Result<Self, LoadError> {
        let mut read = connection.prepare(
            "SELECT seq, dropped_through, entries, entries_sum, rooms, rooms_sum, generations, \
             synced, closed, boot, checksum FROM state WHERE id = 1",
        )?;
        let row = read.query_row([], |row| Ok(Self::from_row(Values(row))));
        let row = row.optional()?;
        row.unwrap_or_else(|| Err(LoadError::Damaged("its state is missing".to_owned())))
    }

    fn from_row(values: Values<'_>) -> Result<Self, LoadError> {
        let sum = |column| -> Result<KeySum, LoadError> {
            Ok(KeySum {
                count: values.int(column)?,
                sum: values.int(column + 1)?,
            })
        };
        let state = Self {
            seq: values.int(0)?.cast_unsigned(),
            dropped_through: values.int(1)?.cast_unsigned(),
            entries: sum(2)?,
            rooms: sum(4)?,
            generations: values.int(6)?,
            run: RunMark {
                is_synced: values.int(7)? != 0,
                is_closed: values.int(8)? != 0,
                boot: values.text(9)?.map(str::to_owned),
            },
        };
        match values.int(10)? == state.checksum() {
            true => Ok(state),
            false => Err(LoadError::Damaged(
                "its state is not as it was written".to_owned(),
            )),
        }
    }

    fn checksum(&self) -> i64 {
        RowChecksum::of("state")
            .int(self.seq.cast_signed())
            .int(self.dropped_through.cast_signed())
            .int(self.entries.count)
            .int(self.entries.sum)
            .int(self.rooms.count)
            .int(self.rooms.sum)
            .int(self.generations)
            .int(self.run.is_synced.into())
            .int(self.run.is_closed.into())
            .optional_text(self.run.boot.as_deref())
            .value()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_end_of_the_machine_loses_commits_that_were_not_synced() {
        let mark = |is_synced, is_closed, boot: Option<&str>| RunMark {
            is_synced,
            is_closed,
            boot: boot.map(str::to_owned),
        };
        for (mark, boot, lost) in [
            (mark(false, false, Some("a")), Some("a"), false),
            (mark(false, false, Some("a")), Some("b"), true),
            (mark(false, false, Some("a")), None, true),
            (mark(false, false, None), None, true),
            (mark(false, false, None), Some("a"), true),
            (mark(false, true, Some("a")), Some("b"), false),
            (mark(true, false, Some("a")), Some("b"), false),
            (mark(true, true, None), None, false),
        ] {
            assert_eq!(mark.may_have_lost(boot), lost, "{mark:?} {boot:?}");
        }
    }
}
