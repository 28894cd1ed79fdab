//! The record of a test: messages that writers sent, their responses, and all events
//! of each reader. Plain data, written by the clients and compared by `check`.

use serde::Deserialize;

use crate::event_id::Id;

/// The most events after the final messages: those of other rooms, and a few cuts.
const LAST: usize = 100;

/// The record of one test.
#[derive(Debug, Clone, Default)]
pub(crate) struct Record {
    pub(crate) sent: Vec<Sent>,
    pub(crate) readings: Vec<Reading>,
    /// The final message of each room, published after the faults.
    pub(crate) final_messages: Vec<Shown>,
}

/// A message of a writer, which is sent until it is acknowledged.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    pub(crate) room: String,
    pub(crate) writer: String,
    /// The writer's counter, from 1. A writer sends one message after the other.
    pub(crate) n: u64,
    pub(crate) client_id: String,
    pub(crate) text: String,
    pub(crate) answer: Option<Shown>,
    /// Its changes, each requested after the one before was acknowledged.
    pub(crate) changes: Vec<Requested>,
}

/// A change that a writer requested of its message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Requested {
    /// The new text; `None` is the deletion.
    pub(crate) text: Option<String>,
    /// False also if the server no longer held the message.
    pub(crate) is_acknowledged: bool,
}

/// A message in a response or an event of the server.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Shown {
    pub(crate) id: Id,
    pub(crate) room: String,
    pub(crate) number: u64,
    pub(crate) name: String,
    #[serde(rename = "message")]
    pub(crate) text: String,
    /// The first word of the text: the client id, which readers do not see
    /// otherwise.
    #[serde(skip)]
    pub(crate) client_id: String,
}

/// A change of a message, as a reader gets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Changed {
    /// The event's own id; `None` if the client does not expose it.
    pub(crate) at: Option<Id>,
    /// The message's id.
    pub(crate) id: Id,
    pub(crate) room: String,
    pub(crate) number: u64,
    /// The present text; `None` if it is deleted.
    pub(crate) text: Option<String>,
}

/// The events of one reader over all its connections.
#[derive(Debug, Clone)]
pub(crate) struct Reading {
    pub(crate) reader: String,
    pub(crate) rooms: Vec<String>,
    pub(crate) begins: Begins,
    pub(crate) seen: Vec<Seen>,
    /// Whether it reads until the end and must see the final messages.
    pub(crate) stayed: bool,
}

/// The first message of each room that a reader must see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Begins {
    /// The next one after its first hello.
    Now,
    /// That, or an earlier message.
    Past,
    /// The first one of the room, with or without a hello.
    AtOne,
}

/// An observation of a reader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Seen {
    Hello {
        cursor: String,
        /// The number of the next message of each room.
        next: Vec<(String, u64)>,
    },
    Update(Shown),
    Change(Changed),
    Gap(Gap),
    Ping,
    /// The server shuts down; with the reconnection time.
    Bye {
        retry_ms: u64,
    },
    /// The stream ended properly.
    Ended,
    /// The stream was cut, or given up after silence.
    Cut,
    /// Invalid data in a stream, or an error of the client.
    Invalid(String),
}

/// A gap event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Gap {
    /// The event's id; empty if the client does not expose it.
    pub(crate) cursor: String,
    pub(crate) room: String,
    pub(crate) reason: String,
    pub(crate) lost: Option<u64>,
    pub(crate) next: u64,
}

impl Shown {
    /// A message from its JSON.
    pub(crate) fn parse(json: &str) -> Result<Self, String> {
        let shown: Self = serde_json::from_str(json).map_err(|error| format!("{error}: {json}"))?;
        let client_id = shown.text.split(' ').next().unwrap_or_default().to_owned();
        Ok(Self { client_id, ..shown })
    }
}

impl Seen {
    /// Parses a message of a stream. Only the response to its sender may have the
    /// client id.
    pub(crate) fn update(json: &str) -> Result<Self, String> {
        match json.contains("\"client_id\":") {
            true => Err(format!("a reader sees a client id: {json}")),
            false => Shown::parse(json).map(Self::Update),
        }
    }
}

