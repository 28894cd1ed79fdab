//! An event of a stream as a client decodes it. The fields and the encoding of
//! each event are in its own file.

use std::fmt;

use serde::de::DeserializeOwned;

use super::change::ChangedEntry;
use super::control::{Busy, Bye, Close, Expiring};
use super::event_name::EventName;
use super::gap::Gap;
use super::hello::Hello;
use super::message::Message;
use super::presence::PresenceEvent;
use super::published_event::{CustomEvent, is_reserved};
use super::stale::Stale;
use crate::sse::Decoded;

/// An event of the protocol, decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServerEvent {
    /// The stream has begun.
    Hello(Hello),
    /// A message was published.
    Update(Message<'static>),
    /// A message was edited, deleted or reacted to.
    Change(ChangedEntry<'static>),
    /// An event of a program.
    Custom(CustomEvent),
    /// Messages are lost.
    Gap(Gap),
    /// The members of a room, or changes of them.
    Presence(PresenceEvent),
    /// The server is alive.
    Ping,
    /// The server is cut off from the shared history.
    Stale(Stale),
    /// [`ServerEvent::Stale`] is over.
    Fresh,
    /// There is no place for this stream.
    Busy(Busy),
    /// The server ends the stream; the client reconnects.
    Bye(Bye),
    /// The token of the stream expires soon.
    Expiring(Expiring),
    /// The server ends the stream; the client must not reconnect with the same
    /// token.
    Close(Close),
}

/// An event has a name of the protocol, but not its data.
#[derive(Debug)]
pub struct MalformedEvent {
    name: EventName,
    error: serde_json::Error,
}

impl ServerEvent {
    /// Decodes an event. `None` if its name is reserved for later versions: such an
    /// event is to be ignored. Any other name that is not of the protocol is a
    /// program's. Unknown fields are ignored.
    ///
    /// # Errors
    ///
    /// [`MalformedEvent`] if the data is not that of the named event.
    pub fn decode(event: &Decoded<'_>) -> Result<Option<Self>, MalformedEvent> {
        let Ok(name) = event.event.parse() else {
            let custom = || CustomEvent {
                name: event.event.clone().into_owned(),
                id: event.id.clone().into_owned(),
                data: event.data.clone().into_owned(),
            };
            return Ok((!is_reserved(&event.event)).then(|| Self::Custom(custom())));
        };
        Ok(Some(match name {
            EventName::Hello => Self::Hello(data(name, event)?),
            EventName::Update => Self::Update(data(name, event)?),
            EventName::Change => Self::Change(data(name, event)?),
            EventName::Gap => Self::Gap(Gap {
                cursor: event.id.clone().into_owned(),
                ..data(name, event)?
            }),
            EventName::Presence => Self::Presence(data(name, event)?),
            EventName::Ping => Self::Ping,
            EventName::Stale => Self::Stale(data(name, event)?),
            EventName::Fresh => Self::Fresh,
            EventName::Busy => Self::Busy(data(name, event)?),
            EventName::Bye => Self::Bye(data(name, event)?),
            EventName::Expiring => Self::Expiring(data(name, event)?),
            // Other servers close a stream without saying why.
            EventName::Close => Self::Close(data(name, event).unwrap_or_default()),
        }))
    }
}

fn data<T: DeserializeOwned>(name: EventName, event: &Decoded<'_>) -> Result<T, MalformedEvent> {
    serde_json::from_str(&event.data).map_err(|error| MalformedEvent { name, error })
}

impl fmt::Display for MalformedEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a broken {} event: {}", self.name, self.error)
    }
}

impl std::error::Error for MalformedEvent {}

/// The one event in `encoded`, as a client decodes it.
#[cfg(test)]
pub(super) fn decode_one(encoded: &crate::sse::Encoded) -> Option<ServerEvent> {
    use crate::sse::{Decoder, Item};

    let mut events = Vec::new();
    let each = |item: Item<'_>| {
        if let Item::Event(event) = item {
            events.push(ServerEvent::decode(&event).unwrap());
        }
    };
    Decoder::default().feed(&encoded.text(), each).unwrap();
    assert_eq!(events.len(), 1);
    events.remove(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(name: &str, data: &str) -> Result<Option<ServerEvent>, MalformedEvent> {
        ServerEvent::decode(&Decoded {
            event: name.into(),
            data: data.into(),
            id: "e-1".into(),
        })
    }

    #[test]
    fn reserved_events_are_ignored_whatever_their_data() {
        for data in ["", "{", "{}", "not JSON"] {
            for name in ["chat.typing", "error", "open"] {
                assert_eq!(decode(name, data).unwrap(), None);
            }
        }
    }

    #[test]
    fn any_other_event_is_a_program_s() {
        for data in ["", "{", "{}", "not JSON"] {
            for name in ["typing", "message"] {
                let custom = ServerEvent::Custom(CustomEvent {
                    name: name.to_owned(),
                    id: "e-1".to_owned(),
                    data: data.to_owned(),
                });
                assert_eq!(decode(name, data).unwrap(), Some(custom));
            }
        }
    }

    #[test]
    fn ping_fresh_and_close_need_no_data() {
        for data in ["", "{}", "{\"reason\":\"over\"}"] {
            assert_eq!(decode("ping", data).unwrap(), Some(ServerEvent::Ping));
            assert_eq!(decode("fresh", data).unwrap(), Some(ServerEvent::Fresh));
            let close = decode("close", data).unwrap();
            assert!(matches!(close, Some(ServerEvent::Close(_))));
        }
    }

    #[test]
    fn data_of_another_form_is_an_error_that_names_the_event() {
        for name in ["hello", "update", "gap", "presence", "stale", "busy", "bye"] {
            for data in ["", "null", "[]", "{}", "{", r#"{"room":7}"#] {
                let error = decode(name, data).unwrap_err().to_string();
                assert!(
                    error.starts_with(&format!("a broken {name} event: ")),
                    "{error}"
                );
            }
        }
    }

    #[test]
    fn unknown_fields_are_ignored() {
        let update = r#"{"id":"e-1","room":"a","number":1,"name":"A","message":"m","created_at":"t","edited_at":null}"#;
        assert!(matches!(
            decode("update", update).unwrap(),
            Some(ServerEvent::Update(_))
        ));
        let busy = r#"{"reason":"history","retry_ms":1,"queue":7}"#;
        assert!(matches!(
            decode("busy", busy).unwrap(),
            Some(ServerEvent::Busy(_))
        ));
    }
}
