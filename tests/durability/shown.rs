//! What the server shows of a message or an event of a program: in answers, history pages and
//! streams. The tests have their own parser, so that a bug of the server's is not repeated.

use std::collections::BTreeSet;

use serde::Deserialize;

use crate::event_id::Id;

/// A message, an event of a program, or what a deletion left of either.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Shown {
    pub(crate) id: Id,
    pub(crate) room: String,
    /// Of messages only.
    pub(crate) number: Option<u64>,
    name: Option<String>,
    message: Option<String>,
    event: Option<String>,
    data: Option<String>,
    pub(crate) created_at: Option<String>,
    pub(crate) edited_at: Option<String>,
    pub(crate) reply_to: Option<String>,
    #[serde(default)]
    reactions: Vec<Reaction>,
    #[serde(default)]
    pub(crate) deleted: bool,
    /// In the answer to the sender only.
    pub(crate) client_id: Option<String>,
    #[serde(rename = "verified")]
    _verified: Option<bool>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Reaction {
    emoji: String,
    count: usize,
    names: Vec<String>,
}

/// Reactions as pairs of emoji and name.
pub(crate) type Reactions = BTreeSet<(String, String)>;

/// A history page.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Page {
    pub(crate) room: String,
    pub(crate) messages: Vec<Shown>,
    pub(crate) oldest: Option<Id>,
    pub(crate) newest: Option<Id>,
}

impl Shown {
    /// From its JSON. An error says what is wrong.
    pub(crate) fn parse(json: &str) -> Result<Self, String> {
        serde_json::from_str(json).map_err(|error| format!("{error}: {json}"))
    }

    /// An event as a stream of one room shows it: its name, id and payload, without JSON.
    pub(crate) fn plain_event(id: Id, room: &str, event: &str, data: &str) -> Self {
        Self {
            id,
            room: room.to_owned(),
            number: None,
            name: None,
            message: None,
            event: Some(event.to_owned()),
            data: Some(data.to_owned()),
            created_at: None,
            edited_at: None,
            reply_to: None,
            reactions: Vec::new(),
            deleted: false,
            client_id: None,
            _verified: None,
        }
    }

    /// The text of the message or the payload of the event; `None` if it is deleted.
    pub(crate) fn text(&self) -> Option<&str> {
        self.message.as_deref().or(self.data.as_deref())
    }

    /// The name of the sender or of the event; `None` if it is deleted.
    pub(crate) fn title(&self) -> Option<&str> {
        self.name.as_deref().or(self.event.as_deref())
    }

    /// The client id, which writers put in front of each text.
    pub(crate) fn label(&self) -> Option<&str> {
        self.text()?.split(' ').next()
    }

    /// An error if a count does not match its names.
    pub(crate) fn reactions(&self) -> Result<Reactions, String> {
        let mut pairs = Reactions::new();
        for reaction in &self.reactions {
            if reaction.count != reaction.names.len() || reaction.count == 0 {
                return Err(format!("{reaction:?}"));
            }
            for name in &reaction.names {
                pairs.insert((reaction.emoji.clone(), name.clone()));
            }
        }
        Ok(pairs)
    }
}
