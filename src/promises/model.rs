//! The model: everything that was ever published in each room, with every state that
//! it had.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::protocol::EventId;

/// The name of all events of programs.
pub(super) const EVENT_NAME: &str = "news";

/// A message or an event of the model.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct PublishedItem {
    pub(super) id: EventId,
    /// The number of a message.
    pub(super) number: Option<u64>,
    pub(super) client_id: Option<u8>,
    /// Its states, the present one last.
    pub(super) states: Vec<ItemState>,
}

/// A state of a message or an event, as far as the model looks at it.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum ItemState {
    /// The text of a message, and its reactions with their counts.
    Message {
        text: String,
        reactions: Vec<(String, u64)>,
    },
    /// The payload of an event.
    Event(String),
    Deleted,
}

/// The model: all messages and events ever published, by room.
pub(super) type PublishedByRoom = BTreeMap<&'static str, Vec<PublishedItem>>;

impl PublishedItem {
    /// The present state.
    pub(super) fn state(&self) -> &ItemState {
        self.states.last().expect("an item has a state")
    }
}

impl ItemState {
    /// A message without reactions.
    pub(super) fn text(text: &str) -> Self {
        Self::Message {
            text: text.to_owned(),
            reactions: Vec::new(),
        }
    }

    /// The state that an `update` or a `change` shows.
    pub(super) fn of_json(data: &Value) -> Self {
        if data["deleted"] == true {
            return Self::Deleted;
        }
        let reactions = data["reactions"].as_array().into_iter().flatten();
        let reaction = |reaction: &Value| {
            let emoji = reaction["emoji"].as_str().expect("an emoji");
            (
                emoji.to_owned(),
                reaction["count"].as_u64().expect("a count"),
            )
        };
        Self::Message {
            text: data["message"].as_str().expect("a text").to_owned(),
            reactions: reactions.map(reaction).collect(),
        }
    }
}
