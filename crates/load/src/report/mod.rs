//! The report of a benchmark as plain data, complete before any of it is written.
//! The modules write it as text, JSON, CSV and SVG.

pub mod csv;
pub mod gate;
pub mod json;
pub(crate) mod latency;
mod page;
#[cfg(test)]
mod sample;
mod scale;
pub mod svg;
pub mod text;

use serde::Serialize;

use crate::plan::Plan;
pub use latency::Latency;

/// The report of a benchmark. Its JSON form is what `sse-chat bench --json` writes.
#[derive(Debug, Serialize)]
pub struct Report {
    /// The version of the JSON fields: 1, and higher once one changes its meaning or
    /// is removed.
    pub schema: u32,
    /// The version of the calling program.
    pub version: &'static str,
    /// The start: RFC 3339, UTC.
    pub started_at: String,
    /// The command line, as it was typed.
    pub command: String,
    /// The machine that generated the load.
    pub machine: Machine,
    /// The server's URL; that of the last run if each had its own server.
    pub url: String,
    /// `fanout`, `idle`, `connect`, `resume`, `publish` or `handshakes`.
    pub(crate) mode: &'static str,
    /// A description of the load, such as `100 messages/s, 4 publishers, 128 bytes`.
    pub load: String,
    /// One for each number of subscribers.
    pub runs: Vec<Run>,
    /// The results of all conditions.
    pub gates: Vec<GateResult>,
    /// The run was cancelled: the figures cover the part that ran.
    pub interrupted: bool,
}

impl Report {
    /// A report without runs that begins now. `command` is the command line, and
    /// `version` the version, of the calling program; `open_files` is the limit that
    /// [`raise_limits`](crate::raise_limits) returned.
    pub fn new(plan: &Plan, command: String, version: &'static str, open_files: u64) -> Self {
        Self {
            schema: 1,
            version,
            started_at: jiff::Timestamp::now().strftime("%FT%TZ").to_string(),
            command,
            machine: Machine::this(open_files),
            url: String::new(),
            mode: plan.mode.name(),
            load: plan.describe(),
            runs: Vec::new(),
            gates: Vec::new(),
            interrupted: false,
        }
    }
}

/// The machine that generated the load.
#[derive(Debug, Serialize)]
pub struct Machine {
    /// Its system and version, e.g. `Linux 6.1.0`.
    pub system: String,
    /// The name of its processor.
    pub processor: String,
    /// How many processors the process may use.
    pub processors: usize,
    /// The limit on open files.
    pub open_files: u64,
}

impl Machine {
    fn this(open_files: u64) -> Self {
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let processors = read("/proc/cpuinfo");
        let processor = processors
            .lines()
            .find_map(|line| line.strip_prefix("model name"))
            .map_or("unknown", |rest| rest.trim_start_matches([' ', '\t', ':']));
        Self {
            system: format!("Linux {}", read("/proc/sys/kernel/osrelease").trim()),
            processor: processor.to_owned(),
            processors: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            open_files,
        }
    }
}

/// The results with one number of subscribers.
#[derive(Debug, Serialize)]
pub struct Run {
    /// The number of subscribers in the plan.
    pub subscribers: usize,
    /// The length of the measured part in seconds.
    pub seconds: f64,
    /// It was cancelled.
    pub interrupted: bool,
    /// How the subscribers connected.
    pub connect: Connect,
    /// What was published; none in modes that publish nothing.
    pub publish: Option<Publish>,
    /// What was delivered; none in modes without deliveries.
    pub delivery: Option<Delivery>,
    /// Deliveries to slow subscribers; none if there are none.
    pub slow: Option<SlowDelivery>,
    /// How subscribers resumed; only in mode `resume`.
    pub resume: Option<Resume>,
    /// What the server's processes used; none if they are not known.
    pub server: Option<ServerUse>,
    /// What the load generator itself used, and its lag.
    pub generator: Generator,
    /// A row for each second of the run.
    pub series: Vec<Second>,
    /// Doubts about the figures, each a sentence.
    pub warnings: Vec<String>,
}

impl Run {
    /// The main times of a mode: of delivery to each subscriber, of the answer to a
    /// publish, of resuming, or of opening a stream. None if they were not measured.
    fn main_latency(&self, mode: &str) -> Option<&Latency> {
        let latency = match mode {
            "publish" => self.publish.as_ref().map(|publish| &publish.answer),
            "resume" => self.resume.as_ref().map(|resume| &resume.each),
            "connect" | "idle" | "handshakes" => Some(&self.connect.answered),
            _ => self.delivery.as_ref().map(|delivery| &delivery.each),
        };
        latency.filter(|latency| latency.count() > 0)
    }
}

/// How the subscribers connected; in mode `handshakes`, the connections that were
/// answered in the measured part.
#[derive(Debug, Default, Serialize)]
pub struct Connect {
    /// Streams that were opened.
    pub ok: u64,
    /// Streams that could not be opened.
    pub failed: u64,
    /// The reason of the first failure.
    pub first_failure: Option<String>,
    /// From the first attempt to the last answer, in seconds.
    pub seconds: f64,
    /// From the start of the TCP connection until it was established.
    pub tcp: Latency,
    /// From the same start until the TLS handshake was complete.
    pub tls: Latency,
    /// From the same start until the head of the response arrived.
    pub answered: Latency,
    /// From the same start until the first event arrived.
    pub first_event: Latency,
}

