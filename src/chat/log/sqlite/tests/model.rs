//! A plain hub: it makes the records that a hub makes, and knows what a store must hold.

use std::collections::BTreeMap;

use crate::chat::author::{Author, Fingerprint};
use crate::chat::bans::{Ban, BanKey};
use crate::chat::change::{Change, Requester};
use crate::chat::draft::{Draft, DraftContent, RetryKey};
use crate::chat::entry::{Entry, Provenance};
use crate::chat::forgotten_rooms::RoomTombstone;
use crate::chat::generations::Generations;
use crate::chat::history::{History, HistoryLimits};
use crate::chat::log::Record;
use crate::chat::place::Place;
use crate::protocol::{
    ChangedEntry, ClientId, CustomEventName, EditKey, Emoji, EventId, EventPayload, MessageText,
    PublishedEvent, RoomName, UserName,
};

const AT: &str = "2026-11-28T01:02:03.004Z";
const LIMITS: HistoryLimits = HistoryLimits {
    count: usize::MAX,
    bytes: usize::MAX,
    stored: 0,
};

pub(super) struct Model {
    pub(super) generations: Generations,
    pub(super) seq: u64,
    pub(super) rooms: BTreeMap<RoomName, History>,
    pub(super) forgotten: Vec<(RoomName, RoomTombstone)>,
    pub(super) dropped_through: u64,
}

pub(super) fn room(name: &str) -> RoomName {
    RoomName::parse(name).unwrap()
}

pub(super) fn edit_key(number: u64) -> Fingerprint {
    Fingerprint::of_edit_key(&EditKey::parse(&format!("{number:016}")).unwrap())
}

/// One of some authors, with different things known of each.
pub(super) fn author(number: u64) -> Author {
    Author {
        subject: (number % 3 == 1).then(|| Fingerprint::of_subject(b"k", &number.to_string())),
        edit_key: (number % 4 == 1).then(|| edit_key(number)),
        address: match number % 5 {
            0 => None,
            1 => Some("2001:db8::1".parse().unwrap()),
            2 => Some("::ffff:192.0.2.1".parse().unwrap()),
            _ => Some("192.0.2.1".parse().unwrap()),
        },
    }
}

impl Model {
    pub(super) fn new(generations: &Generations) -> Self {
        Self {
            generations: generations.clone(),
            seq: 0,
            rooms: BTreeMap::new(),
            forgotten: Vec::new(),
            dropped_through: 0,
        }
    }

    pub(super) fn draft(text: &str, number: u64) -> Draft {
        let name = UserName::parse(&format!("n{}", number % 7)).unwrap();
        let mut draft = match number % 6 {
            0 => Draft::event(
                CustomEventName::parse(if number.is_multiple_of(4) {
                    "message"
                } else {
                    "news"
                })
                .unwrap(),
                EventPayload::parse(text.to_owned(), 1 << 20).unwrap(),
            ),
            _ => Draft::new(name, MessageText::parse(text, 1 << 20).unwrap()),
        };
        if let DraftContent::Message(message) = &mut draft.content {
            message.is_verified = number % 5 == 1;
            message.reply_to = (number % 3 == 1).then(|| "old-7".parse().unwrap());
        }
        draft.client_id =
            (number % 2 == 1).then(|| ClientId::parse(&format!("c{number}")).unwrap());
        draft.author = author(number);
        draft
    }

    /// Publishes a message or an event.
    pub(super) fn publish(&mut self, room: &RoomName, mut draft: Draft) -> Record {
        let id = self.next_id();
        let evicted_through = self.ensure(room);
        let history = self.rooms.get_mut(room).unwrap();
        let retry_key = RetryKey::take(&mut draft);
        let provenance = Provenance::new(retry_key, draft.author);
        let place = history.next_place();
        let entry = match &draft.content {
            DraftContent::Message(message) => {
                Entry::message(id, room, place, message, provenance, AT)
            }
            DraftContent::Event { name, payload } => {
                let event = PublishedEvent {
                    id,
                    room: room.as_str().into(),
                    event: name.as_str().into(),
                    data: payload.as_str().into(),
                    created_at: AT.into(),
                };
                Entry::event_of_program(&event, place, provenance)
            }
        };
        let entry = entry.assigned_at(1_000_000 + id.seq);
        history.push(entry.clone());
        Record::Entry {
            room: room.clone(),
            entry,
            current: None,
            evicted_through,
        }
    }

