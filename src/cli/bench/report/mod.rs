//! What a benchmark found: plain data, whole before anything is shown. How it
//! looks as text, JSON, CSV or a plot is in the files beside this one.

pub(super) mod csv;
pub(super) mod gate;
pub(super) mod json;
pub(super) mod latency;
mod page;
pub(super) mod quantity;
#[cfg(test)]
mod sample;
mod scale;
pub(super) mod svg;
pub(super) mod text;

use serde::Serialize;

pub(super) use latency::Latency;

/// All that one call of `sse-chat bench` found. Its JSON form is the file that
/// `--json` writes; `schema` says which fields to expect.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    /// 1; higher when a field changes its meaning or goes.
    pub(super) schema: u32,
    /// The version of this program.
    pub(super) version: &'static str,
    /// When it began: RFC 3339, UTC.
    pub(super) started_at: String,
    /// The command line, as it was typed.
    pub(super) command: String,
    /// Where it ran.
    pub(super) machine: Machine,
    /// The server's address; of the last run if each had a server of its own.
    pub(super) url: String,
    /// `fanout`, `idle`, `connect`, `resume` or `publish`.
    pub(super) mode: &'static str,
    /// What was asked for, in words for a person, e.g. `100 msg/s`.
    pub(super) load: String,
    /// One for each number of subscribers.
    pub(super) runs: Vec<Run>,
    /// What `--fail-if` asked.
    pub(super) gates: Vec<Gate>,
    /// It was stopped by a signal: the figures are of the part that ran.
    pub(super) interrupted: bool,
}

/// The machine that the load was made on.
#[derive(Debug, Serialize)]
pub(super) struct Machine {
    /// Its system and version, e.g. `Linux 6.1.0`.
    pub(super) system: String,
    /// Its processor, as the system calls it.
    pub(super) processor: String,
    /// How many processors the load may use.
    pub(super) processors: usize,
    /// How many files may be open.
    pub(super) open_files: u64,
}