/// What was published. `refused` and `unanswered` cover the whole run with its
/// warm-up; the rest covers the measured part.
#[derive(Debug, Default, Serialize)]
pub struct Publish {
    /// Messages that were due.
    pub due: u64,
    /// Messages that were sent.
    pub sent: u64,
    /// Answered with a status of 200 to 299.
    pub accepted: u64,
    /// Answered with another status.
    pub refused: u64,
    /// Not answered: the connection failed, or the run ended first.
    pub unanswered: u64,
    /// The first refusal or connection error.
    pub first_failure: Option<String>,
    /// Accepted messages a second.
    pub per_second: f64,
    /// From sending to the answer.
    pub answer: Latency,
}

/// Deliveries to the subscribers that read as fast as they can. The counts cover the
/// whole run with its warm-up and its drain; rates and times cover the measured part.
#[derive(Debug, Default, Serialize)]
pub struct Delivery {
    /// Deliveries that the accepted messages should make.
    pub expected: u64,
    /// Deliveries of them, each counted once.
    pub received: u64,
    /// Missing deliveries that no `gap` event announced.
    pub lost: u64,
    /// Deliveries of a message that was delivered before.
    pub doubled: u64,
    /// Deliveries after a later message of the same publisher.
    pub out_of_order: u64,
    /// Missing deliveries that the server announced in `gap` events.
    pub announced_lost: u64,
    /// Holes in a room's `number` that no `gap` event announced.
    pub number_holes: u64,
    /// Streams that ended unexpectedly.
    pub disconnected: u64,
    /// Messages that did not reach every subscriber in time.
    pub incomplete: u64,
    /// Deliveries a second.
    pub per_second: f64,
    /// Bytes a second received over TCP.
    pub bytes_per_second: f64,
    /// From the intended time of sending to each delivery.
    pub each: Latency,
    /// From the intended time of sending to the last delivery.
    pub last: Latency,
    /// From the actual time of sending to each delivery.
    pub from_sending: Latency,
}

/// Deliveries to the subscribers that read slowly.
#[derive(Debug, Default, Serialize)]
pub struct SlowDelivery {
    /// The number of slow subscribers.
    pub subscribers: usize,
    /// Deliveries to them.
    pub received: u64,
    /// Missing messages between received ones that no `gap` event announced.
    pub lost: u64,
    /// Missing messages that the server announced.
    pub announced_lost: u64,
    /// Streams that ended.
    pub disconnected: u64,
}

/// How disconnected subscribers resumed.
#[derive(Debug, Default, Serialize)]
pub struct Resume {
    /// Messages that each of them missed.
    pub missed: u64,
    /// Subscribers that received every message they missed.
    pub whole: u64,
    /// From connecting until a subscriber had every message it missed.
    pub each: Latency,
    /// From the first connect until the last subscriber had, in seconds.
    pub all_seconds: f64,
}

/// What the server's processes used.
#[derive(Debug, Serialize)]
pub struct ServerUse {
    /// Their ids.
    pub pids: Vec<i32>,
    /// CPU time in the measured part, in seconds.
    pub cpu_seconds: f64,
    /// The same for one delivery, in microseconds; none without deliveries.
    pub cpu_us_per_delivery: Option<f64>,
    /// The same for one publish, in microseconds; only in mode `publish`.
    pub cpu_us_per_publish: Option<f64>,
    /// The same for one subscriber and second, in microseconds; only in mode
    /// `idle`.
    pub cpu_us_per_subscriber_second: Option<f64>,
    /// The same for one connection, in microseconds; only in mode `handshakes`.
    pub cpu_us_per_handshake: Option<f64>,
    /// Memory (Pss) before the first subscriber.
    pub memory_before: u64,
    /// Memory (Pss) with all subscribers connected and idle.
    pub memory_connected: u64,
    /// Memory (Pss) at the end of the measured part.
    pub memory_after: u64,
    /// Memory (Pss) three seconds after all subscribers have left; only in mode
    /// `idle`.
    pub memory_left: Option<u64>,
    /// Memory of an idle subscriber in bytes; none without subscribers. In mode
    /// `idle` at the end of the measured part, else half a second after the last
    /// connect.
    pub memory_per_subscriber: Option<f64>,
    /// Threads at the end of the measured part.
    pub threads: u64,
}

/// What the load generator itself used, and its lag.
#[derive(Debug, Default, Serialize)]
pub struct Generator {
    /// Threads that read streams.
    pub threads: usize,
    /// CPU time of the process in the measured part, as a share of one core.
    pub cpu_cores: f64,
    /// The same of its busiest thread: at 1.0 it is the bottleneck.
    pub busiest_thread: f64,
    /// From the intended time of sending until the schedule was polled: the delay
    /// that is the generator's fault.
    pub lag: Latency,
}

/// One second of a run.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Second {
    /// Seconds since the start of the measured part; negative in the warm-up.
    pub t: f64,
    /// Streams that are open.
    pub connected: u64,
    /// Messages sent in this second.
    pub sent: u64,
    /// Deliveries in this second.
    pub delivered: u64,
    /// Bytes received in this second.
    pub bytes: u64,
    /// The median delivery time of this second in microseconds; none without
    /// deliveries.
    pub p50_us: Option<f64>,
    /// The 99th percentile.
    pub p99_us: Option<f64>,
    /// The maximum.
    pub max_us: Option<f64>,
}

/// The result of a condition.
#[derive(Debug, Clone, Serialize)]
pub struct GateResult {
    /// As it was typed: `p99>50ms`.
    pub condition: String,
    /// The measured figure: `41.7 ms`.
    pub measured: String,
    /// Whether the condition held in any run, so that the benchmark fails.
    pub failed: bool,
}
