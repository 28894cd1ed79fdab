//! What is lost of the model with the end of a generation.

use std::collections::BTreeMap;

use super::model::{ItemState, PublishedByRoom, PublishedItem};
use crate::protocol::EventId;

/// What is lost with the end of a generation.
#[derive(Debug, Clone)]
pub(super) struct LostSuffix {
    /// The id of its last entry that is not lost.
    end: EventId,
    /// The messages and events.
    items: PublishedByRoom,
    /// The states of those that are not lost themselves, by room and id.
    states: BTreeMap<&'static str, BTreeMap<String, Vec<ItemState>>>,
}

impl LostSuffix {
    /// What is left of `before` is `kept`.
    pub(super) fn new(end: EventId, before: &PublishedByRoom, kept: &PublishedByRoom) -> Self {
        let mut lost = Self {
            end,
            items: PublishedByRoom::new(),
            states: BTreeMap::new(),
        };
        for (&room, items) in before {
            let kept = &kept[room];
            lost.items.insert(room, items[kept.len()..].to_vec());
            let states = items.iter().zip(kept).map(|(before, kept)| {
                let states = before.states[kept.states.len()..].to_vec();
                (kept.id.to_string(), states)
            });
            let states = states.filter(|(_, states)| !states.is_empty());
            lost.states.insert(room, states.collect());
        }
        lost
    }

    /// Whether the entry with this id is lost.
    pub(super) fn contains(&self, id: EventId) -> bool {
        id.epoch <= self.end.epoch && id.seq > self.end.seq
    }

    /// Whether anything of a room is lost.
    pub(super) fn is_of(&self, room: &str) -> bool {
        !self.items[room].is_empty() || !self.states[room].is_empty()
    }

    /// A message or event that is lost.
    pub(super) fn item(&self, room: &str, id: &str) -> Option<&PublishedItem> {
        let mut items = self.items[room].iter();
        items.find(|item| item.id.to_string() == id)
    }

    /// Whether this is a lost state of a message or event.
    pub(super) fn has_state(&self, room: &str, id: &str, state: &ItemState) -> bool {
        let states = match self.item(room, id) {
            Some(item) => Some(&item.states),
            None => self.states[room].get(id),
        };
        states.is_some_and(|states| states.contains(state))
    }
}
