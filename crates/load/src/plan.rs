//! The plan of a benchmark: load, timeouts, and the requests to send.

use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

use crate::error::{LoadError, LoadErrorKind};
use crate::http_version::HttpVersion;
use crate::payload::MIN_PAYLOAD_BYTES;
use crate::quantity::{bytes, number};
use crate::target::{PAYLOAD, Target};
use crate::trust::CertificateTrust;

/// A mark has four hex digits for the publisher.
const MAX_PUBLISHERS: usize = 1 << 16;

/// What a benchmark measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "clap", derive(clap::ValueEnum))]
pub enum Mode {
    /// Messages from publishers to all subscribers
    Fanout,
    /// Subscribers without messages: memory and processor time
    Idle,
    /// A storm of connections
    Connect,
    /// All subscribers are cut, miss messages, and reconnect for them
    Resume,
    /// Messages without subscribers
    Publish,
    /// New connections all the time, each with a full TLS handshake and one request
    Handshakes,
}

impl Mode {
    /// Its name in flags and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fanout => "fanout",
            Self::Idle => "idle",
            Self::Connect => "connect",
            Self::Resume => "resume",
            Self::Publish => "publish",
            Self::Handshakes => "handshakes",
        }
    }
}

/// When messages are sent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Pacing {
    /// Open loop: at this rate per second, whatever the server does.
    Rate(f64),
    /// Closed loop: while fewer than this many messages are not delivered to every
    /// subscriber.
    InFlight(usize),
    /// Closed loop: each publisher sends after the answer to its last message.
    Answered,
}

/// The length of the measured part.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Length {
    /// A time.
    Time(Duration),
    /// A number of messages.
    Messages(u64),
}

/// Subscribers that read slowly.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SlowReaders {
    /// Their share of all subscribers, from 0 to 1.
    pub share: f64,
    /// The speed at which each reads.
    pub bytes_per_second: usize,
}

/// What a benchmark does. The default is a fan-out of 100 messages per second to
/// 100 subscribers for ten seconds.
#[derive(Debug, Clone)]
pub struct Plan {
    /// What is measured.
    pub mode: Mode,
    /// The numbers of subscribers; each is a run of its own. Mode `publish`
    /// and mode `handshakes` have runs with 0.
    pub subscribers: Vec<usize>,
    /// When messages are sent.
    pub pacing: Pacing,
    /// Connections that publish; 1 to 65,536.
    pub publishers: usize,
    /// Bytes of a payload, drawn for each message; at least
    /// [`MIN_PAYLOAD_BYTES`](crate::MIN_PAYLOAD_BYTES).
    pub size: RangeInclusive<usize>,
    /// Rooms that subscribers and messages are spread over; at least 1.
    pub rooms: usize,
    /// The length of the measured part.
    pub length: Length,
    /// How long the load runs before the measured part.
    pub warmup: Duration,
    /// How long a message may take to reach every subscriber.
    pub drain: Duration,
    /// Connects per second; none for no limit.
    pub connect_rate: Option<f64>,
    /// Connections that may be connecting at one time; at least 1.
    pub connect_concurrency: usize,
    /// Timeout of opening a stream, and of the answer to a message.
    pub timeout: Duration,
    /// Local addresses to connect from; empty for the system's choice.
    pub sources: Vec<IpAddr>,
    /// Threads that read streams; at least 1.
    pub threads: usize,
    /// Messages that each subscriber misses in mode `resume`.
    pub missed: u64,
    /// Subscribers that read slowly.
    pub slow: Option<SlowReaders>,
    /// Transient subscribers: this many connect each second and leave after one.
    pub churn: usize,
    /// The version of HTTP.
    pub http: HttpVersion,
    /// Which certificates are accepted over `https`.
    pub trust: CertificateTrust,
    /// How to subscribe and to publish.
    pub target: Target,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            mode: Mode::Fanout,
            subscribers: vec![100],
            pacing: Pacing::Rate(100.0),
            publishers: 4,
            size: 128..=128,
            rooms: 1,
            length: Length::Time(Duration::from_secs(10)),
            warmup: Duration::from_secs(1),
            drain: Duration::from_secs(5),
            connect_rate: None,
            connect_concurrency: 256,
            timeout: Duration::from_secs(10),
            sources: Vec::new(),
            threads: 1,
            missed: 100,
            slow: None,
            churn: 0,
            http: HttpVersion::Http1,
            trust: CertificateTrust::System,
            target: Target::default(),
        }
    }
}