    /// The record of a change, if it changes something.
    pub(super) fn change(
        &mut self,
        room: &RoomName,
        item: u64,
        change: &Change,
        author: Author,
    ) -> Option<Record> {
        let id = EventId {
            epoch: self.generations.present(),
            seq: self.seq + 1,
        };
        let history = self.rooms.get_mut(room)?;
        let present = history.item(item)?;
        let requester = Requester {
            author,
            may_moderate: true,
        };
        let new = change.apply(present, &requester, AT).ok()??;
        let place = history.next_place();
        let announced = present.change(id, place, &new.state, new.reactions.clone());
        let announced = announced.assigned_at(1_000_000 + id.seq);
        let current = history.get(item).map(|own| match &new.state {
            ChangedEntry::Message(message) => own.with_state(message, new.reactions.clone()),
            ChangedEntry::Deleted(deleted) => own.deleted(deleted),
        });
        history.push_change(announced.clone(), current.clone());
        self.seq += 1;
        Some(Record::Entry {
            room: room.clone(),
            entry: announced,
            current,
            evicted_through: history.evicted_through(),
        })
    }

    pub(super) fn react(&mut self, room: &RoomName, item: u64, number: u64) -> Option<Record> {
        let emoji = ["👍", "🎉", "👩‍🚀"][number as usize % 3];
        let name = UserName::parse(&format!("r{number}")).unwrap();
        let change = Change::React(Emoji::parse(emoji).unwrap(), name);
        let author = Author {
            edit_key: Some(edit_key(number)),
            ..Author::default()
        };
        self.change(room, item, &change, author)
    }

    /// Evicts the oldest entries of a room.
    pub(super) fn evict(&mut self, room: &RoomName, count: usize) -> Option<Record> {
        let history = self.rooms.get_mut(room)?;
        let count = count.min(history.len());
        (0..count).for_each(|_| history.drop_oldest());
        (count > 0).then(|| Record::Evicted {
            room: room.clone(),
            count,
            through: history.evicted_through(),
        })
    }

    /// Forgets a room. With too many tombstones the oldest is dropped.
    pub(super) fn forget(&mut self, room: &RoomName, most: usize) -> Vec<Record> {
        let Some(history) = self.rooms.remove(room) else {
            return Vec::new();
        };
        let tombstone = RoomTombstone {
            through: history.newest(),
            next: history.next_place(),
        };
        self.forgotten.push((room.clone(), tombstone));
        let mut records = vec![Record::Forgotten {
            room: room.clone(),
            tombstone,
        }];
        if self.forgotten.len() > most {
            let (oldest, _) = self.forgotten.remove(0);
            self.seq += 1;
            self.dropped_through = self.seq;
            records.push(Record::TombstoneDropped {
                room: oldest,
                through: self.seq,
            });
        }
        records
    }

    pub(super) fn ban(room: &RoomName, number: u64, until: std::time::SystemTime) -> Record {
        Record::Banned {
            room: room.clone(),
            key: Self::ban_key(number),
            ban: Ban {
                message: format!("e-{number}").parse().unwrap(),
                name: number.is_multiple_of(2).then(|| format!("n{number}")),
                until,
            },
        }
    }

    pub(super) fn ban_key(number: u64) -> BanKey {
        BanKey::of(&Author {
            subject: Some(edit_key(number)),
            ..Author::default()
        })
        .unwrap()
    }

    fn next_id(&mut self) -> EventId {
        self.seq += 1;
        self.generations.id(self.seq)
    }

    /// Makes sure that there is the room. Returns up to where it was evicted.
    fn ensure(&mut self, room: &RoomName) -> u64 {
        if !self.rooms.contains_key(room) {
            let forgotten = self.forgotten.iter().position(|(name, _)| name == room);
            let history = match forgotten.map(|place| self.forgotten.remove(place).1) {
                Some(tombstone) => History::after(LIMITS, tombstone.through, tombstone.next),
                None if self.dropped_through > 0 => {
                    History::after(LIMITS, self.dropped_through, Place::FIRST)
                }
                None => History::new(LIMITS),
            };
            self.rooms.insert(room.clone(), history);
        }
        self.rooms[room].evicted_through()
    }

    /// The seqs of the messages and events of a room.
    pub(super) fn items(&self, room: &RoomName) -> Vec<u64> {
        let history = self.rooms.get(room);
        let entries = history.into_iter().flat_map(|history| history.since(0));
        entries.map(Entry::item_seq).collect()
    }
}
