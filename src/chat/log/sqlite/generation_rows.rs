//! The rows of `generations`: the chain of epochs, the present one last.

use rusqlite::{Connection, params};

use super::checksum::RowChecksum;
use super::open_error::LoadError;
use super::values::Values;
use crate::chat::generations::{EndedGeneration, Generations};
use crate::protocol::Epoch;

/// Writes all generations anew. Returns how many rows they have.
pub(super) fn write(connection: &Connection, generations: &Generations) -> rusqlite::Result<i64> {
    connection.execute("DELETE FROM generations", [])?;
    let mut write = connection.prepare(
        "INSERT INTO generations (place, epoch, ended, checksum) VALUES (?1, ?2, ?3, ?4)",
    )?;
    let ended = generations
        .ended()
        .map(|ended| (ended.epoch, Some(ended.end)));
    let all = ended.chain([(generations.present(), None)]);
    let mut rows = 0;
    for (epoch, end) in all {
        rows += 1;
        let end = end.map(u64::cast_signed);
        let checksum = checksum(rows, epoch.as_str(), end);
        write.execute(params![rows, epoch.as_str(), end, checksum])?;
    }
    Ok(rows)
}

/// Reads the generations, which have `rows` rows.
pub(super) fn read(connection: &Connection, rows: i64) -> Result<Generations, LoadError> {
    let mut read = connection
        .prepare("SELECT place, epoch, ended, checksum FROM generations ORDER BY place")?;
    let mut found = read.query([])?;
    let (mut ended, mut present, mut count) = (Vec::new(), None, 0);
    while let Some(row) = found.next()? {
        let values = Values(row);
        let (place, end) = (values.int(0)?, values.optional_int(2)?);
        let text = values.text(1)?.unwrap_or_default();
        let epoch: Epoch = text.parse().map_err(|_| damaged())?;
        if values.int(3)? != checksum(place, text, end) || present.is_some() {
            return Err(damaged());
        }
        match end {
            Some(end) => ended.push(EndedGeneration {
                epoch,
                end: end.cast_unsigned(),
            }),
            None => present = Some(epoch),
        }
        count += 1;
    }
    let present = present.filter(|_| count == rows).ok_or_else(damaged)?;
    Generations::restore(ended, present).map_err(|_| damaged())
}

fn checksum(place: i64, epoch: &str, end: Option<i64>) -> i64 {
    RowChecksum::of("generations")
        .int(place)
        .bytes(epoch.as_bytes())
        .optional_int(end)
        .value()
}

fn damaged() -> LoadError {
    LoadError::Damaged("its generations are not as they were written".to_owned())
}
