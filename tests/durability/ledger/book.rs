//! What one reader got over all its connections, checked event by event.

use std::collections::{HashMap, HashSet};

use serde::Deserialize;

use super::{ItemNo, Ledger, Meaning, ReaderNo, Violation};
use crate::event_id::Id;
use crate::register::Time;
use crate::shown::{Reactions, Shown};

#[derive(Debug, Default)]
pub(crate) struct Book {
    pub(crate) name: String,
    pub(crate) rooms: Vec<String>,
    /// The cursor of its first connection: what follows it is what it must get.
    pub(super) begins: Option<Id>,
    /// The last id that it got, which is the cursor of its next connection.
    pub(crate) last: Option<Id>,
    /// The items that it got in their own place.
    pub(super) got: HashSet<ItemNo>,
    /// The last state of each item that it got: its text and its reactions.
    pub(super) states: HashMap<ItemNo, (Option<String>, Reactions)>,
    /// The next number of each room, once it is known.
    next: HashMap<String, u64>,
    /// Rooms with a gap.
    pub(super) gaps: HashSet<String>,
    pub(crate) hellos: usize,
    pub(crate) byes: usize,
    pub(crate) cuts: usize,
}

impl Book {
    /// The item was published again, so the reader gets it again.
    pub(super) fn forget(&mut self, no: ItemNo) {
        self.got.remove(&no);
        self.states.remove(&no);
    }
}

#[derive(Debug, Deserialize)]
pub(crate) struct Hello {
    pub(crate) cursor: Id,
    pub(crate) ping_ms: u64,
    pub(crate) rooms: Vec<HelloRoom>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct HelloRoom {
    pub(crate) room: String,
    pub(crate) oldest: Option<Id>,
    pub(crate) newest: Option<Id>,
    pub(crate) next: u64,
}

#[derive(Debug, Deserialize)]
pub(crate) struct StreamGap {
    pub(crate) room: String,
    pub(crate) reason: String,
    pub(crate) next: u64,
}

impl Ledger {
    /// Adds a reader, which begins at this cursor; without one, at the present.
    pub(crate) fn add_reader(
        &mut self,
        name: &str,
        rooms: &[&str],
        begins: Option<Id>,
    ) -> ReaderNo {
        self.readers.push(Book {
            name: name.to_owned(),
            rooms: rooms.iter().map(|&room| room.to_owned()).collect(),
            last: begins.clone(),
            begins,
            ..Book::default()
        });
        ReaderNo(self.readers.len() - 1)
    }

    pub(crate) fn reader(&self, reader: ReaderNo) -> &Book {
        &self.readers[reader.0]
    }

    pub(crate) fn reader_mut(&mut self, reader: ReaderNo) -> &mut Book {
        &mut self.readers[reader.0]
    }

    pub(crate) fn readers(&self) -> &[Book] {
        &self.readers
    }

    /// The begin of a stream that was opened at the time `since`.
    pub(crate) fn hello(&mut self, reader: ReaderNo, hello: &Hello, since: Time) {
        let book = &mut self.readers[reader.0];
        book.hellos += 1;
        let by = book.name.clone();
        let is_expected = book.last.as_ref().is_none_or(|last| *last == hello.cursor);
        if book.begins.is_none() {
            book.begins = Some(hello.cursor.clone());
        }
        book.last = Some(hello.cursor.clone());
        if !is_expected {
            let (by, what) = (by.clone(), format!("{hello:?}"));
            self.violate(Violation::Invalid { by, what });
        }
        self.see_epoch(&by, &hello.cursor);
        for room in &hello.rooms {
            self.name(&by, room.oldest.as_ref());
            self.name(&by, room.newest.as_ref());
            self.check_newest(&by, room, since);
        }
    }

