//! All that was sent, answered and shown in the life of one store, and the violations of the
//! promises. It is independent of the faults, and shares no code with the server.

mod book;
mod finish;
#[cfg(test)]
mod tests;
mod violation;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Bound;

use crate::event_id::Id;
use crate::item::{Item, Sent, Wrong};
use crate::register::Time;
use crate::shown::{Page, Shown};
pub(crate) use book::{Book, Hello, StreamGap};
pub(crate) use violation::Violation;

/// Names an item in the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct ItemNo(usize);

/// Names a reader in the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ReaderNo(usize);

/// What an id stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meaning {
    Item(ItemNo),
    ChangeOf(ItemNo),
}

#[derive(Debug, Default)]
pub(crate) struct Ledger {
    now: Time,
    items: Vec<Item>,
    by_label: HashMap<String, ItemNo>,
    meanings: HashMap<Id, Meaning>,
    /// The items of each room that were answered or shown.
    rooms: HashMap<String, BTreeMap<Id, ItemNo>>,
    /// Ids that were shown without what they stand for.
    named: HashMap<Id, String>,
    epochs: HashSet<String>,
    gone: HashSet<Id>,
    /// How many items of each room history holds at least; `None` for all.
    holds: Option<usize>,
    readers: Vec<Book>,
    violations: Vec<Violation>,
}

/// What a history page is asked for: what lies between two ids.
#[derive(Debug, Clone, Default)]
pub(crate) struct Window {
    pub(crate) after: Option<Id>,
    pub(crate) before: Option<Id>,
}

impl Ledger {
    /// History holds at least this many items of each room; the others may be evicted.
    pub(crate) fn evicting(holds: usize) -> Self {
        Self {
            holds: Some(holds),
            ..Self::default()
        }
    }

    /// Whether history may have evicted something.
    pub(crate) fn evicts(&self) -> bool {
        self.holds.is_some()
    }

    /// Up to this id the items of the room may be evicted.
    fn cutoff(&self, room: &str) -> Option<&Id> {
        self.rooms.get(room)?.keys().rev().nth(self.holds?)
    }

    /// A change of the text that was requested last is answered.
    pub(crate) fn acknowledge(&mut self, no: ItemNo) {
        self.now += 1;
        self.items[no.0].texts.acknowledge(self.now);
    }

    /// The same for a reaction.
    pub(crate) fn acknowledge_reaction(&mut self, no: ItemNo, pair: &(String, String)) {
        self.now += 1;
        // It is gone if the item was published again.
        if let Some(register) = self.items[no.0].reactions.get_mut(pair) {
            register.acknowledge(self.now);
        }
    }

    /// The item was not there for this reaction.
    pub(crate) fn forget_reaction(&mut self, no: ItemNo, pair: &(String, String)) {
        self.items[no.0].reactions.remove(pair);
    }

    /// The present moment, from which a request is judged.
    pub(crate) fn now(&self) -> Time {
        self.now
    }

    /// Adds what is sent for the first time.
    pub(crate) fn sending(&mut self, sent: Sent) -> ItemNo {
        self.now += 1;
        let no = ItemNo(self.items.len());
        self.by_label.insert(sent.label.clone(), no);
        self.items.push(Item::new(sent));
        no
    }

    pub(crate) fn item(&self, no: ItemNo) -> &Item {
        &self.items[no.0]
    }

    pub(crate) fn item_mut(&mut self, no: ItemNo) -> &mut Item {
        self.now += 1;
        &mut self.items[no.0]
    }

    /// Whether this reader has got the item.
    pub(crate) fn has_got(&self, book: &Book, no: ItemNo) -> bool {
        book.got.contains(&no) || !book.rooms.contains(&self.items[no.0].sent.room)
    }

    /// Whether the item with this client id was deleted.
    pub(crate) fn is_deleted(&self, label: &str) -> bool {
        let no = self.by_label.get(label);
        no.is_some_and(|no| self.items[no.0].is_deleted())
    }

    /// The items of a room that were answered or shown, in id order.
    pub(crate) fn known(&self, room: &str) -> Option<&BTreeMap<Id, ItemNo>> {
        self.rooms.get(room)
    }

    pub(crate) fn violate(&mut self, violation: Violation) {
        self.violations.push(violation);
    }

    pub(crate) fn violations(&self) -> &[Violation] {
        &self.violations
    }

    /// The answer to the sender of an event, which has its id only.
    pub(crate) fn event_answered(&mut self, by: &str, no: ItemNo, id: Id) {
        let sent = &self.items[no.0].sent;
        let data = self.items[no.0].texts.first();
        let data = data.as_deref().unwrap_or_default();
        let shown = Shown::plain_event(id, &sent.room, &sent.title, data);
        // The first state, whatever was shown meanwhile.
        self.observe(by, &shown, 0);
    }

