//! Where a subscription is: cursor, duplicates, numbers, gaps. No sockets and
//! no clock: events in, what they mean out.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::event::{ClientEvent, Here, Hole, Welcome};
use crate::protocol::{EventId, Message};
use crate::sse::Decoded;

/// What an event means for the stream that it came on.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// It goes on.
    Continue,
    /// It has begun; a stream as silent as this is dead.
    Opened {
        /// How often the server sends at least something.
        ping: Duration,
    },
    /// It ends; come back.
    Reconnect {
        /// Why, in one line.
        reason: String,
        /// After how long.
        retry: Duration,
    },
    /// It ends for good.
    Close,
}

/// Where the client is, over all streams of a subscription.
#[derive(Debug, Default)]
pub(super) struct ResumeState {
    /// What a reconnect sends as `Last-Event-ID`.
    cursor: Option<String>,
    /// The last message that was given.
    given: Option<EventId>,
    /// The numbers of the next messages are those that hello tells, since no
    /// backlog was asked for.
    from_now: bool,
    /// The number that the next message of each room has to have.
    next: HashMap<String, u64>,
    duplicates: u64,
    /// Nothing was given yet, and `given` is what the caller asked to go on from.
    only_asked: bool,
}

#[derive(Deserialize)]
struct Farewell {
    #[serde(default)]
    reason: String,
    retry_ms: u64,
}

impl ResumeState {
    /// Follows from `cursor`; `live_only` when neither that nor a backlog was
    /// asked for.
    pub(super) fn new(cursor: Option<String>, live_only: bool) -> Self {
        Self {
            from_now: live_only && cursor.is_none(),
            given: cursor.as_deref().and_then(|cursor| cursor.parse().ok()),
            only_asked: true,
            cursor,
            ..Self::default()
        }
    }

    /// The id that a reconnect sends.
    pub(super) fn cursor(&self) -> Option<&str> {
        self.cursor.as_deref()
    }

    /// How many messages came that had been given before.
    pub(super) fn duplicates(&self) -> u64 {
        self.duplicates
    }

    /// Takes an event, and puts what there is to tell into `told`.
    ///
    /// An error is an event that no sse-chat sends, as a line that says so.
    pub(super) fn take(
        &mut self,
        event: &Decoded<'_>,
        told: &mut VecDeque<ClientEvent>,
    ) -> Result<Effect, String> {
        match &*event.event {
            "hello" => return self.hello(event, told),
            "update" => self.update(event, told)?,
            "gap" => self.gap(event, told)?,
            "presence" => told.push_back(ClientEvent::Presence(parse::<Here>(event)?)),
            "busy" | "bye" => return farewell(event),
            "close" => return Ok(Effect::Close),
            // There will be more kinds one day.
            _ => {}
        }
        Ok(Effect::Continue)
    }

    fn hello(
        &mut self,
        event: &Decoded<'_>,
        told: &mut VecDeque<ClientEvent>,
    ) -> Result<Effect, String> {
        let hello: Welcome = parse(event)?;
        self.cursor = Some(hello.cursor.clone());
        if std::mem::take(&mut self.from_now) {
            let numbers = hello
                .rooms
                .iter()
                .map(|room| (room.room.clone(), room.next));
            self.next.extend(numbers);
        }
        let ping = Duration::from_millis(hello.ping_ms);
        told.push_back(ClientEvent::Hello(hello));
        Ok(Effect::Opened { ping })
    }

    fn update(
        &mut self,
        event: &Decoded<'_>,
        told: &mut VecDeque<ClientEvent>,
    ) -> Result<(), String> {
        let message: Message<'static> = parse(event)?;
        let (id, number) = (message.id, message.number);
        let expected = self.next.get(&*message.room).copied();
        if self.was_given(id) {
            self.duplicates += 1;
            // After a gap the history may begin with what the client has.
            if expected.is_some_and(|next| number >= next) {
                self.stand(&message.room, number);
            }
            return Ok(());
        }
        if let Some(next) = expected.filter(|&next| next != number) {
            told.push_back(ClientEvent::Missing {
                room: message.room.clone().into_owned(),
                after: next.saturating_sub(1),
                before: number,
            });
        }
        self.stand(&message.room, number);
        self.given = Some(id);
        self.only_asked = false;
        self.cursor = Some(id.to_string());
        told.push_back(ClientEvent::Message {
            message,
            json: event.data.clone().into_owned(),
        });
        Ok(())
    }

    fn was_given(&self, id: EventId) -> bool {
        self.given
            .is_some_and(|given| given.epoch == id.epoch && id.seq <= given.seq)
    }

    /// The client has message `number` of a room.
    fn stand(&mut self, room: &str, number: u64) {
        let next = number.saturating_add(1);
        match self.next.get_mut(room) {
            Some(known) => *known = next,
            None => drop(self.next.insert(room.to_owned(), next)),
        }
    }

    fn gap(&mut self, event: &Decoded<'_>, told: &mut VecDeque<ClientEvent>) -> Result<(), String> {
        let mut hole: Hole = parse(event)?;
        let before = self.next.insert(hole.room.clone(), hole.next);
        hole.after = before
            .and_then(|next| next.checked_sub(1))
            .filter(|&number| number > 0);
        // Where the numbers begin anew they can't be compared.
        hole.counted = before
            .filter(|_| hole.reason != "restart")
            .and_then(|next| hole.next.checked_sub(next));
        if hole.reason == "unknown" && self.only_asked {
            // The server never gave the id that was asked for, so nothing is
            // known to be given: what it has counts as new.
            self.given = None;
        }
        if !event.id.is_empty() {
            self.cursor = Some(event.id.clone().into_owned());
        }
        told.push_back(ClientEvent::Gap(hole));
        Ok(())
    }
}

fn farewell(event: &Decoded<'_>) -> Result<Effect, String> {
    let Farewell { reason, retry_ms } = parse(event)?;
    let reason = super::error::one_line(&reason);
    let reason_text = match &*event.event {
        "bye" if reason == "shutdown" => "the server is shutting down".to_owned(),
        "bye" => format!("the server said bye: {reason}"),
        _ => format!("the server is busy: {reason}"),
    };
    Ok(Effect::Reconnect {
        reason: reason_text,
        retry: Duration::from_millis(retry_ms),
    })
}

fn parse<T: DeserializeOwned>(event: &Decoded<'_>) -> Result<T, String> {
    serde_json::from_str(&event.data)
        .map_err(|error| format!("the server sent a broken {} event: {error}", event.event))
}

#[cfg(test)]
mod tests;