    /// What was known when the stream was opened is before the room's next number.
    fn check_newest(&mut self, by: &str, room: &HelloRoom, since: Time) {
        let Some(known) = self.rooms.get(&room.room) else {
            return;
        };
        let places = known.values().rev();
        let places = places.filter_map(|no| self.items[no.0].place.as_ref());
        let mut places = places.filter(|place| place.known_at <= since);
        let newest = places.clone().next().map(|place| place.id.clone());
        let number = places.find_map(|place| place.number).unwrap_or(0);
        if room.next <= number || room.newest < newest {
            let what = format!("{room:?}, after {newest:?} with number {number}");
            let by = by.to_owned();
            self.violate(Violation::Invalid { by, what });
        }
    }

    /// An item in its own place, or a change of it at the id `at`.
    pub(crate) fn entry(&mut self, reader: ReaderNo, at: &Id, shown: &Shown, since: Time) {
        let by = self.readers[reader.0].name.clone();
        self.take_id(reader, at);
        let no = self.observe(&by, shown, since);
        if shown.client_id.is_some() || !self.readers[reader.0].rooms.contains(&shown.room) {
            let (by, what) = (by.clone(), format!("not for a reader: {shown:?}"));
            self.violate(Violation::Invalid { by, what });
        }
        let Some(no) = no else { return };
        self.show(reader, no, shown);
        match *at == shown.id {
            true => self.place(reader, no, shown),
            false => self.change(&by, at, no),
        }
    }

    /// The last id of the reader. Ids go up over all its connections.
    fn take_id(&mut self, reader: ReaderNo, id: &Id) {
        let book = &mut self.readers[reader.0];
        let last = book.last.replace(id.clone());
        if last.is_some_and(|last| last >= *id) {
            let (by, id) = (book.name.clone(), id.clone());
            self.violate(Violation::Order { by, id });
        }
    }

    fn place(&mut self, reader: ReaderNo, no: ItemNo, shown: &Shown) {
        let book = &mut self.readers[reader.0];
        let is_again = !book.got.insert(no);
        let (by, id) = (book.name.clone(), shown.id.clone());
        let expected = shown
            .number
            .and_then(|number| book.next.insert(shown.room.clone(), number + 1));
        if expected.is_some_and(|expected| shown.number != Some(expected)) {
            let (by, id) = (by.clone(), id.clone());
            self.violate(Violation::Hole { by, id });
        }
        if is_again {
            self.violate(Violation::Again { by, id });
        }
    }

    fn change(&mut self, by: &str, at: &Id, no: ItemNo) {
        let meaning = Meaning::ChangeOf(no);
        if *self.meanings.entry(at.clone()).or_insert(meaning) != meaning {
            let (by, id) = (by.to_owned(), at.clone());
            self.violate(Violation::TwoMeanings { by, id });
        }
    }

    /// A reader never sees an older text of an item after a newer one.
    fn show(&mut self, reader: ReaderNo, no: ItemNo, shown: &Shown) {
        let text = shown.text().map(str::to_owned);
        let state = (text, shown.reactions().unwrap_or_default());
        let book = &mut self.readers[reader.0];
        let texts = &self.items[no.0].texts;
        let now = texts.version(&state.0);
        let last = book.states.insert(no, state);
        if last.is_some_and(|(last, _)| texts.version(&last) > now) {
            let (by, id) = (book.name.clone(), shown.id.clone());
            let what = "a reader saw a later text before".to_owned();
            self.violate(Violation::Undone { by, id, what });
        }
    }

    pub(crate) fn gap(&mut self, reader: ReaderNo, cursor: &Id, gap: &StreamGap) {
        let book = &mut self.readers[reader.0];
        book.last = Some(cursor.clone());
        book.next.insert(gap.room.clone(), gap.next);
        book.gaps.insert(gap.room.clone());
        if gap.reason == "evicted" && self.holds.is_some() {
            return;
        }
        self.violations.push(Violation::Gap {
            by: book.name.clone(),
            room: gap.room.clone(),
            reason: gap.reason.clone(),
        });
    }
}
