//! What a benchmark is to do: checked, complete, and without a word of how it
//! was typed.

use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

use crate::quantity::{bytes, number};
use crate::target::Target;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "clap", derive(clap::ValueEnum))]
pub enum Mode {
    /// Messages from publishers to all subscribers
    Fanout,
    /// Subscribers to whom nothing is said: memory and processor time
    Idle,
    /// A storm of connections
    Connect,
    /// All subscribers are cut, miss messages, and come back for them
    Resume,
    /// Messages that nobody reads
    Publish,
}

impl Mode {
    /// Its name, as it is typed and reported.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fanout => "fanout",
            Self::Idle => "idle",
            Self::Connect => "connect",
            Self::Resume => "resume",
            Self::Publish => "publish",
        }
    }
}

/// When the next message is sent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Load {
    /// Open loop: so many a second, whatever the server does.
    Rate(f64),
    /// Closed loop: when fewer than so many have not reached every subscriber.
    InFlight(usize),
    /// Closed loop: when a publisher has its answer.
    Answered,
}

/// How long the measured part is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Length {
    /// A time.
    Time(Duration),
    /// A number of messages.
    Messages(u64),
}

/// Subscribers that read slowly.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SlowShare {
    /// How many of all subscribers, from 0 to 1.
    pub share: f64,
    /// How fast each of them reads.
    pub bytes_per_second: usize,
}

/// One benchmark.
#[derive(Debug, Clone)]
pub struct Plan {
    /// What is measured.
    pub mode: Mode,
    /// A run for each of these numbers of subscribers.
    pub subscribers: Vec<usize>,
    /// When the next message is sent.
    pub load: Load,
    /// Connections that publish.
    pub publishers: usize,
    /// Bytes of a payload, drawn for each message.
    pub size: RangeInclusive<usize>,
    /// Rooms that subscribers and messages are spread over.
    pub rooms: usize,
    /// How long the measured part is.
    pub length: Length,
    /// How long the load runs before it is measured.
    pub warmup: Duration,
    /// How long a message may take to reach everybody.
    pub drain: Duration,
    /// Connections a second; none for as fast as it goes.
    pub connect_rate: Option<f64>,
    /// Connections that are being opened at one time.
    pub connect_concurrency: usize,
    /// How long opening a stream, or the answer to a message, may take.
    pub timeout: Duration,
    /// Addresses that connections come from; empty for the system's choice.
    pub sources: Vec<IpAddr>,
    /// Threads that read streams.
    pub threads: usize,
    /// Messages that each subscriber misses in mode `resume`.
    pub missed: u64,
    /// Subscribers that read slowly.
    pub slow: Option<SlowShare>,
    /// Further subscribers that come each second and stay for one.
    pub churn: usize,
    /// What is asked of the server.
    pub target: Target,
}

impl Plan {
    /// How many of `subscribers` read slowly.
    pub(crate) fn slow_of(&self, subscribers: usize) -> usize {
        self.slow
            .map_or(0, |slow| (slow.share * subscribers as f64).round() as usize)
    }

    /// The load in words for a person.
    pub fn describe(&self) -> String {
        let publishers = match self.publishers {
            1 => "1 publisher".to_owned(),
            publishers => format!("{publishers} publishers"),
        };
        let mut words = match self.mode {
            Mode::Idle => vec!["nothing is sent".to_owned()],
            Mode::Connect => vec![match self.connect_rate {
                Some(rate) => format!("{} connections/s", number(rate)),
                None => format!("{} connections at a time", self.connect_concurrency),
            }],
            Mode::Resume => vec![format!("{} messages missed", self.missed)],
            Mode::Fanout | Mode::Publish => vec![
                match self.load {
                    Load::Rate(rate) => format!("{} messages/s", number(rate)),
                    Load::InFlight(messages) => format!("{messages} in flight"),
                    Load::Answered => "each after the answer to the one before".to_owned(),
                },
                publishers,
            ],
        };
        if !matches!(self.mode, Mode::Idle | Mode::Connect) {
            words.push(match self.size.start() == self.size.end() {
                true => format!("{} bytes", self.size.start()),
                false => format!("{} to {} bytes", self.size.start(), self.size.end()),
            });
        }
        if self.rooms > 1 {
            words.push(format!("{} rooms", self.rooms));
        }
        if let Some(slow) = self.slow {
            let share = slow.share * 100.0;
            let speed = bytes(slow.bytes_per_second as f64);
            words.push(format!("{share} % read {speed}/s"));
        }
        if self.churn > 0 {
            words.push(format!("{} come and go each second", self.churn));
        }
        words.join(", ")
    }

    /// The largest number of connections at one time.
    pub(crate) fn connections(&self) -> usize {
        let subscribers = self.subscribers.iter().copied().max().unwrap_or(0);
        // For a moment those that leave and those that come are both there.
        subscribers + self.publishers + 2 * self.churn
    }

    /// Where connection number `index` comes from.
    pub(crate) fn source(&self, index: usize) -> Option<IpAddr> {
        let at = index.checked_rem(self.sources.len())?;
        Some(self.sources[at])
    }
}
