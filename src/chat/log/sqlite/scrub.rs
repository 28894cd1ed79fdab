//! Erases copies of what was deleted. With `secure_delete`, SQLite overwrites what is
//! deleted from a page. But when it moves rows between pages, for one that became larger
//! or for pages that became almost empty, copies of other rows can stay in the unused
//! part of a page. It does overwrite pages that it frees.
//!
//! Rows move only between pages that are next to one another. So all rows around a
//! deleted one are written to other pages, and those that they were on are freed.

use std::collections::BTreeSet;

use rusqlite::Connection;

use super::schema::ENTRIES;

/// Rows before and after a deleted one that are moved: those of some three pages each.
const MOVED_ROWS: i64 = 32;

/// Makes the table, in memory, through which rows are moved.
pub(super) fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    let sql = ENTRIES.replacen("CREATE TABLE entries", "CREATE TEMP TABLE moved", 1);
    connection.execute_batch(&sql)
}

/// Moves all rows around the seqs at which something was deleted. To be called within a
/// transaction.
pub(super) fn scrub(connection: &Connection, erased: BTreeSet<u64>) -> rusqlite::Result<()> {
    let mut moved = 0;
    for seq in erased {
        if seq.cast_signed() > moved {
            moved = move_rows_around(connection, seq.cast_signed())?;
        }
    }
    Ok(())
}

/// Returns the last seq of the rows that were moved.
fn move_rows_around(connection: &Connection, seq: i64) -> rusqlite::Result<i64> {
    let bound = |sql| -> rusqlite::Result<i64> {
        let mut find = connection.prepare_cached(sql)?;
        find.query_row([seq, MOVED_ROWS], |row| row.get(0))
    };
    let first = bound(
        "SELECT ifnull(min(seq), ?1) FROM (SELECT seq FROM main.entries WHERE seq <= ?1 \
         ORDER BY seq DESC LIMIT ?2)",
    )?;
    let last = bound(
        "SELECT ifnull(max(seq), ?1) FROM (SELECT seq FROM main.entries WHERE seq >= ?1 \
         ORDER BY seq LIMIT ?2)",
    )?;
    connection
        .prepare_cached(
            "INSERT INTO temp.moved SELECT * FROM main.entries WHERE seq BETWEEN ?1 AND ?2",
        )?
        .execute([first, last])?;
    connection
        .prepare_cached("DELETE FROM main.entries WHERE seq BETWEEN ?1 AND ?2")?
        .execute([first, last])?;
    connection
        .prepare_cached("INSERT INTO main.entries SELECT * FROM temp.moved ORDER BY seq")?
        .execute([])?;
    connection
        .prepare_cached("DELETE FROM temp.moved")?
        .execute([])?;
    Ok(last)
}
