//! Properties of a message and of an event of a program from its draft to its event
//! on a stream, for any input.

use super::draft::{Draft, DraftContent, RetryKey};
use super::entry::{Entry, Provenance};
use super::place::Place;
use super::subscribe_options::EventForm;
use crate::protocol::{
    ClientId, CustomEventName, EventId, EventPayload, Message, MessageText, PublishedEvent,
    RoomName, UserName,
};
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

/// The limit of a payload: small, so that random ones reach it.
const MAX_PAYLOAD_BYTES: usize = 64;
const AT: &str = "2026-11-28T01:02:03.004Z";

/// A payload that is accepted is one event in both forms, with exactly that payload
/// once its line ends are LF, and forges no field. The first line of the input is
/// the event's name, the rest the payload.
pub fn payload(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let (name, text) = text.split_once('\n').unwrap_or(("", text));
    let name = CustomEventName::parse(name).unwrap_or_default();
    let normal = with_line_feeds(text);
    let Ok(payload) = EventPayload::parse(text.to_owned(), MAX_PAYLOAD_BYTES) else {
        assert!(normal.len() > MAX_PAYLOAD_BYTES, "{text:?}");
        return;
    };
    assert!(normal.len() <= MAX_PAYLOAD_BYTES, "{text:?}");
    assert_eq!(payload.as_str(), normal);
    let published = PublishedEvent {
        id: "e-7".parse().expect("an id"),
        room: "größe".into(),
        event: name.as_str().into(),
        data: payload.as_str().into(),
        created_at: AT.into(),
    };
    let entry = Entry::event_of_program(&published, Place::FIRST, Provenance::default());
    let bytes = entry.content_bytes();
    assert_eq!(only_event(&entry, EventForm::Raw, name.as_str()), normal);
    let json = only_event(&entry, EventForm::Json, name.as_str());
    assert_eq!(entry.json(), json);
    let back: PublishedEvent<'_> = serde_json::from_str(&json).expect("an event of a program");
    assert_eq!(back, published);
    assert_eq!(
        entry.content_bytes(),
        bytes,
        "both forms count from the beginning"
    );
}

/// CRLF and CR become LF, one character at a time.
fn with_line_feeds(text: &str) -> String {
    let mut normal = String::new();
    let mut before = None;
    for c in text.chars() {
        match (before, c) {
            (Some('\r'), '\n') => {}
            (_, '\r') => normal.push('\n'),
            (_, c) => normal.push(c),
        }
        before = Some(c);
    }
    normal
}

/// The data of an entry, which is one event of this name.
fn only_event(entry: &Entry, form: EventForm, name: &str) -> String {
    let text = entry.event(form).text();
    let lines = std::str::from_utf8(&text).expect("UTF-8").split('\n');
    let fields: Vec<&str> = lines
        .map(|line| line.split(": ").next().unwrap_or_default())
        .filter(|field| *field != "data")
        .collect();
    match name {
        "message" => assert_eq!(fields, ["id", "", ""], "{text:?}"),
        _ => assert_eq!(fields, ["id", "event", "", ""], "{text:?}"),
    }
    let mut events = Vec::new();
    let each = |item: Item<'_>| match item {
        Item::Event(event) => {
            assert_eq!((&*event.event, &*event.id), (name, "e-7"));
            events.push(event.data.into_owned());
        }
        other => panic!("{other:?}"),
    };
    let fed = Decoder::default().feed(&text, each);
    assert_eq!((fed, events.len()), (Ok(()), 1));
    events.remove(0)
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
