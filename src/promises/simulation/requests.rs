//! The requests of senders: they publish and change.

use super::Simulation;
use crate::chat::{
    Author, Change, ChangeError, Draft, Fingerprint, MAX_INLINE_BYTES, PublishError, Published,
    Requester,
};
use crate::promises::inputs::{ChangeStep, ROOMS};
use crate::promises::model::{EVENT_NAME, ItemState, PublishedItem};
use crate::promises::transport::TestTransport;
use crate::protocol::{
    ClientId, CustomEventName, EditKey, Emoji, EventPayload, MessageText, RoomName, UserName,
};

impl<T: TestTransport> Simulation<T> {
    /// Publishes a text that no other message has.
    pub(super) fn publish_next(&mut self, room: usize, more: &str) {
        let number = self.published[ROOMS[room]].len();
        self.publish(
            ROOMS[room],
            &format!("{} {number}{more}", ROOMS[room]),
            None,
        );
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
        let mut payload = format!("<p>\n{}\n", self.published[room].len());
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
        let items = self.published.get_mut(room).unwrap();
        let result = self.app.hub.publish(&RoomName::parse(room).unwrap(), draft);
        let durable = |published: Published| self.runtime.block_on(published.durable()).unwrap();
        let result = result.map(durable);
        // The last message with the same client id.
        let same_id = |item: &&PublishedItem| client_id.is_some() && item.client_id == client_id;
        let first = items.iter().rfind(same_id);
        match result {
            Ok(Published::New(entry)) => items.push(PublishedItem {
                id: entry.id(),
                number: entry.number(),
                client_id,
                states: vec![state],
            }),
            Ok(Published::Duplicate(entry)) => {
                let first = first.unwrap();
                assert_eq!(first.id, entry.id());
                assert_eq!(first.states[0], state);
                let json = serde_json::from_slice(&entry.json()).unwrap();
                assert_eq!(ItemState::of_json(&json), *first.state());
            }
            Ok(Published::Pending { .. }) => unreachable!("it is durable"),
            Err(PublishError::RoomLimit(_)) => {}
            Err(PublishError::HistoryUnavailable(error)) => panic!("{error}"),
            Err(PublishError::ClientIdReused) => {
                let first = first.unwrap();
                assert!(first.id.epoch >= self.first_epoch, "its history is gone");
                assert_ne!(first.states[0], state);
            }
        }
    }

    /// Changes a message or event of the room, which history may no longer hold.
    pub(super) fn change(&mut self, room: &'static str, index: usize, step: ChangeStep) {
        let item = &mut self.published.get_mut(room).unwrap()[index];
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
                let changed = self.runtime.block_on(changed.durable()).unwrap();
                let json = serde_json::from_slice(&changed.entry().json()).unwrap();
                let state = ItemState::of_json(&json);
                check_change(item.state(), step, &state);
                if state != *item.state() {
                    item.states.push(state);
                }
            }
            Err(ChangeError::NotFound) => {}
            Err(error) => panic!("{error}"),
        }
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
