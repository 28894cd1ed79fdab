//! Makes a store of lines of JSON.

use std::collections::HashMap;
use std::io::BufRead;
use std::path::Path;

use rusqlite::Connection;

use super::entry_row::{EntryRow, INSERT};
use super::folder::{fill_store, has_store, make_folder, make_store};
use super::load::load;
use super::open_error::OpenError;
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
    make_folder(dir)?;
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
        let mut text = String::new();
        loop {
            text.clear();
            if lines.read_line(&mut text).map_err(TransferError::Lines)? == 0 {
                break;
            }
            self.count += 1;
            let number = self.count;
            let refused = |why: String| TransferError::Line(number, why);
            let line = serde_json::from_str(&text).map_err(|error| refused(error.to_string()))?;
            match self.add(line) {
                Ok(()) => {}
                Err(OpenError::Damaged(why)) => return Err(refused(why)),
                Err(error) => return Err(error.into()),
            }
        }
        let count = self.count;
        self.finish()?;
        Ok(count)
    }

    fn add(&mut self, line: TransferLine<'_>) -> Result<(), OpenError> {
        match line {
            _ if self.is_whole => Err(wrong("it is after the last line of the export")),
            TransferLine::Store(line) => self.begin(&line),
            _ if self.generations.is_none() => Err(wrong("the line of the store is not first")),
            TransferLine::Room(room) => {
                let room = room.row().ok_or_else(|| wrong("it is no room"))?;
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

    fn begin(&mut self, line: &StoreLine) -> Result<(), OpenError> {
        if line.format != FORMAT {
            return Err(OpenError::Newer {
                format: line.format,
            });
        }
        let generations = line.generations();
        let generations = generations.ok_or_else(|| wrong("its generations are not in order"))?;
        if self.generations.is_some() {
            return Err(wrong("the line of the store is there twice"));
        }
        self.state.seq = line.seq;
        self.state.dropped_through = line.dropped_through;
        self.state.generations = generation_rows::write(self.connection, &generations)?;
        self.generations = Some(generations);
        Ok(())
    }

    fn add_entry(&mut self, row: &EntryRow<'_>) -> Result<(), OpenError> {
        let room = self.rooms.get(&row.room);
        let room = room.filter(|room| row.seq > room.evicted_through && row.seq <= self.state.seq);
        let room = room.ok_or_else(|| wrong("it is of no room, or was evicted"))?;
        let generations = self.generations.as_ref();
        if let Some(generations) = generations {
            row.entry(generations.id(row.seq), &room.name)?;
        }
        let mut insert = self.connection.prepare_cached(INSERT)?;
        let written = row.write(&mut insert);
        written.map_err(|error| wrong(&error.to_string()))?;
        self.state.entries.add(row.seq.cast_signed());
        Ok(())
    }

    /// Writes the rest, and checks that the store can be opened.
    fn finish(mut self) -> Result<(), TransferError> {
        if !self.is_whole {
            let why = match self.count {
                0 => "there are no lines",
                _ => "the export was cut off; export again",
            };
            return Err(TransferError::Line(self.count + 1, why.to_owned()));
        }
        for room in self.rooms.values() {
            room.write(self.connection)?;
        }
        self.state.run = RunMark::default();
        self.state.write(self.connection)?;
        load(self.connection, &HubLimits::default())?;
        Ok(())
    }
}

fn wrong(why: &str) -> OpenError {
    OpenError::Damaged(why.to_owned())
}
