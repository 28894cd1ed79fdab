//! Checks the events of one reader in order. Per room it records the messages that
//! the reader got and those that gap events announced as lost.

use std::collections::{HashMap, HashSet};
use std::ops::RangeInclusive;

use super::Violation;
use super::ledger::Ledger;
use crate::event_id::Id;
use crate::record::{Begins, Changed, Gap, Reading, Seen, Shown};

#[derive(Default)]
pub(super) struct Walk {
    reader: String,
    rooms: HashMap<String, Place>,
    /// The id of the last event of this stream that had one.
    last_of_stream: Option<Id>,
    /// The Last-Event-ID of a reconnect; `None` if unknown.
    cursor: Option<String>,
    has_bye: bool,
    given: HashSet<Id>,
    /// The room and the text of each message as it was last shown, since the last
    /// gap of its room.
    states: HashMap<Id, (String, Option<String>)>,
    /// Changes are entries too, and a gap may have only those.
    has_changes: bool,
    violations: Vec<Violation>,
}

/// The reader's position in one room.
#[derive(Default)]
struct Place {
    /// Unknown after a restart until the first message.
    epoch: Option<String>,
    /// The previous epoch, ended by a restart.
    left: Option<String>,
    next: Next,
    /// Accounts by epoch: from the first number that the reader must see to its last
    /// known position.
    accounts: HashMap<String, Account>,
    /// The start of the next account, whose epoch is unknown yet.
    begins: Option<u64>,
}

/// The number of the next message.
#[derive(Default, Clone, Copy)]
enum Next {
    #[default]
    Unknown,
    AtMost(u64),
    Is(u64),
}

#[derive(Default)]
struct Account {
    from: u64,
    /// One past the last number.
    to: u64,
    gaps: Vec<RangeInclusive<u64>>,
}

impl Walk {
    pub(super) fn along(reading: &Reading, has_changes: bool) -> Self {
        let mut walk = Self {
            reader: reading.reader.clone(),
            has_changes,
            ..Self::default()
        };
        for room in &reading.rooms {
            let mut place = Place::default();
            if reading.begins == Begins::AtOne {
                place.go_on_at(1);
            }
            walk.rooms.insert(room.clone(), place);
        }
        for seen in &reading.seen {
            walk.take(seen, reading.begins);
        }
        walk
    }

    fn take(&mut self, seen: &Seen, begins: Begins) {
        let is_end = matches!(seen, Seen::Ended | Seen::Cut);
        if self.has_bye && !is_end {
            self.odd(format!("after bye: {seen:?}"));
        }
        match seen {
            Seen::Hello { cursor, next } => self.hello(cursor, next, begins),
            Seen::Update(shown) => self.update(shown),
            Seen::Change(changed) => self.change(changed),
            Seen::Gap(gap) => self.gap(gap),
            Seen::Ping => {}
            Seen::Bye { .. } => self.has_bye = true,
            Seen::Ended | Seen::Cut => {
                (self.last_of_stream, self.has_bye) = (None, false);
            }
            Seen::Invalid(what) => self.odd(what.clone()),
        }
    }

    fn hello(&mut self, cursor: &str, next: &[(String, u64)], begins: Begins) {
        let is_first = self.cursor.is_none();
        if self
            .cursor
            .as_ref()
            .is_some_and(|known| !known.is_empty() && known != cursor)
        {
            self.violations.push(Violation::BadHello {
                reader: self.reader.clone(),
                cursor: cursor.to_owned(),
            });
        }
        self.cursor = Some(cursor.to_owned());
        self.last_of_stream = cursor.parse().ok();
        if !is_first || begins == Begins::AtOne {
            return;
        }
        let epoch = self.last_of_stream.as_ref().map(|id| id.epoch.clone());
        for (room, next) in next {
            let Some(place) = self.rooms.get_mut(room) else {
                continue;
            };
            place.epoch.clone_from(&epoch);
            match begins {
                Begins::Past => place.next = Next::AtMost(*next),
                Begins::Now | Begins::AtOne => place.go_on_at(*next),
            }
        }
    }