/// What was found with one number of subscribers.
#[derive(Debug, Serialize)]
pub(super) struct Run {
    /// How many subscribers were asked for.
    pub(super) subscribers: usize,
    /// The length of the measured part.
    pub(super) seconds: f64,
    /// It was stopped by a signal.
    pub(super) interrupted: bool,
    /// How the subscribers came.
    pub(super) connect: Connect,
    /// What was published; none where nothing is.
    pub(super) publish: Option<Publish>,
    /// What arrived; none where nothing is published to subscribers.
    pub(super) delivery: Option<Delivery>,
    /// What the slow subscribers got; none without `--slow`.
    pub(super) slow: Option<Slow>,
    /// How subscribers came back; only in mode `resume`.
    pub(super) resume: Option<Resume>,
    /// What the server used; none without `--spawn` or `--pid`.
    pub(super) server: Option<ServerUse>,
    /// How the load generator itself did.
    pub(super) generator: Generator,
    /// A row for each second of the run.
    pub(super) series: Vec<Second>,
    /// What casts doubt on the figures, each a sentence for a person.
    pub(super) warnings: Vec<String>,
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
pub(super) struct Connect {
    /// Streams that were opened.
    pub(super) ok: u64,
    /// Streams that could not be opened.
    pub(super) failed: u64,
    /// Why, of the first that could not.
    pub(super) first_failure: Option<String>,
    /// From the first attempt to the last answer.
    pub(super) seconds: f64,
    /// From the start of the TCP connection until it stood.
    pub(super) tcp: Latency,
    /// From the same start until the head of the answer was there.
    pub(super) answered: Latency,
    /// From the same start until the first event was there.
    pub(super) first_event: Latency,
}

/// What was published. `refused` and `unanswered` are of the whole run, its
/// warm-up included; the rest is of the measured part.
#[derive(Debug, Default, Serialize)]
pub(super) struct Publish {
    /// Messages that the schedule asked for.
    pub(super) due: u64,
    /// Messages that were sent.
    pub(super) sent: u64,
    /// Answered with a status of 200 to 299.
    pub(super) accepted: u64,
    /// Answered with another status.
    pub(super) refused: u64,
    /// Not answered: the connection was cut, or the end came first.
    pub(super) unanswered: u64,
    /// What the first refusal or cut was.
    pub(super) first_failure: Option<String>,
    /// Accepted messages a second.
    pub(super) per_second: f64,
    /// From sending until the answer.
    pub(super) answer: Latency,
}

/// What the good subscribers got. The counts are of the whole run, its warm-up
/// and its end included; rates and times are of the measured part.
#[derive(Debug, Default, Serialize)]
pub(super) struct Delivery {
    /// How many deliveries the accepted messages make.
    pub(super) expected: u64,
    /// How many of them came, each counted once.
    pub(super) received: u64,
    /// How many did not, and were not announced.
    pub(super) lost: u64,
    /// How many came again.
    pub(super) doubled: u64,
    /// How many came after a later message of the same publisher.
    pub(super) out_of_order: u64,
    /// How many the server said it could not give, in `gap` events.
    pub(super) announced_lost: u64,
    /// Holes in a room's `number` that no gap announced.
    pub(super) number_holes: u64,
    /// Streams that ended while they should not.
    pub(super) disconnected: u64,
    /// Messages that did not reach every subscriber in time.
    pub(super) incomplete: u64,
    /// Deliveries a second.
    pub(super) per_second: f64,
    /// Bytes a second, as they came over TCP.
    pub(super) bytes_per_second: f64,
    /// From the intended time of sending until a subscriber had it.
    pub(super) each: Latency,
    /// From the intended time of sending until the last subscriber had it.
    pub(super) last: Latency,
    /// From the actual time of sending until a subscriber had it.
    pub(super) from_sending: Latency,
}

/// What the subscribers that read slowly got.
#[derive(Debug, Default, Serialize)]
pub(super) struct Slow {
    /// How many they were.
    pub(super) subscribers: usize,
    /// How many deliveries they had.
    pub(super) received: u64,
    /// Holes in what they had that nothing announced.
    pub(super) lost: u64,
    /// How many the server said it could not give.
    pub(super) announced_lost: u64,
    /// How many times one of them was disconnected.
    pub(super) disconnected: u64,
}

/// How subscribers that were cut came back.
#[derive(Debug, Default, Serialize)]
pub(super) struct Resume {
    /// Messages that each of them had missed.
    pub(super) missed: u64,
    /// Subscribers that got all they had missed.
    pub(super) whole: u64,
    /// From the start of the connection until a subscriber had all it missed.
    pub(super) each: Latency,
    /// From the first connection until the last subscriber was whole again.
    pub(super) all_seconds: f64,
}

/// What the server's processes used.
#[derive(Debug, Serialize)]
pub(super) struct ServerUse {
    /// Their ids.
    pub(super) pids: Vec<i32>,
    /// Processor time in the measured part.
    pub(super) cpu_seconds: f64,
    /// The same for one delivery, in microseconds; none without deliveries.
    pub(super) cpu_us_per_delivery: Option<f64>,
    /// The same for one publish, in microseconds; only in mode `publish`.
    pub(super) cpu_us_per_publish: Option<f64>,
    /// The same for one subscriber and second, in microseconds; only in mode
    /// `idle`.
    pub(super) cpu_us_per_subscriber_second: Option<f64>,
    /// Memory (Pss) before the first subscriber.
    pub(super) memory_before: u64,
    /// Memory (Pss) with all subscribers connected and idle.
    pub(super) memory_connected: u64,
    /// Memory (Pss) at the end of the measured part.
    pub(super) memory_after: u64,
    /// Memory (Pss) after all subscribers had left, and three seconds more; only
    /// in mode `idle`.
    pub(super) memory_left: Option<u64>,
    /// What an idle subscriber took, in bytes; none without subscribers. In mode
    /// `idle` at the end of the measured part, else half a second after the last
    /// one connected.
    pub(super) memory_per_subscriber: Option<f64>,
    /// Threads at the end of the measured part.
    pub(super) threads: u64,
}

/// How the load generator itself did.
#[derive(Debug, Default, Serialize)]
pub(super) struct Generator {
    /// Threads that read streams.
    pub(super) threads: usize,
    /// Processor time of the whole program in the measured part, as a share of
    /// one processor.
    pub(super) cpu_cores: f64,
    /// The same of its busiest thread: at 1.0 it is the limit.
    pub(super) busiest_thread: f64,
    /// From the intended time of sending until the generator saw that it was
    /// due: what it was late by its own fault.
    pub(super) lag: Latency,
}

/// One second of a run.
#[derive(Debug, Clone, Default, Serialize)]
pub(super) struct Second {
    /// Seconds since the measured part began; negative in the warm-up.
    pub(super) t: f64,
    /// Streams that are open.
    pub(super) connected: u64,
    /// Messages sent in this second.
    pub(super) sent: u64,
    /// Deliveries in this second.
    pub(super) delivered: u64,
    /// Bytes that came in this second.
    pub(super) bytes: u64,
    /// Delivery times of this second, in microseconds; none if nothing came.
    pub(super) p50_us: Option<f64>,
    /// The same, 99th percentile.
    pub(super) p99_us: Option<f64>,
    /// The same, the largest.
    pub(super) max_us: Option<f64>,
}

/// A condition under which the call fails, and what became of it.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Gate {
    /// As it was typed: `p99>50ms`.
    pub(super) condition: String,
    /// What was measured, in words: `41.7 ms`.
    pub(super) measured: String,
    /// Whether the condition held in any run, so that the call fails.
    pub(super) failed: bool,
}
