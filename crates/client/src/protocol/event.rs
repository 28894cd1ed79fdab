//! An event of a stream as a client decodes it. The fields and the encoding of
//! each event are in its own file.

use std::fmt;

use serde::de::DeserializeOwned;

use super::control::{Busy, Bye};
use super::event_name::EventName;
use super::gap::Gap;
use super::hello::Hello;
use super::message::Message;
use super::presence::PresenceEvent;
use crate::sse::Decoded;

/// An event of the protocol, decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServerEvent {
    /// The stream has begun.
    Hello(Hello),
    /// A message was published.
    Update(Message<'static>),
    /// Messages are lost.
    Gap(Gap),
    /// The members of a room, or changes of them.
    Presence(PresenceEvent),
    /// The server is alive.
    Ping,
    /// There is no place for this stream.
    Busy(Busy),
    /// The server ends the stream; the client reconnects.
    Bye(Bye),
    /// The server ends the stream; the client must not reconnect.
    Close,
}

/// An event has a name of the protocol, but not its data.
#[derive(Debug)]
pub struct MalformedEvent {
    name: EventName,
    error: serde_json::Error,
}

impl ServerEvent {
    /// Decodes an event. `None` if its name is unknown: such an event is to be
    /// ignored, since later versions add events. Unknown fields are ignored too.
    ///
    /// # Errors
    ///
    /// [`MalformedEvent`] if the data is not that of the named event.
    pub fn decode(event: &Decoded<'_>) -> Result<Option<Self>, MalformedEvent> {
        let Ok(name) = event.event.parse() else {
            return Ok(None);
        };
        Ok(Some(match name {
            EventName::Hello => Self::Hello(data(name, event)?),
            EventName::Update => Self::Update(data(name, event)?),
            EventName::Gap => Self::Gap(Gap {
                cursor: event.id.clone().into_owned(),
                ..data(name, event)?
            }),
            EventName::Presence => Self::Presence(data(name, event)?),
            EventName::Ping => Self::Ping,
            EventName::Busy => Self::Busy(data(name, event)?),
            EventName::Bye => Self::Bye(data(name, event)?),
            EventName::Close => Self::Close,
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
    fn unknown_events_are_ignored_whatever_their_data() {
        for data in ["", "{", "{}", "not JSON"] {
            assert_eq!(decode("typing", data).unwrap(), None);
            assert_eq!(decode("message", data).unwrap(), None);
        }
    }

    #[test]
    fn ping_and_close_need_no_data() {
        for data in ["", "{}", "{\"reason\":\"over\"}"] {
            assert_eq!(decode("ping", data).unwrap(), Some(ServerEvent::Ping));
            assert_eq!(decode("close", data).unwrap(), Some(ServerEvent::Close));
        }
    }

    #[test]
    fn data_of_another_form_is_an_error_that_names_the_event() {
        for name in ["hello", "update", "gap", "presence", "busy", "bye"] {
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
