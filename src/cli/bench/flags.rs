//! The flags of `sse-chat bench`, and how they become a plan.

use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::mark::MARK_BYTES;
use super::plan::{Length, Load, Mode, Plan, SlowShare};
use super::report::gate::{self, Condition};
use super::target::{PAYLOAD, Target};
use crate::cli::exit::{End, Failure};
use crate::cli::values::{Time, parse_size, parse_time};
use crate::client::ServerUrl;

/// So many messages are due for which no connection is free, and more.
const MOST_PUBLISHERS: usize = 4096;
const EXAMPLES: &str = "\
Examples:
  sse-chat bench --spawn                                1 server, 100 subscribers, 100 messages/s
  sse-chat bench --spawn --subscribers 1k --in-flight 1 one message after the other, at full speed
  sse-chat bench --spawn --subscribers 100,1k,5k --rate 50 --svg sweep.svg
  sse-chat bench --mode idle --subscribers 5k --spawn -- --ping 1m
  sse-chat bench --mode publish --url http://127.0.0.1:8080 --pid $(pgrep -x sse-chat)
  sse-chat bench --fail-if 'p99>50ms' --fail-if 'lost>0' && echo fast enough

Another server:
  sse-chat bench --url http://127.0.0.1:8081 --subscribe-path '/sub/{room}' \\
    --publish-path '/pub/{room}' --publish-body '{payload}' --content-type text/plain

Delivery times count from the time that a message was due, so a server that
pauses can't hide it. Counts and rates may be written 10k or 1.5m.";

