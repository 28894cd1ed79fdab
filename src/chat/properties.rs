//! Properties of a message from its draft to its event, for any input.

use super::draft::{Draft, DraftContent, RetryKey};
use super::entry::{Entry, Place, Provenance};
use super::subscribe_options::EventForm;
use crate::protocol::{ClientId, EventId, Message, MessageText, RoomName, UserName};
use crate::sse::{Decoder, Item};

/// A valid message is one event of the stream. Its data is exactly the message
/// without the client id; only the sender's JSON has the client id. In the input,
/// room, name, text and client id are separated by NUL, which none can contain.
pub fn message(bytes: &[u8]) {
    let Some((room, draft)) = room_and_draft(bytes) else {
        return;
    };
    let id: EventId = "e-7".parse().expect("an id");
    let mut unsent = draft.clone();
    let provenance = Provenance::new(RetryKey::take(&mut unsent), unsent.author);
    let DraftContent::Message(message) = &draft.content else {
        unreachable!("it is a message");
    };
    let at = "2026-11-23T01:02:03.004Z";
    let entry = Entry::message(id, &room, Place::FIRST, message, provenance, at);
    let mut events = 0;
    let each = |item: Item<'_>| {
        let Item::Event(event) = item else {
            panic!("{item:?}");
        };
        events += 1;
        assert_eq!((&*event.event, &*event.id), ("update", "e-7"));
        assert_eq!(event.data.as_bytes(), entry.json());
    };
    let fed = Decoder::default().feed(&entry.event(EventForm::Raw).text(), each);
    assert_eq!((fed, events), (Ok(()), 1));
    let json = entry.json();
    let back: Message<'_> = serde_json::from_slice(&json).expect("a message");
    assert_eq!((back.id, &*back.room), (id, room.as_str()));
    assert_eq!(back.name, message.name.as_str());
    assert_eq!(back.message, message.text.as_str());
    assert_eq!(back.client_id, None, "readers get no client id");
    let json = entry.json_for_sender();
    let answered: Message<'_> = serde_json::from_slice(&json).expect("a message");
    let client_id = draft.client_id.as_ref().map(ClientId::as_str);
    assert_eq!(answered.client_id.as_deref(), client_id);
    let shown = Message {
        client_id: None,
        ..answered
    };
    assert_eq!(shown, back);
}

fn room_and_draft(bytes: &[u8]) -> Option<(RoomName, Draft)> {
    let mut parts = std::str::from_utf8(bytes).ok()?.split('\0');
    let room = RoomName::parse(parts.next()?).ok()?;
    let draft = Draft {
        client_id: parts.next().map(ClientId::parse).transpose().ok()?,
        ..Draft::new(
            UserName::parse(parts.next()?).ok()?,
            MessageText::parse(parts.next()?, 4096).ok()?,
        )
    };
    Some((room, draft))
}
