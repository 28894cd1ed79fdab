//! Events of programs: what a program publishes beside messages, with a name and a
//! payload of its own.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::event_id::EventId;
use super::event_name::EventName;
use crate::sse::{Encoded, Event};

const MAX_NAME_BYTES: usize = 64;
/// The name of events that `EventSource` gives to `onmessage`. It is not written.
const DEFAULT_NAME: &str = "message";
/// Names that later versions use, and names of `EventSource` itself.
const RESERVED: [&str; 2] = ["error", "open"];
/// The beginning of names that are reserved for later versions.
const RESERVED_PREFIX: &str = "chat.";

/// The name of a program's event: 1 to 64 of `[A-Za-z0-9_.:-]`. It is no name of
/// this protocol, not `error` or `open`, which `EventSource` uses itself, and does
/// not begin with `chat.`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomEventName(Cow<'static, str>);

/// The text is not the name of a program's event. Its `Display` states the rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvalidEventName {
    /// It is empty, too long, or has other characters.
    Form,
    /// It is reserved.
    Reserved,
}

impl CustomEventName {
    /// Checks a name.
    ///
    /// # Errors
    ///
    /// [`InvalidEventName`] says which rule does not hold.
    pub fn parse(text: &str) -> Result<Self, InvalidEventName> {
        let allowed =
            |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b':' | b'-');
        if !(1..=MAX_NAME_BYTES).contains(&text.len()) || !text.bytes().all(allowed) {
            return Err(InvalidEventName::Form);
        }
        match is_reserved(text) {
            true => Err(InvalidEventName::Reserved),
            false => Ok(Self(Cow::Owned(text.to_owned()))),
        }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for CustomEventName {
    /// `message`.
    fn default() -> Self {
        Self(Cow::Borrowed(DEFAULT_NAME))
    }
}

/// Whether no program may use the name.
pub(super) fn is_reserved(name: &str) -> bool {
    name.parse::<EventName>().is_ok()
        || RESERVED.contains(&name)
        || name.starts_with(RESERVED_PREFIX)
}

impl fmt::Display for InvalidEventName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Form => write!(
                f,
                "an event's name is 1 to {MAX_NAME_BYTES} of A to Z, a to z, 0 to 9, '_', '.', ':' and '-'"
            ),
            Self::Reserved => f.write_str(
                "this name is reserved: the server's own events, error, open, and what begins \
                 with chat.",
            ),
        }
    }
}

impl std::error::Error for InvalidEventName {}

/// The payload of a program's event: UTF-8 with LF as its only line end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventPayload(String);

/// The payload is larger than the server accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PayloadTooLarge {
    /// The most bytes that the server accepts.
    pub most: usize,
}

impl EventPayload {
    /// Normalizes the line ends of a text, which then has at most `most` bytes.
    ///
    /// # Errors
    ///
    /// [`PayloadTooLarge`] if it has more.
    pub fn parse(text: String, most: usize) -> Result<Self, PayloadTooLarge> {
        let text = match text.contains('\r') {
            true => text.replace("\r\n", "\n").replace('\r', "\n"),
            false => text,
        };
        match text.len() <= most {
            true => Ok(Self(text)),
            false => Err(PayloadTooLarge { most }),
        }
    }

    /// The normalized text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PayloadTooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an event's payload is at most {} bytes", self.most)
    }
}

impl std::error::Error for PayloadTooLarge {}

/// An event of a program, as JSON: in history pages, and in streams of several
/// rooms.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishedEvent<'a> {
    /// Its id, which is the event's id too.
    pub id: EventId,
    /// The room's name.
    pub room: Cow<'a, str>,
    /// The event's name.
    pub event: Cow<'a, str>,
    /// The payload.
    pub data: Cow<'a, str>,
    /// When it was published: RFC 3339, UTC, milliseconds.
    pub created_at: Cow<'a, str>,
}

impl PublishedEvent<'_> {
    /// The event in a stream of one room: the payload as it was published.
    pub fn encode(&self) -> Encoded {
        self.begin().text(&self.data)
    }

    /// The event in a stream of several rooms: one line of JSON, which names the
    /// room.
    pub fn encode_as_json(&self) -> Encoded {
        self.begin().json(self)
    }

    fn begin(&self) -> Event {
        let event = Event::with_capacity(self.data.len() + 256).id(self.id);
        match &*self.event {
            DEFAULT_NAME => event,
            name => event.event(name),
        }
    }
}