    fn update(&mut self, shown: &Shown) {
        self.item(&shown.id, &shown.room, shown.number);
        self.show(&shown.id, &shown.room, Some(&shown.text));
    }

    fn change(&mut self, changed: &Changed) {
        let Changed {
            at,
            id,
            room,
            number,
            text,
        } = changed;
        // A deleted message comes as a change in its own place.
        let is_in_place = match at {
            Some(at) => at == id,
            None => self.is_new(changed),
        };
        match at {
            _ if is_in_place && text.is_some() => self.odd(format!("no update: {id}")),
            _ if is_in_place => self.item(id, room, *number),
            Some(at) => {
                self.order(at);
                self.cursor = Some(at.to_string());
            }
            // The cursor is not known.
            None => self.cursor = Some(String::new()),
        }
        self.show(id, room, text.as_deref());
    }

    /// Whether the reader has not come as far as this message.
    fn is_new(&self, changed: &Changed) -> bool {
        let place = self.rooms.get(&changed.room);
        let next = place.map_or(Next::Unknown, |place| place.next);
        let is_next = match next {
            Next::Is(next) => changed.number >= next,
            Next::AtMost(_) | Next::Unknown => true,
        };
        is_next && changed.text.is_none() && !self.given.contains(&changed.id)
    }

    fn show(&mut self, id: &Id, room: &str, text: Option<&str>) {
        let state = (room.to_owned(), text.map(str::to_owned));
        self.states.insert(id.clone(), state);
    }

    /// A message in its own place.
    fn item(&mut self, id: &Id, room: &str, number: u64) {
        self.order(id);
        self.cursor = Some(id.to_string());
        if !self.given.insert(id.clone()) {
            return self.again(id);
        }
        let Some(place) = self.rooms.get_mut(room) else {
            return self.odd(format!("a message of {room}"));
        };
        let is_same = place.epoch.as_ref().is_none_or(|epoch| *epoch == id.epoch);
        let wrong = match place.next {
            _ if !is_same => Some(Violation::SilentRestart {
                reader: self.reader.clone(),
                id: id.clone(),
            }),
            _ if place.left.take().as_ref() == Some(&id.epoch) => Some(Violation::BadGap {
                reader: self.reader.clone(),
                what: format!("{id} is of an epoch that ended"),
            }),
            Next::Is(next) if number < next => Some(Violation::Again {
                reader: self.reader.clone(),
                id: id.clone(),
            }),
            Next::Is(next) | Next::AtMost(next) if number > next => Some(Violation::Hole {
                reader: self.reader.clone(),
                id: id.clone(),
                after: next.saturating_sub(1),
            }),
            _ => None,
        };
        self.violations.extend(wrong);
        place.give(id, number);
    }

    fn gap(&mut self, gap: &Gap) {
        if let Ok(id) = gap.cursor.parse::<Id>()
            && gap.reason != "restart"
        {
            self.order(&id);
        }
        self.cursor = Some(gap.cursor.clone());
        self.states.retain(|_, (room, _)| *room != gap.room);
        let has_changes = self.has_changes;
        let Some(place) = self.rooms.get_mut(&gap.room) else {
            return self.odd(format!("a gap of {}", gap.room));
        };
        let fits = match (&*gap.reason, place.next) {
            ("restart", _) => {
                place.leave();
                gap.lost.is_none()
            }
            ("evicted" | "lagged", Next::Is(next)) => {
                let lost = gap
                    .next
                    .checked_sub(next)
                    .filter(|&lost| lost > 0 || has_changes);
                place.miss(next, gap.next);
                lost.is_some() && (gap.lost.is_none() || gap.lost == lost)
            }
            ("evicted" | "lagged", _) => gap.lost != Some(0) || has_changes,
            _ => false,
        };
        place.go_on_at(gap.next);
        if !fits {
            self.violations.push(Violation::BadGap {
                reader: self.reader.clone(),
                what: format!("{gap:?}"),
            });
        }
    }

