//! Changes of messages, and why one is refused. The state that a change leaves is
//! computed here, without the hub: what is held, replaced and sent is in `rooms`.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::sync::Arc;

use super::author::Author;
use super::entry::Entry;
use super::errors::HistoryUnavailable;
use super::reactions::{MAX_EMOJI, MAX_REACTIONS, Reactions, TooManyReactions};
use crate::protocol::{ChangedEntry, DeletedEntry, Emoji, Message, MessageText, UserName};

/// A change of a message; an event of a program can only be deleted.
#[derive(Debug, Clone)]
pub enum Change {
    /// Another text.
    Edit(MessageText),
    /// Nothing of the content is left.
    Delete,
    /// A reaction of the requester, under this name.
    React(Emoji, UserName),
    /// The requester takes its reaction back.
    TakeBack(Emoji),
}

/// The sender of a request for a change.
#[derive(Debug, Clone, Copy, Default)]
pub struct Requester {
    /// The requester, compared with the author.
    pub author: Author,
    /// Whether it may delete entries of others.
    pub may_moderate: bool,
}

/// Why a change was refused. Nothing is changed then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeError {
    /// History does not hold the message, or it is deleted, or it is an event.
    NotFound,
    /// The requester is not the author.
    NotTheAuthor,
    /// A reaction needs a token with a subject, or an edit key.
    NoOwner,
    /// The message has as many reactions as it may have.
    TooManyReactions,
    /// Nothing can be stored.
    HistoryUnavailable(HistoryUnavailable),
}

impl From<HistoryUnavailable> for ChangeError {
    fn from(error: HistoryUnavailable) -> Self {
        Self::HistoryUnavailable(error)
    }
}

/// The state after a change.
#[derive(Debug)]
pub(super) struct NewState<'a> {
    pub(super) state: ChangedEntry<'a>,
    pub(super) reactions: Option<Arc<Reactions>>,
}

impl Change {
    /// The state that the change makes of `item`, which is the present state of a
    /// message or an event. `None` if it changes nothing. `now` is the present time
    /// as text.
    pub(super) fn apply<'a>(
        &'a self,
        item: &Entry,
        requester: &Requester,
        now: &'a str,
    ) -> Result<Option<NewState<'a>>, ChangeError> {
        let present = State::of(item)?;
        match self {
            Self::Edit(text) => {
                let message = present.message()?;
                check_author(item, requester)?;
                if message.message == text.as_str() {
                    return Ok(None);
                }
                let edited = Message {
                    message: Cow::Borrowed(text.as_str()),
                    edited_at: Some(Cow::Borrowed(now)),
                    ..message
                };
                Ok(Some(NewState {
                    state: ChangedEntry::Message(Box::new(edited)),
                    reactions: item.reactions().cloned(),
                }))
            }
            Self::Delete => {
                if !requester.may_moderate {
                    check_author(item, requester)?;
                }
                Ok(present.deleted().map(|deleted| NewState {
                    state: ChangedEntry::Deleted(deleted),
                    reactions: None,
                }))
            }
            Self::React(emoji, name) => {
                let owner = requester.author.owner().ok_or(ChangeError::NoOwner)?;
                present.react(item, |reactions| reactions.add(*emoji, owner, name))
            }
            Self::TakeBack(emoji) => {
                let owner = requester.author.owner().ok_or(ChangeError::NoOwner)?;
                present.react(item, |reactions| Ok(reactions.remove(*emoji, owner)))
            }
        }
    }
}

/// The present state of a message or an event.
enum State {
    Message(Message<'static>),
    Event(DeletedEntry<'static>),
    Deleted,
}

impl State {
    fn of(item: &Entry) -> Result<Self, ChangeError> {
        if let Some(event) = item.event_of_program_head() {
            return Ok(Self::Event(DeletedEntry {
                id: event.id,
                room: event.room.clone(),
                number: None,
                deleted: true,
            }));
        }
        match serde_json::from_slice(&item.json()) {
            Ok(ChangedEntry::Message(message)) => Ok(Self::Message(*message)),
            Ok(ChangedEntry::Deleted(_)) => Ok(Self::Deleted),
            Err(error) => {
                debug_assert!(false, "an entry is encoded here: {error}");
                Err(ChangeError::NotFound)
            }
        }
    }

    fn message(self) -> Result<Message<'static>, ChangeError> {
        match self {
            Self::Message(message) => Ok(message),
            Self::Event(_) | Self::Deleted => Err(ChangeError::NotFound),
        }
    }

    /// What is left when it is deleted; `None` if it is deleted already.
    fn deleted(self) -> Option<DeletedEntry<'static>> {
        match self {
            Self::Message(message) => Some(DeletedEntry {
                id: message.id,
                room: message.room,
                number: Some(message.number),
                deleted: true,
            }),
            Self::Event(deleted) => Some(deleted),
            Self::Deleted => None,
        }
    }

    fn react<'a>(
        self,
        item: &Entry,
        change: impl FnOnce(&mut Reactions) -> Result<bool, TooManyReactions>,
    ) -> Result<Option<NewState<'a>>, ChangeError> {
        let message = self.message()?;
        let mut reactions = item
            .reactions()
            .map_or_else(Reactions::default, |known| Reactions::clone(known));
        if !change(&mut reactions).map_err(|TooManyReactions| ChangeError::TooManyReactions)? {
            return Ok(None);
        }
        let message = Message {
            reactions: reactions.summaries(),
            ..message
        };
        Ok(Some(NewState {
            state: ChangedEntry::Message(Box::new(message)),
            reactions: (!reactions.is_empty()).then(|| Arc::new(reactions)),
        }))
    }
}

fn check_author(item: &Entry, requester: &Requester) -> Result<(), ChangeError> {
    match item.author().is(&requester.author) {
        true => Ok(()),
        false => Err(ChangeError::NotTheAuthor),
    }
}

impl fmt::Display for ChangeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound => f.write_str(
                "there is no such message: it is deleted, or older than history, or an event",
            ),
            Self::NotTheAuthor => f.write_str(
                "only the author of a message may change it: send the header Edit-Key with the \
                 edit_key of the message, or a token with the same sub",
            ),
            Self::NoOwner => f.write_str(
                "a reaction belongs to somebody: send the header Edit-Key with 16 to 64 of A to Z, \
                 a to z, 0 to 9, '_' and '-', or a token with a sub",
            ),
            Self::TooManyReactions => write!(
                f,
                "a message has at most {MAX_REACTIONS} reactions with {MAX_EMOJI} different emoji"
            ),
            Self::HistoryUnavailable(error) => error.fmt(f),
        }
    }
}

impl Error for ChangeError {}