    /// Notes an item as it was shown in answer to a request of the time `since`. Returns
    /// which it is.
    pub(crate) fn observe(&mut self, by: &str, shown: &Shown, since: Time) -> Option<ItemNo> {
        self.now += 1;
        let by = by.to_owned();
        self.see_epoch(&by, &shown.id);
        let id = shown.id.clone();
        let by_label = || shown.label().and_then(|label| self.by_label.get(label));
        let found = match self.meanings.get(&id) {
            Some(Meaning::Item(no)) => *no,
            Some(Meaning::ChangeOf(_)) => {
                self.violate(Violation::TwoMeanings { by, id });
                return None;
            }
            None => match by_label() {
                Some(no) => *no,
                None => {
                    self.violate(Violation::Nowhere { by, id });
                    return None;
                }
            },
        };
        let item = &mut self.items[found.0];
        if shown.label().is_some_and(|label| label != item.sent.label) {
            self.violate(Violation::TwoMeanings { by, id });
            return None;
        }
        let observed = item.observe(shown, since, self.now);
        match observed {
            Ok(()) => {}
            // The first was evicted, and its client id with it, before it was answered.
            Err(Wrong::Twice { first }) if self.cutoff(&shown.room) >= Some(&first) => {
                self.items[found.0].begin_again();
                for book in &mut self.readers {
                    book.forget(found);
                }
                return self.observe(&by, shown, since);
            }
            Err(Wrong::Twice { first }) => {
                let second = id;
                self.violate(Violation::SaidTwice { by, first, second });
                return None;
            }
            Err(Wrong::Altered(what)) => self.violate(Violation::Altered { by, id, what }),
            Err(Wrong::Undone(what)) => self.violate(Violation::Undone { by, id, what }),
        }
        let id = shown.id.clone();
        self.meanings.insert(id.clone(), Meaning::Item(found));
        let room = self.rooms.entry(shown.room.clone()).or_default();
        room.insert(id, found);
        Some(found)
    }

    /// An id was shown without what it stands for, which must be an item.
    pub(crate) fn name(&mut self, by: &str, id: Option<&Id>) {
        let Some(id) = id else { return };
        self.see_epoch(by, id);
        self.named
            .entry(id.clone())
            .or_insert_with(|| by.to_owned());
    }

    fn see_epoch(&mut self, by: &str, id: &Id) {
        if self.epochs.insert(id.epoch.clone()) && self.epochs.len() > 1 {
            self.violate(Violation::NewEpoch {
                by: by.to_owned(),
                epoch: id.epoch.clone(),
            });
        }
    }

    /// Checks a history page that was requested at the time `since`. `is_short` if it has less
    /// than was asked for.
    pub(crate) fn page(
        &mut self,
        by: &str,
        page: &Page,
        window: &Window,
        since: Time,
        is_short: bool,
    ) {
        for shown in &page.messages {
            self.observe(by, shown, since);
            if shown.room != page.room || shown.client_id.is_some() {
                let what = format!("in a page of {}: {shown:?}", page.room);
                self.violate(Violation::Invalid {
                    by: by.to_owned(),
                    what,
                });
            }
        }
        self.name(by, page.oldest.as_ref());
        self.name(by, page.newest.as_ref());
        self.check_row(by, &page.messages);
        let ids = || page.messages.iter().map(|shown| shown.id.clone());
        // Without `after` a page that is not short begins somewhere.
        let from = match (&window.after, ids().next()) {
            (Some(after), _) => Bound::Excluded(after.clone()),
            (None, Some(first)) if !is_short => Bound::Included(first),
            (None, _) => Bound::Unbounded,
        };
        let to = match (&window.before, ids().next_back()) {
            (Some(before), _) if is_short || window.after.is_none() => {
                Bound::Excluded(before.clone())
            }
            (_, Some(last)) if window.after.is_some() && !is_short => Bound::Included(last),
            _ => Bound::Unbounded,
        };
        self.check_there(by, &page.room, (from, to), &ids().collect(), since);
    }

    /// Ids go up, and numbers by one.
    pub(crate) fn check_row(&mut self, by: &str, row: &[Shown]) {
        let by = || by.to_owned();
        let mut number = None;
        let mut last: Option<&Id> = None;
        for shown in row {
            let id = shown.id.clone();
            if last.is_some_and(|last| *last >= id) {
                self.violate(Violation::Order {
                    by: by(),
                    id: id.clone(),
                });
            }
            last = Some(&shown.id);
            let Some(this) = shown.number else { continue };
            if number.is_some_and(|before| this != before + 1) {
                self.violate(Violation::Hole { by: by(), id });
            }
            number = Some(this);
        }
    }

    /// Whatever was known of this part of the room at the time `since` is among these ids.
    pub(crate) fn check_there(
        &mut self,
        by: &str,
        room: &str,
        part: (Bound<Id>, Bound<Id>),
        ids: &HashSet<Id>,
        since: Time,
    ) {
        let Some(known) = self.rooms.get(room) else {
            return;
        };
        let cutoff = self.cutoff(room);
        let known_by_then = |no: ItemNo| {
            let place = self.items[no.0].place.as_ref();
            place.is_some_and(|place| place.known_at <= since)
        };
        let gone: Vec<Id> = known
            .range(part)
            .filter(|(id, _)| cutoff.is_none_or(|cutoff| cutoff < *id))
            .filter(|(id, no)| known_by_then(**no) && !ids.contains(*id))
            .map(|(id, _)| id.clone())
            .collect();
        for id in gone {
            if self.gone.insert(id.clone()) {
                self.violate(Violation::Gone {
                    by: by.to_owned(),
                    id,
                });
            }
        }
    }
}
