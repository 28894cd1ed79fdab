//! What is written down while faults happen: the messages that writers sent
//! with what was answered, and all that each reader saw. Plain data, made by
//! the clients of a test and held together by `check`.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;

/// How many events may come after the last words: those of other rooms, and a
/// few cuts.
const LAST: usize = 100;

/// Everything that is known of one test.
#[derive(Debug, Clone, Default)]
pub(crate) struct Record {
    pub(crate) sent: Vec<Sent>,
    pub(crate) readings: Vec<Reading>,
    /// The last message of each room, said when the faults were over.
    pub(crate) last_words: Vec<Shown>,
}

/// A message that somebody wanted to say. It was sent until it was answered.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    pub(crate) room: String,
    pub(crate) writer: String,
    /// The writer's own count, from 1. A writer sends one after the other.
    pub(crate) n: u64,
    pub(crate) client_id: String,
    pub(crate) text: String,
    pub(crate) answer: Option<Shown>,
}

/// A message as the server shows it, in an answer or in an event.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Shown {
    pub(crate) id: Id,
    pub(crate) room: String,
    pub(crate) number: u64,
    pub(crate) name: String,
    #[serde(rename = "message")]
    pub(crate) text: String,
    /// The first word of the text: writers put their client id there, since
    /// readers do not see the id itself.
    #[serde(skip)]
    pub(crate) client_id: String,
}

/// What one reader saw, over all of its connections.
#[derive(Debug, Clone)]
pub(crate) struct Reading {
    pub(crate) reader: String,
    pub(crate) rooms: Vec<String>,
    pub(crate) begins: Begins,
    pub(crate) seen: Vec<Seen>,
    /// It was there until the end, and has to know the last words.
    pub(crate) stayed: bool,
}

/// Which message of each room a reader has to see first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Begins {
    /// The next one after its first hello.
    Now,
    /// Some message of the past, or that.
    Past,
    /// The very first, whether it sees a hello or not.
    AtOne,
}

/// Something that a reader saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Seen {
    Hello {
        cursor: String,
        /// The number of the next message of each room.
        next: Vec<(String, u64)>,
    },
    Update(Shown),
    Gap(Gap),
    Ping,
    /// The server said that it shuts down, and when to come back.
    Bye {
        retry_ms: u64,
    },
    /// The stream ended as a stream should.
    Ended,
    /// It ended in the middle, or was given up for its silence.
    Cut,
    /// What no stream of ours has, or what a client of ours complains of.
    Odd(String),
}

/// An announced hole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Gap {
    /// The event's id; empty where the client does not show it.
    pub(crate) cursor: String,
    pub(crate) room: String,
    pub(crate) reason: String,
    pub(crate) lost: Option<u64>,
    pub(crate) next: u64,
}

/// An event id. The tests read it themselves, so that a fault in the server's
/// own reading of it is not theirs too.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Id {
    pub(crate) epoch: String,
    pub(crate) seq: u64,
}

impl FromStr for Id {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (epoch, seq) = text.split_once('-').ok_or("an id without a dash")?;
        let seq = seq.parse().map_err(|error| format!("{text}: {error}"))?;
        Ok(Self {
            epoch: epoch.to_owned(),
            seq,
        })
    }
}

impl TryFrom<String> for Id {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.epoch, self.seq)
    }
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
    /// A message that a reader saw. Only the answer to its sender may have the
    /// client id.
    pub(crate) fn update(json: &str) -> Result<Self, String> {
        match json.contains("\"client_id\":") {
            true => Err(format!("a reader sees a client id: {json}")),
            false => Shown::parse(json).map(Self::Update),
        }
    }
}

impl Record {
    /// How many messages were answered.
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

    /// How many streams ended as they should.
    pub(crate) fn ends(&self) -> usize {
        self.count(|seen| *seen == Seen::Ended)
    }

    /// Whether it has a stream now.
    pub(crate) fn is_connected(&self) -> bool {
        let state = |seen: &Seen| match seen {
            Seen::Hello { .. } => Some(true),
            Seen::Ended | Seen::Cut => Some(false),
            _ => None,
        };
        self.seen.iter().rev().find_map(state).unwrap_or(false)
    }

    /// How often it was told of a gap for this reason.
    pub(crate) fn gaps(&self, reason: &str) -> usize {
        self.count(|seen| matches!(seen, Seen::Gap(gap) if gap.reason == reason))
    }

    /// It had one stream, and that was never cut.
    #[track_caller]
    pub(crate) fn assert_undisturbed(&self) {
        let disturbed = (self.hellos(), self.cuts());
        assert_eq!(disturbed, (1, 0), "{}", self.reader);
    }

    /// The waits that it was told with each bye, in milliseconds.
    pub(crate) fn byes(&self) -> Vec<u64> {
        let retry = |seen: &Seen| match seen {
            Seen::Bye { retry_ms } => Some(*retry_ms),
            _ => None,
        };
        self.seen.iter().filter_map(retry).collect()
    }

    /// Whether the last words of its rooms are among the last that it saw, or
    /// in a gap of which it was told.
    pub(crate) fn has_heard(&self, last_words: &[Shown]) -> bool {
        let recent = || self.seen.iter().rev().take(LAST);
        let mut theirs = last_words
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
