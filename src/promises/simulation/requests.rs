//! The requests of senders: they publish and change.

use proptest::sample::Index;
use serde_json::Value;

use super::Simulation;
use crate::chat::{
    Author, Change, ChangeError, Commit, Draft, Entry, Fingerprint, MAX_INLINE_BYTES, PublishError,
    Published, Requester,
};
use crate::promises::inputs::{ChangeStep, ROOMS};
use crate::promises::model::{EVENT_NAME, Effect, ItemState, PublishedItem};
use crate::promises::transport::TestTransport;
use crate::protocol::{
    ClientId, CustomEventName, EditKey, Emoji, EventPayload, MessageText, RoomName, UserName,
};

impl<T: TestTransport> Simulation<T> {
    /// Publishes a text that no other message has.
    pub(super) fn publish_next(&mut self, room: usize, more: &str) {
        let room = ROOMS[room];
        let text = format!("{room} {}{more}", self.next_text());
        self.publish(room, &text, None);
    }

    fn next_text(&mut self) -> usize {
        self.texts += 1;
        self.texts
    }

    pub(super) fn publish(&mut self, room: &'static str, text: &str, client_id: Option<u8>) {
        let draft = Draft {
            client_id: client_id.map(|id| ClientId::parse(&id.to_string()).unwrap()),
            author: author(),
            ..Draft::new(
                UserName::parse("Alice").unwrap(),
                MessageText::parse(text, 1 << 20).unwrap(),
            )
        };
        self.publish_draft(room, draft, client_id, ItemState::text(text));
    }

    /// Publishes an event with several lines that no other event has.
    pub(super) fn publish_event(&mut self, room: &'static str, large: bool) {
        let mut payload = format!("<p>\n{}\n", self.next_text());
        if large {
            payload.push_str(&"y".repeat(MAX_INLINE_BYTES));
        }
        let draft = Draft::event(
            CustomEventName::parse(EVENT_NAME).unwrap(),
            EventPayload::parse(payload.clone(), 1 << 20).unwrap(),
        );
        self.publish_draft(room, draft, None, ItemState::Event(payload));
    }

    fn publish_draft(
        &mut self,
        room: &'static str,
        draft: Draft,
        client_id: Option<u8>,
        state: ItemState,
    ) {
        let first = client_id.and_then(|id| self.model.last_with(room, id));
        let result = self.app.hub.publish(&RoomName::parse(room).unwrap(), draft);
        let outcome = match result {
            Ok(published) => Outcome::of(published),
            Err(PublishError::RoomLimit(_)) => return,
            Err(PublishError::HistoryUnavailable(_)) => return self.check_full(),
            Err(PublishError::ClientIdReused) => {
                let (first, _) = first.unwrap();
                assert!(first.id.epoch >= self.first_epoch, "its history is gone");
                assert_ne!(first.states[0], state);
                return;
            }
        };
        let effect = match (outcome.is_new, first) {
            (true, first) => {
                let is_known = first.is_some_and(|(first, is_shown)| {
                    let page = self.page(room, usize::MAX);
                    !is_shown || page.entries.iter().any(|entry| entry.id() == first.id)
                });
                assert!(!is_known, "{first:?} was published again");
                Effect::Item(PublishedItem {
                    id: outcome.entry.id(),
                    number: outcome.entry.number(),
                    client_id,
                    states: vec![state],
                })
            }
            (false, first) => {
                let (first, _) = first.unwrap();
                assert_eq!(first.states[0], state);
                assert_eq!(outcome.json()["id"], first.id.to_string());
                assert_eq!(outcome.state(), *self.model.state_of(first));
                Effect::Nothing
            }
        };
        self.model.add(room, effect, outcome.commit);
    }

    /// A request was refused: a queue that is full takes nothing.
    fn check_full(&self) {
        let most = self.log.queue_bytes().expect("memory takes all requests");
        assert!(self.app.hub.totals().queued_bytes >= most);
    }

