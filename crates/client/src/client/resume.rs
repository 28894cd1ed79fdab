//! The state of a subscription over all of its streams: the cursor, duplicates,
//! numbers, gaps. No sockets and no clock: protocol events in, client events out.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use super::error::one_line;
use super::event::{ClientEvent, ObservedGap};
use crate::protocol::{
    Busy, Bye, ByeReason, ChangedEntry, Close, CustomEvent, EventId, Gap, GapReason, Hello,
    Message, OpenEnum, PublishedEvent, ServerEvent,
};
use crate::sse::Decoded;

/// The effect of an event on the stream that it came on.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// The stream continues.
    Continue,
    /// The stream has begun.
    Opened {
        /// The longest silence that the server announced.
        ping: Duration,
    },
    /// The stream ends; the client is to reconnect.
    Reconnect {
        /// The reason, in one line.
        reason: String,
        /// The time until then that the server asks for.
        retry: Duration,
    },
    /// The stream ends; the client must not reconnect with the same token.
    Close(Close),
}

/// The state that a reconnect continues from.
#[derive(Debug, Default)]
pub(super) struct ResumeState {
    /// Sent as `Last-Event-ID`.
    cursor: Option<String>,
    /// The id of the last entry that was delivered.
    delivered: Option<EventId>,
    /// `delivered` is the caller's cursor: no message was delivered yet.
    is_caller_cursor: bool,
    /// The first hello tells the numbers of the next messages: the subscription
    /// has neither a cursor nor a backlog.
    is_live_only: bool,
    /// By room, the number that its next message has to have.
    next: HashMap<String, u64>,
    duplicates: u64,
}

impl ResumeState {
    /// Begins at `cursor`. `live_only`: without a cursor, no backlog is asked for.
    pub(super) fn new(cursor: Option<String>, live_only: bool) -> Self {
        Self {
            is_live_only: live_only && cursor.is_none(),
            delivered: cursor.as_deref().and_then(|cursor| cursor.parse().ok()),
            is_caller_cursor: true,
            cursor,
            ..Self::default()
        }
    }

    /// The id that a reconnect sends.
    pub(super) fn cursor(&self) -> Option<&str> {
        self.cursor.as_deref()
    }

    /// The number of entries that were received again and dropped.
    pub(super) fn duplicates(&self) -> u64 {
        self.duplicates
    }

    /// Takes an event of a stream and appends what follows from it to `events`.
    ///
    /// # Errors
    ///
    /// A line about an event that no sse-chat sends.
    pub(super) fn take(
        &mut self,
        event: &Decoded<'_>,
        events: &mut VecDeque<ClientEvent>,
    ) -> Result<Effect, String> {
        let decoded = ServerEvent::decode(event);
        let decoded = decoded.map_err(|error| format!("the server sent {error}"))?;
        match decoded {
            Some(ServerEvent::Hello(hello)) => return Ok(self.hello(hello, events)),
            Some(ServerEvent::Update(message)) => self.update(message, &event.data, events),
            Some(ServerEvent::Change(change)) => self.change(change, event, events),
            Some(ServerEvent::Custom(custom)) => self.custom(custom, events),
            Some(ServerEvent::Gap(gap)) => self.gap(gap, events),
            Some(ServerEvent::Presence(presence)) => {
                events.push_back(ClientEvent::Presence(presence));
            }
            Some(ServerEvent::Busy(busy)) => return Ok(busy.into()),
            Some(ServerEvent::Bye(bye)) => return Ok(bye.into()),
            Some(ServerEvent::Close(close)) => return Ok(Effect::Close(close)),
            Some(ServerEvent::Expiring(expiring)) => {
                events.push_back(ClientEvent::Expiring(expiring));
            }
            Some(ServerEvent::Stale(stale)) => events.push_back(ClientEvent::Stale(stale)),
            Some(ServerEvent::Fresh) => events.push_back(ClientEvent::Fresh),
            // Reserved events are ignored: later versions add some.
            Some(ServerEvent::Ping) | None => {}
        }
        Ok(Effect::Continue)
    }

    fn hello(&mut self, hello: Hello, events: &mut VecDeque<ClientEvent>) -> Effect {
        self.cursor = Some(hello.cursor.clone());
        if std::mem::take(&mut self.is_live_only) {
            let rooms = hello.rooms.iter();
            self.next
                .extend(rooms.map(|room| (room.room.clone(), room.next)));
        }
        let ping = Duration::from_millis(hello.ping_ms);
        events.push_back(ClientEvent::Hello(hello));
        Effect::Opened { ping }
    }