/// The flags of the benchmark.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Bench {
    /// The server
    #[arg(
        long,
        env = "SSE_CHAT_URL",
        value_name = "URL",
        default_value = "http://127.0.0.1:8080"
    )]
    pub(super) url: ServerUrl,

    /// Start a private server on a free port for each run; what stands after -- are its flags
    #[arg(long, conflicts_with = "pid")]
    pub(super) spawn: bool,

    /// Flags of the server that --spawn starts
    #[arg(
        last = true,
        value_name = "SERVE FLAGS",
        requires = "spawn",
        allow_hyphen_values = true
    )]
    pub(super) serve_flags: Vec<String>,

    /// The server's processes, whose processor time and memory are measured
    #[arg(long, value_name = "PID", value_delimiter = ',')]
    pub(super) pid: Vec<i32>,

    /// What is measured
    #[arg(long, value_name = "MODE", value_enum, default_value_t = Mode::Fanout)]
    mode: Mode,

    /// Subscribers; a run for each of several numbers
    #[arg(long, value_name = "COUNT", value_delimiter = ',', value_parser = parse_count, default_value = "100",
          help_heading = "Load")]
    subscribers: Vec<usize>,

    /// Messages a second, whatever the server does (open loop) [default: 100]
    #[arg(long, value_name = "RATE", value_parser = parse_rate, conflicts_with = "in_flight", help_heading = "Load")]
    rate: Option<f64>,

    /// At most so many messages that have not reached every subscriber (closed loop)
    #[arg(long, value_name = "COUNT", value_parser = parse_some, help_heading = "Load")]
    in_flight: Option<usize>,

    /// Connections that publish [default: 4; with --in-flight as many; 32 in mode publish]
    #[arg(long, value_name = "COUNT", value_parser = parse_publishers, help_heading = "Load")]
    publishers: Option<usize>,

    /// Bytes of a payload, or a range to draw them from, as in 64..2048
    #[arg(long, value_name = "BYTES", value_parser = parse_sizes, default_value = "128", help_heading = "Load")]
    size: Sizes,

    /// Rooms that subscribers and messages are spread over
    #[arg(long, value_name = "COUNT", value_parser = parse_some, default_value = "1", help_heading = "Load")]
    rooms: usize,

    /// How long is measured [default: 10s]
    #[arg(long, value_name = "TIME", value_parser = parse_time, conflicts_with = "messages", help_heading = "Load")]
    duration: Option<Time>,

    /// How many messages are measured, instead of a time
    #[arg(long, value_name = "COUNT", value_parser = parse_some, help_heading = "Load")]
    messages: Option<usize>,

    /// How long the load runs before it is measured
    #[arg(long, value_name = "TIME", value_parser = parse_time, default_value = "1s", help_heading = "Load")]
    warmup: Time,

    /// How long a message may take to reach everybody, and the end may wait for that
    #[arg(long, value_name = "TIME", value_parser = parse_time, default_value = "5s", help_heading = "Load")]
    drain: Time,

    /// How long a connection or an answer may take
    #[arg(long, value_name = "TIME", value_parser = parse_time, default_value = "10s", help_heading = "Load")]
    timeout: Time,

    /// Subscribers that connect in a second [default: no limit]
    #[arg(long, value_name = "RATE", value_parser = parse_rate, help_heading = "Load")]
    connect_rate: Option<f64>,

    /// Connections that are being opened at one time
    #[arg(long, value_name = "COUNT", value_parser = parse_some, default_value = "256", help_heading = "Load")]
    connect_concurrency: usize,

    /// Addresses to connect from: one has about 28,000 ports
    #[arg(
        long,
        value_name = "ADDR",
        value_delimiter = ',',
        help_heading = "Load"
    )]
    source_ip: Vec<IpAddr>,

    /// Messages that each subscriber misses in mode resume
    #[arg(long, value_name = "COUNT", value_parser = parse_some, default_value = "100", help_heading = "Load")]
    missed: usize,

    /// Let a share of the subscribers read slowly, as in 5%:1KiB/s
    #[arg(long, value_name = "SHARE:BYTES/s", value_parser = parse_slow, help_heading = "Load")]
    slow: Option<SlowShare>,

    /// Further subscribers that come each second, and leave after one
    #[arg(long, value_name = "COUNT/s", value_parser = parse_churn, default_value = "0/s", help_heading = "Load")]
    churn: Churn,

    /// Threads that read streams [default: half of the processors]
    #[arg(long, value_name = "COUNT", value_parser = parse_some, help_heading = "Load")]
    threads: Option<usize>,

    /// Path of an event stream; {room} is bench-0, bench-1, …
    #[arg(long, value_name = "PATH", value_parser = parse_path, default_value = "/rooms/{room}/events",
          help_heading = "Another server")]
    subscribe_path: String,

    /// Path that messages are posted to
    #[arg(long, value_name = "PATH", value_parser = parse_path, default_value = "/rooms/{room}/messages",
          help_heading = "Another server")]
    publish_path: String,

    /// Body of a message; {payload} is what subscribers look for
    #[arg(long, value_name = "TEXT", value_parser = parse_body,
          default_value = r#"{"name":"bench","message":"{payload}"}"#, help_heading = "Another server")]
    publish_body: String,

    /// Content type of a message
    #[arg(long, value_name = "TYPE", value_parser = parse_line, default_value = "application/json",
          help_heading = "Another server")]
    content_type: String,

    /// A header of every request, as in 'Authorization: Bearer x'
    #[arg(long, short = 'H', value_name = "NAME: VALUE", value_parser = parse_header, help_heading = "Another server")]
    header: Vec<String>,

    /// Write all results as JSON; - for standard output, in place of the summary
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub(super) json: Option<PathBuf>,

    /// Write a row for each second as CSV
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub(super) csv: Option<PathBuf>,

    /// Draw times by percentile, and deliveries over time
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub(super) svg: Option<PathBuf>,

    /// Exit with 99 if this holds, as in 'p99>50ms' or 'lost>0'
    #[arg(long, value_name = "CONDITION", help_heading = "Output", long_help = gate::HELP)]
    pub(super) fail_if: Vec<Condition>,
}

/// Bytes of a payload.
#[derive(Debug, Clone)]
struct Sizes(RangeInclusive<usize>);

/// Subscribers that come each second.
#[derive(Debug, Clone, Copy)]
struct Churn(usize);