    /// Changes a message or event of the room, which history may no longer hold.
    pub(super) fn change(&mut self, room: &'static str, item: &Index, step: ChangeStep) {
        let published = &self.model.published[room];
        if published.is_empty() {
            return;
        }
        let item = &published[item.index(published.len())];
        let thumb = Emoji::parse("👍").unwrap();
        let (change, requester) = match step {
            ChangeStep::Edit(text) => {
                let text = format!("edited {text}");
                let text = MessageText::parse(&text, 1 << 20).unwrap();
                (Change::Edit(text), requester(author()))
            }
            ChangeStep::Delete => {
                let moderator = Requester {
                    may_moderate: true,
                    ..Requester::default()
                };
                (Change::Delete, moderator)
            }
            ChangeStep::React(number) => {
                let name = UserName::parse(&format!("reader {number}")).unwrap();
                (Change::React(thumb, name), requester(owner(number)))
            }
            ChangeStep::TakeBack(number) => (Change::TakeBack(thumb), requester(owner(number))),
        };
        let name = RoomName::parse(room).unwrap();
        match self.app.hub.change(&name, item.id, &change, &requester) {
            Ok(changed) => {
                let outcome = Outcome::of(changed);
                let (before, after) = (self.model.state_of(item), outcome.state());
                check_change(before, step, &after);
                assert_eq!(outcome.is_new, after != *before, "{before:?}, {after:?}");
                let effect = match outcome.is_new {
                    true => Effect::State(item.id, after),
                    false => Effect::Nothing,
                };
                self.model.add(room, effect, outcome.commit);
            }
            Err(ChangeError::NotFound) => {}
            Err(ChangeError::HistoryUnavailable(_)) => self.check_full(),
            Err(error) => panic!("{error}"),
        }
    }
}

/// What the hub says to a request.
struct Outcome {
    entry: Entry,
    is_new: bool,
    /// The wait until it is durable, if it is not yet.
    commit: Option<Commit>,
}

impl Outcome {
    fn of(published: Published) -> Self {
        let (entry, is_new, commit) = match published {
            Published::New(entry) => (entry, true, None),
            Published::Duplicate(entry) => (entry, false, None),
            Published::Pending {
                entry,
                is_new,
                commit,
            } => (entry, is_new, Some(commit)),
        };
        Self {
            entry,
            is_new,
            commit,
        }
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.entry.json()).unwrap()
    }

    /// The present state of the message or event.
    fn state(&self) -> ItemState {
        ItemState::of_json(&self.json())
    }
}

fn author() -> Author {
    owner(u8::MAX)
}

fn owner(number: u8) -> Author {
    let key = EditKey::parse(&format!("{number:016}")).unwrap();
    Author {
        edit_key: Some(Fingerprint::of_edit_key(&key)),
        ..Author::default()
    }
}

fn requester(author: Author) -> Requester {
    Requester {
        author,
        may_moderate: false,
    }
}

/// Checks that a change made of `before` what it asked for.
fn check_change(before: &ItemState, step: ChangeStep, after: &ItemState) {
    let (text, count) = match before {
        ItemState::Message { text, reactions } => (
            text.as_str(),
            reactions.first().map_or(0, |(_, count)| *count),
        ),
        _ => ("", 0),
    };
    match (step, after) {
        (ChangeStep::Delete, after) => assert_eq!(*after, ItemState::Deleted),
        (ChangeStep::Edit(edited), ItemState::Message { text, reactions }) => {
            assert_eq!(*text, format!("edited {edited}"));
            assert_eq!(reactions.first().map_or(0, |(_, count)| *count), count);
        }
        (
            ChangeStep::React(_) | ChangeStep::TakeBack(_),
            ItemState::Message {
                text: same,
                reactions,
            },
        ) => {
            assert_eq!(same, text);
            let now = reactions.first().map_or(0, |(_, count)| *count);
            let range = match step {
                ChangeStep::React(_) => count..=count + 1,
                _ => count.saturating_sub(1)..=count,
            };
            assert!(range.contains(&now), "{count} reactions, then {now}");
        }
        (step, after) => panic!("{step:?} made {after:?} of {before:?}"),
    }
}
