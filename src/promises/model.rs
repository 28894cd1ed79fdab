//! The model: everything that was ever published in each room, with every state that
//! it had, and the requests that are not answered yet.

use std::collections::BTreeMap;

use serde_json::Value;

use super::inputs::ROOMS;
use crate::chat::Commit;
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

/// All messages and events ever published, by room.
pub(super) type PublishedByRoom = BTreeMap<&'static str, Vec<PublishedItem>>;

/// The model of a server.
#[derive(Debug)]
pub(super) struct ServerModel {
    /// What is shown.
    pub(super) published: PublishedByRoom,
    /// The requests that were taken and are not answered, in their order.
    pending: Vec<PendingRequest>,
    /// How many of them the server is making durable.
    taken: usize,
}

/// A request that waits until it is durable.
#[derive(Debug)]
struct PendingRequest {
    room: &'static str,
    effect: Effect,
    commit: Commit,
}

/// What a request does.
#[derive(Debug)]
pub(super) enum Effect {
    /// It publishes a message or an event.
    Item(PublishedItem),
    /// It gives another state to the message or event with this id.
    State(EventId, ItemState),
    /// It repeats an earlier one, or changes nothing.
    Nothing,
}

impl ServerModel {
    pub(super) fn new() -> Self {
        Self {
            published: ROOMS.map(|room| (room, Vec::new())).into(),
            pending: Vec::new(),
            taken: 0,
        }
    }

    /// The server has taken a request: it is answered, or waits for `commit`.
    pub(super) fn add(&mut self, room: &'static str, effect: Effect, commit: Option<Commit>) {
        match commit {
            None => self.apply(room, effect),
            Some(commit) => self.pending.push(PendingRequest {
                room,
                effect,
                commit,
            }),
        }
    }

    fn apply(&mut self, room: &'static str, effect: Effect) {
        let items = self.published.get_mut(room).expect("a room");
        match effect {
            Effect::Item(item) => items.push(item),
            Effect::State(id, state) => {
                let item = items.iter_mut().rfind(|item| item.id == id);
                item.expect("it was published").states.push(state);
            }
            Effect::Nothing => {}
        }
    }

    /// The server makes durable what waits.
    pub(super) fn take(&mut self) {
        self.taken = self.pending.len();
    }

    /// The server shows what it took. Returns the waits of the requests.
    pub(super) fn show_taken(&mut self) -> Vec<Commit> {
        let taken: Vec<_> = self.pending.drain(..self.taken).collect();
        self.taken = 0;
        let show = |request: PendingRequest| {
            self.apply(request.room, request.effect);
            request.commit
        };
        taken.into_iter().map(show).collect()
    }

    /// The server has crashed: it has what is durable, and no more. Returns the waits
    /// of all requests that were not answered.
    pub(super) fn crash(&mut self, is_taken_durable: bool) -> Vec<Commit> {
        let mut unanswered = match is_taken_durable {
            true => self.show_taken(),
            false => Vec::new(),
        };
        let lost = self.pending.drain(..);
        unanswered.extend(lost.map(|request| request.commit));
        self.taken = 0;
        unanswered
    }

    /// How many requests of a room the server is making durable.
    pub(super) fn taken_in(&self, room: &str) -> usize {
        let taken = self.pending[..self.taken].iter();
        taken.filter(|request| request.room == room).count()
    }

    /// Whether a request in the room is not answered.
    pub(super) fn has_pending(&self, room: &str) -> bool {
        self.pending.iter().any(|request| request.room == room)
    }

    /// The last message with this client id, shown or not, and whether it is shown.
    pub(super) fn last_with(&self, room: &str, client_id: u8) -> Option<(&PublishedItem, bool)> {
        let is_same = |item: &&PublishedItem| item.client_id == Some(client_id);
        let pending = self.pending.iter().rev();
        let pending = pending.filter_map(|request| match &request.effect {
            Effect::Item(item) if request.room == room => Some(item),
            _ => None,
        });
        let pending = pending.filter(is_same).map(|item| (item, false));
        let shown = self.published[room].iter().rev().filter(is_same);
        pending.chain(shown.map(|item| (item, true))).next()
    }

    /// The state of a message or event after all requests that were taken.
    pub(super) fn state_of<'a>(&'a self, item: &'a PublishedItem) -> &'a ItemState {
        let pending = self.pending.iter().rev();
        let mut states = pending.filter_map(|request| match &request.effect {
            Effect::State(id, state) if *id == item.id => Some(state),
            _ => None,
        });
        states.next().unwrap_or_else(|| item.state())
    }
}

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

    /// The state that an `update`, a `change` or an entry of a page shows.
    pub(super) fn of_json(data: &Value) -> Self {
        if data["deleted"] == true {
            return Self::Deleted;
        }
        if let Some(payload) = data["data"].as_str() {
            return Self::Event(payload.to_owned());
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