/// The response to a program that published an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventReceipt<'a> {
    /// The event's id.
    pub id: EventId,
    /// The room's name.
    pub room: Cow<'a, str>,
    /// The event's name.
    pub event: Cow<'a, str>,
}

/// An event of a program as a client receives it. Its data is the payload in a
/// stream of one room, and a [`PublishedEvent`] in a stream of several rooms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomEvent {
    /// The event's name.
    pub name: String,
    /// The event's id, not checked.
    pub id: String,
    /// The data.
    pub data: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{ServerEvent, decode_one};

    fn published(name: &'static str, data: &'static str) -> PublishedEvent<'static> {
        PublishedEvent {
            id: "e-7".parse().unwrap(),
            room: "größe".into(),
            event: name.into(),
            data: data.into(),
            created_at: "2026-11-28T01:02:03.004Z".into(),
        }
    }

    #[test]
    fn names_have_1_to_64_characters_and_are_not_reserved() {
        for name in [
            "a",
            "news",
            "message",
            "a.b:c-D_9",
            "chat",
            "Open",
            &"x".repeat(64),
        ] {
            let parsed = CustomEventName::parse(name).unwrap();
            assert_eq!(parsed.as_str(), name);
        }
        for name in ["", "a b", "é", "a/b", "a\n", &"x".repeat(65)] {
            let error = InvalidEventName::Form;
            assert_eq!(CustomEventName::parse(name), Err(error), "{name:?}");
        }
        let own = EventName::ALL.map(EventName::as_str);
        for name in own.iter().chain(&RESERVED).chain(&["chat.x", "chat."]) {
            let error = InvalidEventName::Reserved;
            assert_eq!(CustomEventName::parse(name), Err(error), "{name:?}");
        }
    }

    #[test]
    fn a_payload_has_lf_as_its_only_line_end_and_a_limit() {
        let parse = |text: &str| EventPayload::parse(text.to_owned(), 4);
        assert_eq!(parse("\r\n\r \n").unwrap().as_str(), "\n\n \n");
        assert_eq!(parse("\0").unwrap().as_str(), "\0");
        assert_eq!(parse("").unwrap().as_str(), "");
        assert_eq!(parse("a\r\nb\r\n").unwrap().as_str(), "a\nb\n");
        assert_eq!(parse("abcde"), Err(PayloadTooLarge { most: 4 }));
    }

    #[test]
    fn both_forms_of_an_event_are_written_to_the_byte() {
        let event = published("news", "<b>\n\"x\"\n");
        assert_eq!(
            event.encode().text(),
            "id: e-7\nevent: news\ndata: <b>\ndata: \"x\"\ndata: \n\n"
        );
        let json = r#"{"id":"e-7","room":"größe","event":"news","data":"<b>\n\"x\"\n","created_at":"2026-11-28T01:02:03.004Z"}"#;
        assert_eq!(
            event.encode_as_json().text(),
            format!("id: e-7\nevent: news\ndata: {json}\n\n").as_bytes()
        );
        assert_eq!(
            published("message", "").encode().text(),
            "id: e-7\ndata: \n\n",
            "EventSource calls an event without a name `message`"
        );
    }

    #[test]
    fn a_program_s_event_is_decoded_as_it_was_published() {
        for (name, data) in [("news", "a\nb"), ("message", ""), ("x:y", "{}")] {
            let event = published(name, data);
            let Some(ServerEvent::Custom(custom)) = decode_one(&event.encode()) else {
                panic!("{name} is an event of a program");
            };
            assert_eq!((custom.name.as_str(), custom.id.as_str()), (name, "e-7"));
            assert_eq!(custom.data, data);
            let Some(ServerEvent::Custom(custom)) = decode_one(&event.encode_as_json()) else {
                panic!("{name} is an event of a program");
            };
            assert_eq!(custom.name, name);
            let decoded: PublishedEvent<'_> = serde_json::from_str(&custom.data).unwrap();
            assert_eq!(decoded, event);
        }
    }
}