impl Bench {
    /// What is to be done.
    ///
    /// # Errors
    ///
    /// When flags do not go together.
    pub(super) fn plan(&self) -> Result<Plan, Failure> {
        self.check()?;
        let load = match (self.mode, self.rate, self.in_flight) {
            (_, Some(rate), _) => Load::Rate(rate),
            (_, _, Some(messages)) => Load::InFlight(messages),
            (Mode::Publish, ..) => Load::Answered,
            _ => Load::Rate(100.0),
        };
        let publishers = match load {
            Load::InFlight(messages) => messages.min(MOST_PUBLISHERS),
            Load::Answered => 32,
            Load::Rate(_) => 4,
        };
        Ok(Plan {
            mode: self.mode,
            subscribers: match self.mode {
                Mode::Publish => vec![0],
                _ => self.subscribers.clone(),
            },
            load,
            publishers: self.publishers.unwrap_or(publishers),
            size: self.size.0.clone(),
            rooms: self.rooms,
            length: match self.messages {
                Some(messages) => Length::Messages(messages as u64),
                None => Length::Time(self.duration.map_or(Duration::from_secs(10), |time| time.0)),
            },
            warmup: self.warmup.0,
            drain: self.drain.0,
            connect_rate: self.connect_rate,
            connect_concurrency: self.connect_concurrency,
            timeout: self.timeout.0,
            sources: self.source_ip.clone(),
            threads: self.threads.unwrap_or_else(half_of_the_processors),
            missed: self.missed as u64,
            slow: self.slow,
            churn: self.churn.0,
            target: self.target(),
        })
    }

    fn check(&self) -> Result<(), Failure> {
        let no_subscribers = self.mode != Mode::Publish && self.subscribers.contains(&0);
        let wrong = if no_subscribers {
            "--subscribers 0: nobody would read; to measure publishing alone use --mode publish"
        } else if self.url.is_tls() && !self.spawn {
            "--url https: the benchmark speaks plain HTTP only, so that it does not measure TLS"
        } else if self.mode == Mode::Publish && self.in_flight.is_some() {
            "--in-flight counts what subscribers have not seen, and --mode publish has none; use --publishers"
        } else if self.mode == Mode::Idle && self.messages.is_some() {
            "--messages: nothing is sent in --mode idle; use --duration"
        } else {
            return Ok(());
        };
        Err(End::Usage.because(wrong))
    }

    fn target(&self) -> Target {
        Target {
            subscribe_path: self.subscribe_path.clone(),
            publish_path: self.publish_path.clone(),
            publish_body: self.publish_body.clone(),
            content_type: self.content_type.clone(),
            headers: self.header.clone(),
        }
    }
}

fn half_of_the_processors() -> usize {
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    (processors / 2).max(1)
}

/// A number, perhaps with k or m at its end.
fn parse_number(text: &str) -> Option<f64> {
    let text = text.trim();
    let (digits, factor) = match text.chars().last()?.to_ascii_lowercase() {
        'k' => (&text[..text.len() - 1], 1e3),
        'm' => (&text[..text.len() - 1], 1e6),
        _ => (text, 1.0),
    };
    let number = digits.parse::<f64>().ok()? * factor;
    (number.is_finite() && number >= 0.0).then_some(number)
}

fn parse_count(text: &str) -> Result<usize, String> {
    match parse_number(text) {
        Some(number) if number.fract() == 0.0 && number <= 1e9 => Ok(number as usize),
        _ => Err("not a number like 100 or 10k".to_owned()),
    }
}

fn parse_some(text: &str) -> Result<usize, String> {
    match parse_count(text)? {
        0 => Err("it is at least 1".to_owned()),
        count => Ok(count),
    }
}

fn parse_publishers(text: &str) -> Result<usize, String> {
    match parse_some(text)? {
        count if count > MOST_PUBLISHERS => Err(format!("it is at most {MOST_PUBLISHERS}")),
        count => Ok(count),
    }
}

fn parse_rate(text: &str) -> Result<f64, String> {
    match parse_number(text.trim_end_matches("/s")) {
        Some(rate) if rate > 0.0 => Ok(rate),
        _ => Err("not a rate a second, over 0, like 0.5, 100 or 10k".to_owned()),
    }
}

fn parse_churn(text: &str) -> Result<Churn, String> {
    parse_count(text.trim_end_matches("/s"))
        .map(Churn)
        .map_err(|_| "not a number a second like 50/s".to_owned())
}

