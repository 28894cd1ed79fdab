//! The flags of `sse-chat bench`, and the plan that they make.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Args};
use sse_chat_load::report::gate::{self, Condition};
use sse_chat_load::{
    CertificateTrust, HttpVersion, Length, Mode, Pacing, Plan, SlowReaders, Target,
};

use super::typed::{
    Churn, Sizes, parse_body, parse_churn, parse_count, parse_header, parse_line, parse_path,
    parse_publishers, parse_rate, parse_rooms, parse_sizes, parse_slow, parse_some,
};
use crate::cli::exit::{CommandError, ExitKind};
use crate::cli::token_file::TokenFileFlags;
use crate::cli::values::{Time, parse_switch, parse_time};
use crate::client::ServerUrl;

/// The most publishers that --in-flight implies.
const MAX_DEFAULT_PUBLISHERS: usize = 64;
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
  sse-chat bench --url https://127.0.0.1:8443 --insecure --http2 --streams-per-connection 50

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

    #[command(flatten)]
    token: TokenFileFlags,

    /// Start a private server on a free port for each run; arguments after -- are its flags
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

    /// Messages per second, independent of the server (open loop) [default: 100]
    #[arg(long, value_name = "RATE", value_parser = parse_rate, conflicts_with = "in_flight", help_heading = "Load")]
    rate: Option<f64>,

    /// Maximum number of messages that have not reached every subscriber (closed loop)
    #[arg(long, value_name = "COUNT", value_parser = parse_some, help_heading = "Load")]
    in_flight: Option<usize>,

    /// Connections that publish [default: 4; with --in-flight as many, up to 64; 32 in mode publish]
    #[arg(long, value_name = "COUNT", value_parser = parse_publishers, help_heading = "Load")]
    publishers: Option<usize>,

    /// Bytes of a payload, or a range to draw them from, as in 64..2048
    #[arg(long, value_name = "BYTES", value_parser = parse_sizes, default_value = "128", help_heading = "Load")]
    size: Sizes,

    /// Rooms that subscribers and messages are spread over
    #[arg(long, value_name = "COUNT", value_parser = parse_rooms, default_value = "1", help_heading = "Load")]
    rooms: usize,

    /// Duration of the measured part [default: 10s]
    #[arg(long, value_name = "TIME", value_parser = parse_time, conflicts_with = "messages", help_heading = "Load")]
    duration: Option<Time>,

    /// Number of messages in the measured part, instead of a duration
    #[arg(long, value_name = "COUNT", value_parser = parse_some, help_heading = "Load")]
    messages: Option<usize>,

    /// Duration of the load before the measured part
    #[arg(long, value_name = "TIME", value_parser = parse_time, default_value = "1s", help_heading = "Load")]
    warmup: Time,

    /// How long a message may take to reach every subscriber; the end of a run waits for it
    #[arg(long, value_name = "TIME", value_parser = parse_time, default_value = "5s", help_heading = "Load")]
    drain: Time,

    /// Timeout of opening a stream, and of the answer to a message
    #[arg(long, value_name = "TIME", value_parser = parse_time, default_value = "10s", help_heading = "Load")]
    timeout: Time,

    /// Subscribers that connect per second [default: no limit]
    #[arg(long, value_name = "RATE", value_parser = parse_rate, help_heading = "Load")]
    connect_rate: Option<f64>,

    /// Maximum number of connections that are being opened at one time
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
    slow: Option<SlowReaders>,

    /// Further subscribers that connect each second and leave after one
    #[arg(long, value_name = "COUNT/s", value_parser = parse_churn, default_value = "0/s", help_heading = "Load")]
    churn: Churn,

    /// Threads that read streams [default: half of the processors]
    #[arg(long, value_name = "COUNT", value_parser = parse_some, help_heading = "Load")]
    threads: Option<usize>,

    /// Speak HTTP/2 instead of HTTP/1.1; the server must speak it
    #[arg(long, env = "SSE_CHAT_HTTP2", action = ArgAction::SetTrue, value_parser = parse_switch,
          help_heading = "Connections")]
    http2: bool,

    /// Event streams on each connection of HTTP/2
    #[arg(long, value_name = "COUNT", value_parser = parse_some, default_value = "1", help_heading = "Connections")]
    streams_per_connection: usize,

    /// PEM file with the root certificates for https, in place of the system's. The server's own
    /// certificate may be one of them
    #[arg(
        long,
        env = "SSE_CHAT_CA",
        value_name = "FILE",
        help_heading = "Connections"
    )]
    ca: Option<PathBuf>,

    /// Accept any certificate of an https server, and do not check its signature, which saves time
    #[arg(long, env = "SSE_CHAT_INSECURE", action = ArgAction::SetTrue, value_parser = parse_switch,
          help_heading = "Connections")]
    insecure: bool,

    /// Path of an event stream; {room} is bench-0, bench-1, …
    #[arg(long, value_name = "PATH", value_parser = parse_path, default_value = "/rooms/{room}/events",
          help_heading = "Another server")]
    subscribe_path: String,

    /// Path that messages are posted to
    #[arg(long, value_name = "PATH", value_parser = parse_path, default_value = "/rooms/{room}/messages",
          help_heading = "Another server")]
    publish_path: String,

    /// Path that each connection of mode handshakes requests
    #[arg(long, value_name = "PATH", value_parser = parse_path, default_value = "/healthz",
          help_heading = "Another server")]
    probe_path: String,

    /// Body of a message; subscribers search their events for {payload}
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