    fn update(
        &mut self,
        message: Message<'static>,
        json: &str,
        events: &mut VecDeque<ClientEvent>,
    ) {
        if !self.is_new(message.id, Some((&message.room, message.number)), events) {
            return;
        }
        events.push_back(ClientEvent::Message {
            message,
            json: json.to_owned(),
        });
    }

    fn change(
        &mut self,
        change: ChangedEntry<'static>,
        event: &Decoded<'_>,
        events: &mut VecDeque<ClientEvent>,
    ) {
        let Ok(id) = event.id.parse() else {
            return;
        };
        // A deleted message is replayed in its own place, with its number.
        let numbered = match &change {
            ChangedEntry::Deleted(deleted) if deleted.id == id => {
                deleted.number.map(|number| (&*deleted.room, number))
            }
            _ => None,
        };
        if self.is_new(id, numbered, events) {
            let json = event.data.clone().into_owned();
            events.push_back(ClientEvent::Change { change, json });
        }
    }

    fn custom(&mut self, custom: CustomEvent, events: &mut VecDeque<ClientEvent>) {
        // A stream of `/events`, which this client asks for, has them as JSON.
        let Ok(event) = serde_json::from_str::<PublishedEvent<'static>>(&custom.data) else {
            return;
        };
        if self.is_new(event.id, None, events) {
            let json = custom.data;
            events.push_back(ClientEvent::Event { event, json });
        }
    }

    /// Moves the cursor to an entry, unless it was delivered before. `numbered` has
    /// the room and the number of a message: the first that does not follow the last
    /// one is reported.
    fn is_new(
        &mut self,
        id: EventId,
        numbered: Option<(&str, u64)>,
        events: &mut VecDeque<ClientEvent>,
    ) -> bool {
        let expected = numbered.and_then(|(room, _)| self.next.get(room).copied());
        if self.was_delivered(id) {
            self.duplicates += 1;
            // After a gap the history may begin with messages that were delivered.
            if let Some((room, number)) = numbered
                && expected.is_some_and(|next| number >= next)
            {
                self.set_last(room, number);
            }
            return false;
        }
        if let Some((room, number)) = numbered {
            if let Some(next) = expected.filter(|&next| next != number) {
                events.push_back(ClientEvent::Missing {
                    room: room.to_owned(),
                    after: next.saturating_sub(1),
                    before: number,
                });
            }
            self.set_last(room, number);
        }
        self.delivered = Some(id);
        self.is_caller_cursor = false;
        self.cursor = Some(id.to_string());
        true
    }

    /// Ids of two epochs are ordered as text, but tell nothing about what was delivered:
    /// after a gap the history may be another one.
    fn was_delivered(&self, id: EventId) -> bool {
        self.delivered
            .is_some_and(|last| last.epoch == id.epoch && id.seq <= last.seq)
    }

    /// `number` is the room's last message.
    fn set_last(&mut self, room: &str, number: u64) {
        let next = number.saturating_add(1);
        match self.next.get_mut(room) {
            Some(known) => *known = next,
            None => drop(self.next.insert(room.to_owned(), next)),
        }
    }

    fn gap(&mut self, gap: Gap, events: &mut VecDeque<ClientEvent>) {
        let next = self.next.insert(gap.room.clone(), gap.next);
        let after = next.and_then(|next| next.checked_sub(1));
        // After a restart numbers begin anew, or are those of lost messages again.
        let counted = next
            .filter(|_| gap.reason != GapReason::Restart)
            .and_then(|next| gap.next.checked_sub(next));
        if gap.reason == GapReason::Unknown && self.is_caller_cursor {
            // The server did not issue the caller's cursor, so no message of
            // this server was delivered.
            self.delivered = None;
        }
        if !gap.cursor.is_empty() {
            self.cursor = Some(gap.cursor.clone());
        }
        events.push_back(ClientEvent::Gap(ObservedGap {
            gap,
            after: after.filter(|&number| number > 0),
            counted,
        }));
    }
}

impl From<Busy> for Effect {
    fn from(busy: Busy) -> Self {
        let reason = one_line(&busy.reason.to_string());
        Self::Reconnect {
            reason: format!("the server is busy: {reason}"),
            retry: Duration::from_millis(busy.retry_ms),
        }
    }
}

impl From<Bye> for Effect {
    fn from(bye: Bye) -> Self {
        let reason = match bye.reason {
            OpenEnum::Known(ByeReason::Shutdown) => "the server is shutting down".to_owned(),
            OpenEnum::Unknown(reason) => {
                format!("the server ended the stream: {}", one_line(&reason))
            }
        };
        Self::Reconnect {
            reason,
            retry: Duration::from_millis(bye.retry_ms),
        }
    }
}

#[cfg(test)]
mod tests;