fn parse_sizes(text: &str) -> Result<Sizes, String> {
    let (from, to) = text.split_once("..").unwrap_or((text, text));
    let (from, to) = (parse_size(from)?.0, parse_size(to)?.0);
    if from < MARK_BYTES {
        return Err(format!(
            "a payload has at least {MARK_BYTES} bytes: it says which message it is, and when it was due"
        ));
    }
    match from <= to {
        true => Ok(Sizes(from..=to)),
        false => Err("not a range of sizes like 64..2048".to_owned()),
    }
}

fn parse_slow(text: &str) -> Result<SlowShare, String> {
    let slow = text.split_once(':').and_then(|(share, speed)| {
        let share = share.trim().strip_suffix('%')?.parse::<f64>().ok()?;
        let speed = parse_size(speed.trim_end_matches("/s")).ok()?.0;
        ((0.0..=100.0).contains(&share) && speed > 0).then_some(SlowShare {
            share: share / 100.0,
            bytes_per_second: speed,
        })
    });
    slow.ok_or_else(|| "not a share and a speed like 5%:1KiB/s".to_owned())
}

fn parse_path(text: &str) -> Result<String, String> {
    let fits = text.starts_with('/') && text.bytes().all(|byte| byte.is_ascii_graphic());
    match fits {
        true => Ok(text.to_owned()),
        false => Err("not a path like /rooms/{room}/events".to_owned()),
    }
}

fn parse_body(text: &str) -> Result<String, String> {
    match text.matches(PAYLOAD).count() {
        1 => Ok(text.to_owned()),
        _ => Err(format!("it has {PAYLOAD} in it, once")),
    }
}

fn parse_line(text: &str) -> Result<String, String> {
    match text.is_empty() || text.contains(char::is_control) {
        true => Err("it is one line".to_owned()),
        false => Ok(text.to_owned()),
    }
}

fn parse_header(text: &str) -> Result<String, String> {
    let wrong = || "not a header like 'Name: value'".to_owned();
    let line = parse_line(text).map_err(|_| wrong())?;
    let (name, _) = line.split_once(':').ok_or_else(wrong)?;
    let is_token = !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.!#$%&'*+^`|~".contains(&byte));
    match is_token {
        true => Ok(line),
        false => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_and_rates_are_read_as_people_write_them() {
        assert_eq!(parse_count("10k"), Ok(10_000));
        assert_eq!(parse_count("1.5M"), Ok(1_500_000));
        assert_eq!(parse_rate("0.5/s"), Ok(0.5));
        assert_eq!(parse_rate("10m"), Ok(10_000_000.0));
        for text in ["", "k", "-1", "1.5", "NaN", "inf", "1e300", "10 cats"] {
            assert!(parse_count(text).is_err(), "{text}");
        }
        for text in ["0", "-1", "NaN", "inf", "fast"] {
            assert!(parse_rate(text).is_err(), "{text}");
        }
        assert!(parse_some("0").is_err());
    }

    #[test]
    fn sizes_shares_and_churn() {
        assert_eq!(parse_sizes("64..2KiB").unwrap().0, 64..=2048);
        assert_eq!(parse_sizes("128").unwrap().0, 128..=128);
        assert!(parse_sizes("10").unwrap_err().contains("at least"));
        assert!(parse_sizes("200..100").is_err());
        let slow = parse_slow("5%:1KiB/s").unwrap();
        assert_eq!((slow.share, slow.bytes_per_second), (0.05, 1024));
        for text in ["5:1KiB", "101%:1", "5%", "5%:0", "x%:1"] {
            assert!(parse_slow(text).is_err(), "{text}");
        }
        assert_eq!(parse_churn("50/s").unwrap().0, 50);
    }

    #[test]
    fn what_would_break_a_request_is_none() {
        assert!(parse_path("/a{room}?x=1").is_ok());
        for text in ["a", "/a b", "/a\r\nX: y", ""] {
            assert!(parse_path(text).is_err(), "{text:?}");
        }
        assert!(parse_header("X-Key: a b").is_ok());
        for text in ["X-Key", ": x", "X Y: z", "X: a\r\nY: b"] {
            assert!(parse_header(text).is_err(), "{text:?}");
        }
        assert!(parse_body("no place").is_err());
    }
}