impl Bench {
    /// The plan.
    ///
    /// # Errors
    ///
    /// When flags contradict each other.
    pub(super) fn plan(&self) -> Result<Plan, CommandError> {
        self.check()?;
        let pacing = match (self.mode, self.rate, self.in_flight) {
            (_, Some(rate), _) => Pacing::Rate(rate),
            (_, _, Some(messages)) => Pacing::InFlight(messages),
            (Mode::Publish, ..) => Pacing::Answered,
            _ => Pacing::Rate(100.0),
        };
        let publishers = match pacing {
            Pacing::InFlight(messages) => messages.min(MAX_DEFAULT_PUBLISHERS),
            Pacing::Answered => 32,
            Pacing::Rate(_) => 4,
        };
        Ok(Plan {
            mode: self.mode,
            subscribers: match self.mode {
                Mode::Publish | Mode::Handshakes => vec![0],
                _ => self.subscribers.clone(),
            },
            pacing,
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
            http: match self.http2 {
                false => HttpVersion::Http1,
                true => HttpVersion::Http2 {
                    streams_per_connection: self.streams_per_connection,
                },
            },
            trust: match &self.ca {
                _ if self.insecure => CertificateTrust::Anything,
                Some(path) => CertificateTrust::File(path.clone()),
                None => CertificateTrust::System,
            },
            target: self.target()?,
        })
    }

    fn check(&self) -> Result<(), CommandError> {
        let is_paced = matches!(self.mode, Mode::Fanout | Mode::Publish);
        let no_subscribers =
            !matches!(self.mode, Mode::Publish | Mode::Handshakes) && self.subscribers.contains(&0);
        let wrong = if no_subscribers {
            "--subscribers 0: nobody would read; to measure publishing alone use --mode publish"
        } else if !self.http2 && self.streams_per_connection > 1 {
            "--streams-per-connection is for --http2: a connection of HTTP/1.1 has one stream"
        } else if self.mode == Mode::Publish && self.in_flight.is_some() {
            "--in-flight counts what subscribers have not seen, and --mode publish has none; use --publishers"
        } else if self.mode == Mode::Handshakes && self.http2 {
            "--mode handshakes speaks HTTP/1.1: after the handshake the version costs nothing"
        } else if self.mode == Mode::Handshakes && self.messages.is_some() {
            "--messages: nothing is sent in --mode handshakes; use --duration"
        } else if self.mode == Mode::Idle && self.messages.is_some() {
            "--messages: nothing is sent in --mode idle; use --duration"
        } else if !is_paced && (self.rate.is_some() || self.in_flight.is_some()) {
            "--rate and --in-flight are for --mode fanout and publish: the others have no such load"
        } else if self.mode != Mode::Fanout && (self.slow.is_some() || self.churn.0 > 0) {
            "--slow and --churn are for --mode fanout"
        } else {
            return Ok(());
        };
        Err(ExitKind::Usage.with_message(wrong))
    }

    fn target(&self) -> Result<Target, CommandError> {
        let mut target = Target {
            subscribe_path: self.subscribe_path.clone(),
            publish_path: self.publish_path.clone(),
            publish_body: self.publish_body.clone(),
            content_type: self.content_type.clone(),
            probe_path: self.probe_path.clone(),
            headers: self.header.clone(),
        };
        if !target.has_header("Authorization") {
            let token = self.token.token()?;
            let header = token.map(|token| token.header_line());
            target.headers.extend(header);
        }
        Ok(target)
    }
}

fn half_of_the_processors() -> usize {
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    (processors / 2).max(1)
}
