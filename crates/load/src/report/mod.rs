//! What a benchmark found: plain data, whole before anything is shown. How it
//! looks as text, JSON, CSV or a plot is in the files beside this one.

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

/// All that one call of `sse-chat bench` found. Its JSON form is the file that
/// `--json` writes; `schema` says which fields to expect.
#[derive(Debug, Serialize)]
pub struct Report {
    /// 1; higher when a field changes its meaning or goes.
    pub schema: u32,
    /// The version of this program.
    pub version: &'static str,
    /// When it began: RFC 3339, UTC.
    pub started_at: String,
    /// The command line, as it was typed.
    pub command: String,
    /// Where it ran.
    pub machine: Machine,
    /// The server's address; of the last run if each had a server of its own.
    pub url: String,
    /// `fanout`, `idle`, `connect`, `resume` or `publish`.
    pub(crate) mode: &'static str,
    /// What was asked for, in words for a person, e.g. `100 msg/s`.
    pub load: String,
    /// One for each number of subscribers.
    pub runs: Vec<Run>,
    /// What `--fail-if` asked.
    pub gates: Vec<Gate>,
    /// It was stopped by a signal: the figures are of the part that ran.
    pub interrupted: bool,
}

impl Report {
    /// A report without runs, of the load in `plan`, begun now. `command` is the
    /// call as it was typed, `version` that of the calling program, and
    /// `open_files` the limit on open files.
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

/// The machine that the load was made on.
#[derive(Debug, Serialize)]
pub struct Machine {
    /// Its system and version, e.g. `Linux 6.1.0`.
    pub system: String,
    /// Its processor, as the system calls it.
    pub processor: String,
    /// How many processors the load may use.
    pub processors: usize,
    /// How many files may be open.
    pub open_files: u64,
}

impl Machine {
    /// This machine.
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

/// What was found with one number of subscribers.
#[derive(Debug, Serialize)]
pub struct Run {
    /// How many subscribers were asked for.
    pub subscribers: usize,
    /// The length of the measured part.
    pub seconds: f64,
    /// It was stopped by a signal.
    pub interrupted: bool,
    /// How the subscribers came.
    pub connect: Connect,
    /// What was published; none where nothing is.
    pub publish: Option<Publish>,
    /// What arrived; none where nothing is published to subscribers.
    pub delivery: Option<Delivery>,
    /// What the slow subscribers got; none without `--slow`.
    pub slow: Option<Slow>,
    /// How subscribers came back; only in mode `resume`.
    pub resume: Option<Resume>,
    /// What the server used; none without `--spawn` or `--pid`.
    pub server: Option<ServerUse>,
    /// How the load generator itself did.
    pub generator: Generator,
    /// A row for each second of the run.
    pub series: Vec<Second>,
    /// What casts doubt on the figures, each a sentence for a person.
    pub warnings: Vec<String>,
}

impl Run {
    /// The times that a run in this mode is about: delivery to each subscriber,
    /// the answer to a publish, the return of a subscriber, or how long a
    /// stream took to be answered. None where that was not measured.
    fn main_latency(&self, mode: &str) -> Option<&Latency> {
        let latency = match mode {
            "publish" => self.publish.as_ref().map(|publish| &publish.answer),
            "resume" => self.resume.as_ref().map(|resume| &resume.each),
            "connect" | "idle" => Some(&self.connect.answered),
            _ => self.delivery.as_ref().map(|delivery| &delivery.each),
        };
        latency.filter(|latency| latency.count() > 0)
    }
}

/// How the subscribers came.
#[derive(Debug, Default, Serialize)]
pub struct Connect {
    /// Streams that were opened.
    pub ok: u64,
    /// Streams that could not be opened.
    pub failed: u64,
    /// Why, of the first that could not.
    pub first_failure: Option<String>,
    /// From the first attempt to the last answer.
    pub seconds: f64,
    /// From the start of the TCP connection until it stood.
    pub tcp: Latency,
    /// From the same start until the head of the answer was there.
    pub answered: Latency,
    /// From the same start until the first event was there.
    pub first_event: Latency,
}

/// What was published. `refused` and `unanswered` are of the whole run, its
/// warm-up included; the rest is of the measured part.
#[derive(Debug, Default, Serialize)]
pub struct Publish {
    /// Messages that the schedule asked for.
    pub due: u64,
    /// Messages that were sent.
    pub sent: u64,
    /// Answered with a status of 200 to 299.
    pub accepted: u64,
    /// Answered with another status.
    pub refused: u64,
    /// Not answered: the connection was cut, or the end came first.
    pub unanswered: u64,
    /// What the first refusal or cut was.
    pub first_failure: Option<String>,
    /// Accepted messages a second.
    pub per_second: f64,
    /// From sending until the answer.
    pub answer: Latency,
}

/// What the good subscribers got. The counts are of the whole run, its warm-up
/// and its end included; rates and times are of the measured part.
#[derive(Debug, Default, Serialize)]
pub struct Delivery {
    /// How many deliveries the accepted messages make.
    pub expected: u64,
    /// How many of them came, each counted once.
    pub received: u64,
    /// How many did not, and were not announced.
    pub lost: u64,
    /// How many came again.
    pub doubled: u64,
    /// How many came after a later message of the same publisher.
    pub out_of_order: u64,
    /// How many the server said it could not give, in `gap` events.
    pub announced_lost: u64,
    /// Holes in a room's `number` that no gap announced.
    pub number_holes: u64,
    /// Streams that ended while they should not.
    pub disconnected: u64,
    /// Messages that did not reach every subscriber in time.
    pub incomplete: u64,
    /// Deliveries a second.
    pub per_second: f64,
    /// Bytes a second, as they came over TCP.
    pub bytes_per_second: f64,
    /// From the intended time of sending until a subscriber had it.
    pub each: Latency,
    /// From the intended time of sending until the last subscriber had it.
    pub last: Latency,
    /// From the actual time of sending until a subscriber had it.
    pub from_sending: Latency,
}

/// What the subscribers that read slowly got.
#[derive(Debug, Default, Serialize)]
pub struct Slow {
    /// How many they were.
    pub subscribers: usize,
    /// How many deliveries they had.
    pub received: u64,
    /// Holes in what they had that nothing announced.
    pub lost: u64,
    /// How many the server said it could not give.
    pub announced_lost: u64,
    /// How many times one of them was disconnected.
    pub disconnected: u64,
}

/// How subscribers that were cut came back.
#[derive(Debug, Default, Serialize)]
pub struct Resume {
    /// Messages that each of them had missed.
    pub missed: u64,
    /// Subscribers that got all they had missed.
    pub whole: u64,
    /// From the start of the connection until a subscriber had all it missed.
    pub each: Latency,
    /// From the first connection until the last subscriber was whole again.
    pub all_seconds: f64,
}

/// What the server's processes used.
#[derive(Debug, Serialize)]
pub struct ServerUse {
    /// Their ids.
    pub pids: Vec<i32>,
    /// Processor time in the measured part.
    pub cpu_seconds: f64,
    /// The same for one delivery, in microseconds; none without deliveries.
    pub cpu_us_per_delivery: Option<f64>,
    /// The same for one publish, in microseconds; only in mode `publish`.
    pub cpu_us_per_publish: Option<f64>,
    /// The same for one subscriber and second, in microseconds; only in mode
    /// `idle`.
    pub cpu_us_per_subscriber_second: Option<f64>,
    /// Memory (Pss) before the first subscriber.
    pub memory_before: u64,
    /// Memory (Pss) with all subscribers connected and idle.
    pub memory_connected: u64,
    /// Memory (Pss) at the end of the measured part.
    pub memory_after: u64,
    /// Memory (Pss) after all subscribers had left, and three seconds more; only
    /// in mode `idle`.
    pub memory_left: Option<u64>,
    /// What an idle subscriber took, in bytes; none without subscribers. In mode
    /// `idle` at the end of the measured part, else half a second after the last
    /// one connected.
    pub memory_per_subscriber: Option<f64>,
    /// Threads at the end of the measured part.
    pub threads: u64,
}

/// How the load generator itself did.
#[derive(Debug, Default, Serialize)]
pub struct Generator {
    /// Threads that read streams.
    pub threads: usize,
    /// Processor time of the whole program in the measured part, as a share of
    /// one processor.
    pub cpu_cores: f64,
    /// The same of its busiest thread: at 1.0 it is the limit.
    pub busiest_thread: f64,
    /// From the intended time of sending until the generator saw that it was
    /// due: what it was late by its own fault.
    pub lag: Latency,
}

/// One second of a run.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Second {
    /// Seconds since the measured part began; negative in the warm-up.
    pub t: f64,
    /// Streams that are open.
    pub connected: u64,
    /// Messages sent in this second.
    pub sent: u64,
    /// Deliveries in this second.
    pub delivered: u64,
    /// Bytes that came in this second.
    pub bytes: u64,
    /// Delivery times of this second, in microseconds; none if nothing came.
    pub p50_us: Option<f64>,
    /// The same, 99th percentile.
    pub p99_us: Option<f64>,
    /// The same, the largest.
    pub max_us: Option<f64>,
}

/// A condition under which the call fails, and what became of it.
#[derive(Debug, Clone, Serialize)]
pub struct Gate {
    /// As it was typed: `p99>50ms`.
    pub condition: String,
    /// What was measured, in words: `41.7 ms`.
    pub measured: String,
    /// Whether the condition held in any run, so that the call fails.
    pub failed: bool,
}