impl Plan {
    /// Whether its fields are within their ranges.
    pub(crate) fn check(&self) -> Result<(), LoadError> {
        let wrong = if self.rooms == 0 || self.threads == 0 || self.connect_concurrency == 0 {
            "rooms, threads and connect_concurrency are at least 1"
        } else if !(1..=MAX_PUBLISHERS).contains(&self.publishers) {
            "publishers are 1 to 65,536"
        } else if self.http.streams_per_connection() == 0 {
            "streams_per_connection is at least 1"
        } else if self.mode == Mode::Handshakes && self.http.is_http2() {
            "mode handshakes speaks HTTP/1.1"
        } else if self.mode == Mode::Handshakes && matches!(self.length, Length::Messages(_)) {
            "mode handshakes sends no messages"
        } else if self.slow.is_some() && self.http.streams_per_connection() > 1 {
            "a slow subscriber needs a connection of its own"
        } else if self.size.is_empty() || *self.size.start() < MIN_PAYLOAD_BYTES {
            "size is a range from at least MIN_PAYLOAD_BYTES"
        } else if self.target.publish_body.matches(PAYLOAD).count() != 1 {
            "publish_body has {payload} once"
        } else {
            return Ok(());
        };
        Err(LoadErrorKind::InvalidPlan.because(format_args!("the plan is invalid: {wrong}")))
    }

    /// How many of `subscribers` read slowly.
    pub(crate) fn slow_of(&self, subscribers: usize) -> usize {
        self.slow
            .map_or(0, |slow| (slow.share * subscribers as f64).round() as usize)
    }

    /// A description of the load for the report.
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
            Mode::Handshakes => vec![format!(
                "{} connections at a time with one request each",
                self.connect_concurrency
            )],
            Mode::Resume => vec![format!("{} messages missed", self.missed)],
            Mode::Fanout | Mode::Publish => vec![
                match self.pacing {
                    Pacing::Rate(rate) => format!("{} messages/s", number(rate)),
                    Pacing::InFlight(messages) => format!("{messages} in flight"),
                    Pacing::Answered => "each after the answer to the one before".to_owned(),
                },
                publishers,
            ],
        };
        if !matches!(self.mode, Mode::Idle | Mode::Connect | Mode::Handshakes) {
            words.push(match self.size.start() == self.size.end() {
                true => format!("{} bytes", self.size.start()),
                false => format!("{} to {} bytes", self.size.start(), self.size.end()),
            });
        }
        if let HttpVersion::Http2 {
            streams_per_connection: streams,
        } = self.http
        {
            words.push(match streams {
                1 => "HTTP/2".to_owned(),
                streams => format!("HTTP/2 with {streams} streams per connection"),
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

    /// The maximum number of connections at one time.
    pub(crate) fn connections(&self) -> usize {
        if self.mode == Mode::Handshakes {
            return self.connect_concurrency;
        }
        let subscribers = self.subscribers.iter().copied().max().unwrap_or(0);
        let subscribers = subscribers.div_ceil(self.http.streams_per_connection());
        // Leaving and new transient subscribers overlap.
        subscribers + self.publishers + 2 * self.churn
    }

    /// The local address of connection number `index`.
    pub(crate) fn source(&self, index: usize) -> Option<IpAddr> {
        let at = index.checked_rem(self.sources.len())?;
        Some(self.sources[at])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_out_of_its_range_is_refused() {
        assert!(Plan::default().check().is_ok());
        let wrong: [fn(&mut Plan); 7] = [
            |plan| plan.rooms = 0,
            |plan| plan.threads = 0,
            |plan| plan.publishers = 0,
            |plan| plan.publishers = MAX_PUBLISHERS + 1,
            |plan| plan.size = 1..=128,
            |plan| plan.target.publish_body.clear(),
            |plan| {
                plan.http = HttpVersion::Http2 {
                    streams_per_connection: 0,
                };
            },
        ];
        for make_wrong in wrong {
            let mut plan = Plan::default();
            make_wrong(&mut plan);
            let error = plan.check().unwrap_err();
            assert_eq!(error.kind(), LoadErrorKind::InvalidPlan, "{plan:?}");
        }
    }
}
