//! What a benchmark is to do: checked, complete, and without a word of how it
//! was typed.

use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::report::quantity::{bytes, number};
use super::target::Target;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Mode {
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
    pub(super) fn name(self) -> &'static str {
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
pub(super) enum Load {
    /// Open loop: so many a second, whatever the server does.
    Rate(f64),
    /// Closed loop: when fewer than so many have not reached every subscriber.
    InFlight(usize),
    /// Closed loop: when a publisher has its answer.
    Answered,
}

/// How long the measured part is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Length {
    /// A time.
    Time(Duration),
    /// A number of messages.
    Messages(u64),
}

/// Subscribers that read slowly.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct SlowShare {
    /// How many of all subscribers, from 0 to 1.
    pub(super) share: f64,
    /// How fast each of them reads.
    pub(super) bytes_per_second: usize,
}

/// One benchmark.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    /// What is measured.
    pub(super) mode: Mode,
    /// A run for each of these numbers of subscribers.
    pub(super) subscribers: Vec<usize>,
    /// When the next message is sent.
    pub(super) load: Load,
    /// Connections that publish.
    pub(super) publishers: usize,
    /// Bytes of a payload, drawn for each message.
    pub(super) size: RangeInclusive<usize>,
    /// Rooms that subscribers and messages are spread over.
    pub(super) rooms: usize,
    /// How long the measured part is.
    pub(super) length: Length,
    /// How long the load runs before it is measured.
    pub(super) warmup: Duration,
    /// How long a message may take to reach everybody.
    pub(super) drain: Duration,
    /// Connections a second; none for as fast as it goes.
    pub(super) connect_rate: Option<f64>,
    /// Connections that are being opened at one time.
    pub(super) connect_concurrency: usize,
    /// How long opening a stream, or the answer to a message, may take.
    pub(super) timeout: Duration,
    /// Addresses that connections come from; empty for the system's choice.
    pub(super) sources: Vec<IpAddr>,
    /// Threads that read streams.
    pub(super) threads: usize,
    /// Messages that each subscriber misses in mode `resume`.
    pub(super) missed: u64,
    /// Subscribers that read slowly.
    pub(super) slow: Option<SlowShare>,
    /// Further subscribers that come each second and stay for one.
    pub(super) churn: usize,
    /// What is asked of the server.
    pub(super) target: Target,
}

impl Plan {
    /// How many of `subscribers` read slowly.
    pub(super) fn slow_of(&self, subscribers: usize) -> usize {
        self.slow
            .map_or(0, |slow| (slow.share * subscribers as f64).round() as usize)
    }

    /// The load in words for a person.
    pub(super) fn describe(&self) -> String {
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
    pub(super) fn connections(&self) -> usize {
        let subscribers = self.subscribers.iter().copied().max().unwrap_or(0);
        // For a moment those that leave and those that come are both there.
        subscribers + self.publishers + 2 * self.churn
    }

    /// Where connection number `index` comes from.
    pub(super) fn source(&self, index: usize) -> Option<IpAddr> {
        let at = index.checked_rem(self.sources.len())?;
        Some(self.sources[at])
    }
}
