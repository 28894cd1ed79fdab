//! Makes a store of lines of JSON.

use std::collections::HashMap;
use std::io::BufRead;
use std::path::Path;

use rusqlite::{Connection, ErrorCode};

use super::entry_row::{EntryRow, INSERT};
use super::folder::{fill_store, has_store, in_folder, make_store};
use super::import_lines::{CUT_OFF, ImportLines};
use super::load::load;
use super::open_error::{LoadError, OpenError};
use super::room_row::RoomRow;
use super::schema::FORMAT;
use super::state_row::{RunMark, StateRow};
use super::transfer::{StoreLine, TransferError, TransferLine};
use super::{ban_rows, generation_rows};
use crate::chat::generations::Generations;
use crate::chat::rooms::HubLimits;

/// Makes a store in the folder `dir`, which has none, of the lines of another. A start
/// from it begins a new generation. Returns the number of lines.
pub(in crate::chat) fn import(dir: &Path, lines: &mut dyn BufRead) -> Result<u64, TransferError> {
    in_folder(dir, || import_into(dir, lines))
}

fn import_into(dir: &Path, lines: &mut dyn BufRead) -> Result<u64, TransferError> {
    if has_store(dir)? {
        return Err(OpenError::Occupied.into());
    }
    let mut imported = Ok(0);
    let made = make_store(dir, |new| {
        fill_store(new, |connection| {
            imported = Importing::new(connection).and_then(|importing| importing.run(lines));
            match &imported {
                Ok(_) => Ok(()),
                // It is replaced by the error itself.
                Err(error) => Err(OpenError::Failed(error.to_string())),
            }
        })
    });
    match imported {
        Ok(count) => made.map(|()| count).map_err(TransferError::Store),
        Err(error) => Err(error),
    }
}

/// Why a line was not added.
enum Refusal {
    /// It is not one of a store.
    Line(String),
    /// The store can't be written.
    Store(OpenError),
}

/// A store while it is made of lines.
struct Importing<'a> {
    connection: &'a Connection,
    state: StateRow,
    generations: Option<Generations>,
    rooms: HashMap<i64, RoomRow>,
    /// How many lines were read.
    count: u64,
    /// The last line was read.
    is_whole: bool,
}

impl<'a> Importing<'a> {
    fn new(connection: &'a Connection) -> Result<Self, TransferError> {
        Ok(Self {
            connection,
            state: StateRow::default(),
            generations: None,
            rooms: HashMap::new(),
            count: 0,
            is_whole: false,
        })
    }

    fn run(mut self, lines: &mut dyn BufRead) -> Result<u64, TransferError> {
        let mut lines = ImportLines::new(lines);
        while let Some(line) = lines.read()? {
            self.count = lines.count();
            let added = self.add(line);
            added.map_err(|refusal| refusal.of_line(self.count))?;
        }
        let count = self.count;
        self.finish()?;
        Ok(count)
    }

    fn add(&mut self, line: TransferLine<'_>) -> Result<(), Refusal> {
        match line {
            _ if self.is_whole => Err(wrong("it is after the last line of the export")),
            TransferLine::Store(line) => self.begin(&line),
            _ if self.generations.is_none() => Err(wrong("the line of the store is not first")),
            TransferLine::Room(room) => {
                let seq = self.state.seq;
                let room = room.row().filter(|room| room.evicted_through <= seq);
                let room = room.ok_or_else(|| wrong("it is no room"))?;
                self.state.rooms.add(room.id);
                match self.rooms.insert(room.id, room) {
                    None => Ok(()),
                    Some(_) => Err(wrong("its room was there before")),
                }
            }
            TransferLine::Entry(row) => self.add_entry(&row),
            TransferLine::Ban(ban) => {
                let room = self.rooms.get_mut(&ban.room);
                let room = room.ok_or_else(|| wrong("its room is not there"))?;
                let (key, ban) = ban.ban().ok_or_else(|| wrong("it is no ban"))?;
                if ban_rows::write(self.connection, room.id, key, &ban)? {
                    room.bans += 1;
                }
                Ok(())
            }
            TransferLine::End(end) => {
                self.is_whole = true;
                match self.count - 1 > end.lines {
                    true => Err(wrong("there are more lines than were exported")),
                    false => Ok(()),
                }
            }
        }
    }

    fn begin(&mut self, line: &StoreLine) -> Result<(), Refusal> {
        if line.format != FORMAT {
            let why = format!(
                "its format is {}, and this version reads format {FORMAT}",
                line.format
            );
            return Err(wrong(&why));
        }
        let generations = line.generations();
        let generations = generations.ok_or_else(|| wrong("its generations are not in order"))?;
        if self.generations.is_some() {
            return Err(wrong("the line of the store is there twice"));
        }
        let end = generations.ended().next_back().map_or(0, |last| last.end);
        if line.seq < end.max(line.dropped_through) {
            return Err(wrong("its seq is too low"));
        }
        self.state.seq = line.seq;
        self.state.dropped_through = line.dropped_through;
        self.state.generations = generation_rows::write(self.connection, &generations)?;
        self.generations = Some(generations);
        Ok(())
    }

    fn add_entry(&mut self, row: &EntryRow<'_>) -> Result<(), Refusal> {
        let room = self.rooms.get(&row.room);
        let room = room.filter(|room| row.seq > room.evicted_through && row.seq <= self.state.seq);
        let room = room.ok_or_else(|| wrong("it is of no room, or was evicted"))?;
        let generations = self.generations.as_ref();
        if let Some(generations) = generations {
            row.entry(generations.id(row.seq), &room.name)?;
        }
        let mut insert = self.connection.prepare_cached(INSERT)?;
        row.write(&mut insert)?;
        self.state.entries.add(row.seq.cast_signed());
        Ok(())
    }

    /// Writes the rest, and checks that the store can be opened.
    fn finish(mut self) -> Result<(), TransferError> {
        let (count, is_whole) = (self.count, self.is_whole);
        match (count, is_whole) {
            (0, _) => Err(wrong("there are no lines").of_line(1)),
            (_, false) => Err(wrong(CUT_OFF).of_line(count + 1)),
            (_, true) => self.write_rest().map_err(|refusal| refusal.of_line(count)),
        }
    }

    fn write_rest(&mut self) -> Result<(), Refusal> {
        for room in self.rooms.values() {
            room.write(self.connection)?;
        }
        self.state.run = RunMark::default();
        self.state.write(self.connection)?;
        load(self.connection, &HubLimits::default())?;
        Ok(())
    }
}

impl Refusal {
    fn of_line(self, number: u64) -> TransferError {
        match self {
            Self::Line(why) => TransferError::Line(number, why),
            Self::Store(error) => TransferError::Store(error),
        }
    }
}

impl From<LoadError> for Refusal {
    fn from(error: LoadError) -> Self {
        match error {
            LoadError::Damaged(why) => Self::Line(why),
            LoadError::Sqlite(error) => error.into(),
        }
    }
}

impl From<rusqlite::Error> for Refusal {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::ConstraintViolation) => wrong("it is there twice"),
            _ => Self::Store(error.into()),
        }
    }
}

fn wrong(why: &str) -> Refusal {
    Refusal::Line(why.to_owned())
}