    fn order(&mut self, id: &Id) {
        let last = self.last_of_stream.replace(id.clone());
        if last.is_some_and(|last| last.epoch == id.epoch && last.seq >= id.seq) {
            self.violations.push(Violation::IdOrder {
                reader: self.reader.clone(),
                id: id.to_string(),
            });
        }
    }

    fn again(&mut self, id: &Id) {
        self.violations.push(Violation::Again {
            reader: self.reader.clone(),
            id: id.clone(),
        });
    }

    fn odd(&mut self, what: String) {
        self.violations.push(Violation::Invalid {
            reader: self.reader.clone(),
            what,
        });
    }

    /// The violations of this reader, including missing messages.
    pub(super) fn violations(
        mut self,
        reading: &Reading,
        ledger: &Ledger<'_>,
        final_messages: &[Shown],
    ) -> Vec<Violation> {
        let mut lost = Vec::new();
        for shown in ledger.answers() {
            let is_due = |place: &Place| place.owes(shown) && !self.given.contains(&shown.id);
            if self.rooms.get(&shown.room).is_some_and(is_due) {
                lost.push(Violation::Lost {
                    reader: self.reader.clone(),
                    id: shown.id.clone(),
                });
            }
        }
        for last in final_messages.iter().filter(|_| reading.stayed) {
            let is_there = |place: &Place| place.has_reached(last);
            if self
                .rooms
                .get(&last.room)
                .is_some_and(|place| !is_there(place))
            {
                lost.push(Violation::NotThere {
                    reader: self.reader.clone(),
                    room: last.room.clone(),
                });
            }
        }
        if reading.stayed {
            let stale = self.states.iter();
            let stale = stale.filter(|(id, (_, text))| ledger.is_stale(id, text.as_deref()));
            lost.extend(stale.map(|(id, _)| Violation::Stale {
                reader: self.reader.clone(),
                id: id.clone(),
            }));
        }
        self.violations.extend(lost);
        self.violations
    }
}

impl Place {
    /// Sets the number of the next message.
    fn go_on_at(&mut self, number: u64) {
        self.next = Next::Is(number);
        if self.epoch.is_none() {
            self.begins = Some(number);
        } else {
            self.account_from(number).to = number;
        }
    }

    /// Ends the epoch: its later messages are in the gap.
    fn leave(&mut self) {
        self.left = self.epoch.take().or(self.left.take());
    }

    fn miss(&mut self, from: u64, to: u64) {
        if self.epoch.is_some() && from < to {
            self.account_from(from).gaps.push(from..=to - 1);
        }
    }

    fn give(&mut self, id: &Id, number: u64) {
        if self.epoch.as_ref() != Some(&id.epoch) {
            self.epoch = Some(id.epoch.clone());
            let begins = self.begins.take().unwrap_or(number);
            self.account_from(begins);
        }
        let account = self.account_from(number);
        account.to = account.to.max(number + 1);
        self.next = Next::Is(number + 1);
    }

    /// The account of this epoch, started here if it is new.
    fn account_from(&mut self, from: u64) -> &mut Account {
        let epoch = self.epoch.clone().unwrap_or_default();
        let new = Account {
            from,
            to: from,
            gaps: Vec::new(),
        };
        self.accounts.entry(epoch).or_insert(new)
    }

    /// Whether the reader must have got this message.
    fn owes(&self, shown: &Shown) -> bool {
        let number = shown.number;
        self.accounts.get(&shown.id.epoch).is_some_and(|account| {
            (account.from..account.to).contains(&number)
                && !account.gaps.iter().any(|gap| gap.contains(&number))
        })
    }

    fn has_reached(&self, last: &Shown) -> bool {
        self.accounts
            .get(&last.id.epoch)
            .is_some_and(|account| account.to > last.number)
    }
}