impl Seen {
    /// Parses a change, whose event has the id `at`.
    pub(crate) fn change(at: Option<Id>, json: &str) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Deleted {
            id: Id,
            room: String,
            number: u64,
            deleted: bool,
        }
        let changed = match serde_json::from_str::<Deleted>(json) {
            Ok(Deleted { deleted: false, .. }) => return Err(format!("not deleted: {json}")),
            Ok(Deleted {
                id, room, number, ..
            }) => Changed {
                at,
                id,
                room,
                number,
                text: None,
            },
            Err(_) => {
                let shown = Shown::parse(json)?;
                Changed {
                    at,
                    id: shown.id,
                    room: shown.room,
                    number: shown.number,
                    text: Some(shown.text),
                }
            }
        };
        match json.contains("\"client_id\":") || json.contains("edit_key") {
            true => Err(format!("a reader sees what only its author knows: {json}")),
            false => Ok(Self::Change(changed)),
        }
    }
}

impl Sent {
    /// The text after the first `changes` changes; `None` if it is deleted then.
    fn state(&self, changes: usize) -> Option<&str> {
        match changes.checked_sub(1) {
            None => Some(&self.text),
            Some(last) => self.changes[last].text.as_deref(),
        }
    }

    /// The number of changes after which the message has this text.
    pub(crate) fn version(&self, text: Option<&str>) -> Option<usize> {
        (0..=self.changes.len()).find(|&changes| self.state(changes) == text)
    }

    /// The number of changes up to the last acknowledged one.
    pub(crate) fn acknowledged(&self) -> usize {
        let last = self
            .changes
            .iter()
            .rposition(|change| change.is_acknowledged);
        last.map_or(0, |last| last + 1)
    }
}

impl Record {
    /// The number of acknowledged messages.
    pub(crate) fn answered(&self) -> usize {
        self.sent
            .iter()
            .filter(|sent| sent.answer.is_some())
            .count()
    }
}

impl Reading {
    pub(crate) fn updates(&self) -> usize {
        self.count(|seen| matches!(seen, Seen::Update(_)))
    }

    pub(crate) fn hellos(&self) -> usize {
        self.count(|seen| matches!(seen, Seen::Hello { .. }))
    }

    pub(crate) fn pings(&self) -> usize {
        self.count(|seen| *seen == Seen::Ping)
    }

    pub(crate) fn cuts(&self) -> usize {
        self.count(|seen| *seen == Seen::Cut)
    }

    /// The number of streams that ended properly.
    pub(crate) fn ends(&self) -> usize {
        self.count(|seen| *seen == Seen::Ended)
    }

    /// Whether it has an open stream.
    pub(crate) fn is_connected(&self) -> bool {
        let state = |seen: &Seen| match seen {
            Seen::Hello { .. } => Some(true),
            Seen::Ended | Seen::Cut => Some(false),
            _ => None,
        };
        self.seen.iter().rev().find_map(state).unwrap_or(false)
    }

    /// The number of gap events with this reason.
    pub(crate) fn gaps(&self, reason: &str) -> usize {
        self.count(|seen| matches!(seen, Seen::Gap(gap) if gap.reason == reason))
    }

    /// Asserts that it had one stream without a cut.
    #[track_caller]
    pub(crate) fn assert_undisturbed(&self) {
        let disturbed = (self.hellos(), self.cuts());
        assert_eq!(disturbed, (1, 0), "{}", self.reader);
    }

    /// The reconnection time of each bye, in milliseconds.
    pub(crate) fn byes(&self) -> Vec<u64> {
        let retry = |seen: &Seen| match seen {
            Seen::Bye { retry_ms } => Some(*retry_ms),
            _ => None,
        };
        self.seen.iter().filter_map(retry).collect()
    }

    /// Whether the final messages of its rooms are among its last events, or in an
    /// announced gap.
    pub(crate) fn has_seen_final(&self, final_messages: &[Shown]) -> bool {
        let recent = || self.seen.iter().rev().take(LAST);
        let mut theirs = final_messages
            .iter()
            .filter(|last| self.rooms.contains(&last.room));
        theirs.all(|last| {
            recent().any(|seen| match seen {
                Seen::Update(shown) => shown.id == last.id,
                Seen::Gap(gap) => {
                    gap.room == last.room && gap.next > last.number && gap.reason != "restart"
                }
                _ => false,
            })
        })
    }

    fn count(&self, is: impl Fn(&Seen) -> bool) -> usize {
        self.seen.iter().filter(|seen| is(seen)).count()
    }
}
