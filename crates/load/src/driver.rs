//! One run: its threads, the waits between its phases, and the samples of resource
//! use. The phases of each mode are in `modes`.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::address::Address;
use crate::error::{LoadError, LoadErrorKind};
use crate::handshakes::{self, HandshakeTimes};
use crate::ledger::SentLog;
use crate::plan::{Length, Mode, Plan};
use crate::progress::Progress;
use crate::publisher;
use crate::readers::{Command, Share, Worker};
use crate::run_data::{PublishTotals, RunData, ServerUsage, seconds};
use crate::schedule::{Bounds, Schedule};
use crate::shared::{Shared, StreamError};
use crate::tally::Tally;
use crate::timeline::Timeline;
use crate::usage::{self, OwnThreadTimes, ProcessUsage};

/// How often a wait checks its condition.
const CHECK_EVERY: Duration = Duration::from_millis(5);
/// How long a server has to settle after the last subscriber.
const SETTLE: Duration = Duration::from_millis(500);
/// The first message is due this long after the schedule is made.
const LEAD: Duration = Duration::from_millis(20);

/// A thread of mode `handshakes`.
pub(crate) type HandshakeThread = JoinHandle<io::Result<Tally>>;

/// A run in progress.
pub(crate) struct Driver<'a> {
    stop: &'a CancellationToken,
    progress: &'a Progress,
    workers: Vec<Worker>,
    pub(crate) data: RunData,
}

impl<'a> Driver<'a> {
    /// Starts the threads that `subscribers` subscribers need.
    pub(crate) fn start(
        plan: Plan,
        address: Address,
        subscribers: usize,
        pids: Vec<i32>,
        stop: &'a CancellationToken,
        progress: &'a Progress,
    ) -> Result<Self, LoadError> {
        let of = plan.threads.min(subscribers.max(1));
        let shared = Arc::new(Shared::new(plan, address));
        let (timeline, intervals) = Timeline::new();
        let worker = |at| {
            let share = Share {
                at,
                of,
                subscribers,
            };
            Worker::start(&shared, share, intervals.clone())
        };
        let workers: io::Result<Vec<Worker>> = (0..of).map(worker).collect();
        let workers = workers.map_err(|error| cant_start(&error))?;
        let server = (!pids.is_empty()).then(|| ServerUsage {
            pids,
            ..ServerUsage::default()
        });
        Ok(Self {
            stop,
            progress,
            data: RunData {
                shared,
                subscribers,
                tallies: Vec::new(),
                published: None,
                timeline,
                connect_seconds: 0.0,
                measured_ns: (0, 0),
                own_cpu: (0.0, 0.0),
                own_threads: Default::default(),
                server,
                reconnect_ns: 0,
            },
            workers,
        })
    }

    pub(crate) fn plan(&self) -> &Plan {
        &self.data.shared.plan
    }

    pub(crate) fn is_cancelled(&self) -> bool {
        self.stop.is_cancelled()
    }

    pub(crate) fn now_ns(&self) -> u64 {
        self.data.shared.now_ns()
    }

    /// Sends a command to every reader thread.
    pub(crate) fn command(&self, command: impl Fn() -> Command) {
        for worker in &self.workers {
            worker.command(command());
        }
    }

    /// Opens all streams.
    pub(crate) async fn connect(&mut self) -> Result<(), LoadError> {
        let subscribers = self.data.subscribers as u64;
        if subscribers == 0 {
            return Ok(());
        }
        let began_ns = self.now_ns();
        self.command(|| Command::Connect);
        self.wait("connecting", |shared| {
            let counters = &shared.counters;
            counters.opened.load(Relaxed) + counters.failed.load(Relaxed) >= subscribers
        })
        .await;
        self.data.connect_seconds = seconds(self.now_ns() - began_ns);
        self.check_opened()
    }

    /// Starts the threads of mode `handshakes`.
    pub(crate) fn start_handshakes(
        &self,
        times: HandshakeTimes,
    ) -> Result<Vec<HandshakeThread>, LoadError> {
        let plan = self.plan();
        let each = plan.connect_concurrency.div_ceil(plan.threads);
        let threads = (0..plan.threads).map(|_| handshakes::start(&self.data.shared, times, each));
        let threads: io::Result<Vec<_>> = threads.collect();
        threads.map_err(|error| cant_start(&error))
    }

    /// Takes the sums of these threads. Fails if no connection was answered.
    pub(crate) fn join_handshakes(
        &mut self,
        threads: Vec<HandshakeThread>,
    ) -> Result<(), LoadError> {
        for thread in threads {
            let tally = join(thread).map_err(|error| {
                LoadErrorKind::Failed.because(format_args!("a thread failed: {error}"))
            })?;
            self.data.tallies.push(tally);
        }
        let (began_ns, ended_ns) = self.data.measured_ns;
        self.data.connect_seconds = seconds(ended_ns.saturating_sub(began_ns));
        self.check_opened()?;
        let answered = self.data.shared.counters.opened.load(Relaxed);
        match answered > 0 || self.is_cancelled() {
            true => Ok(()),
            false => Err(LoadErrorKind::Unreachable
                .because("no connection was answered in the measured part")),
        }
    }

    /// Fails if no connection was answered, for the reason of the first failure.
    fn check_opened(&self) -> Result<(), LoadError> {
        let opened = self.data.shared.counters.opened.load(Relaxed);
        let error = self.data.shared.first_failure().clone();
        let what = match self.plan().mode {
            Mode::Handshakes => "connection",
            _ => "stream",
        };
        match error {
            Some(StreamError::Unreachable(why)) if opened == 0 => Err(LoadErrorKind::Unreachable
                .because(format_args!("no {what} could be opened: {why}"))),
            Some(StreamError::Refused(why)) if opened == 0 => {
                Err(LoadErrorKind::Refused.because(format_args!("no {what} was given: {why}")))
            }
            _ => Ok(()),
        }
    }

    /// Lets the server settle, and samples its memory.
    pub(crate) async fn settle(&mut self) {
        if self.data.subscribers > 0 {
            let until_ns = self.now_ns() + SETTLE.as_nanos() as u64;
            self.wait("settling", |shared| shared.now_ns() >= until_ns)
                .await;
        }
        self.sample_server_or_note(|server| &mut server.connected);
    }

    /// Publishes in a thread until the schedule ends. The measured part begins at
    /// `measured_from_ns`, if that is given.
    pub(crate) async fn publish(
        &mut self,
        schedule: Schedule,
        workers_per_room: publisher::WorkersPerRoom,
        sent: SentLog,
        measured_from_ns: Option<u64>,
    ) -> Result<PublishTotals, LoadError> {
        let publishing = publisher::start(&self.data.shared, schedule, workers_per_room, sent)
            .map_err(|error| cant_start(&error))?;
        if let Some(from_ns) = measured_from_ns {
            self.wait("warming up", |shared| shared.now_ns() >= from_ns)
                .await;
            self.begin(from_ns);
        }
        let phase = measured_from_ns.map_or("publishing", |_| "measuring");
        self.wait_even_if_cancelled(phase, |_| publishing.is_finished())
            .await;
        join(publishing).map_err(|error| {
            LoadErrorKind::Failed.because(format_args!("the publishing thread failed: {error}"))
        })
    }

    /// Waits until all messages are delivered, or no delivery has come for as long
    /// as a message may take: a late message is not a lost one.
    pub(crate) async fn drain(&mut self) {
        let mut quiet = QuietTimer::new(&self.data.shared);
        self.wait_even_if_cancelled("draining", |shared| {
            shared.messages().outstanding.incomplete() == 0 || quiet.is_over(shared)
        })
        .await;
    }

    /// When messages are due, and which of them are measured.
    pub(crate) fn bounds(&self) -> Bounds {
        let plan = self.plan();
        let began_ns = self.now_ns() + LEAD.as_nanos() as u64;
        let measured_from_ns = began_ns + plan.warmup.as_nanos() as u64;
        let (ends_ns, messages) = match plan.length {
            Length::Time(time) => (Some(measured_from_ns + time.as_nanos() as u64), None),
            Length::Messages(messages) => (None, Some(messages)),
        };
        Bounds {
            began_ns,
            measured_from_ns,
            ends_ns,
            messages,
        }
    }

    /// How many workers have fast subscribers of each room.
    pub(crate) fn workers_per_room(&self) -> publisher::WorkersPerRoom {
        let mut workers = vec![0; self.plan().rooms];
        for worker in self.data.shared.audiences().iter() {
            for (room, audience) in worker.iter().enumerate() {
                workers[room] += usize::from(*audience > 0);
            }
        }
        workers
    }

    /// Begins the measured part.
    pub(crate) fn begin(&mut self, at_ns: u64) {
        self.data.measured_ns.0 = at_ns;
        self.data.own_cpu.0 = usage::own_cpu_seconds();
        self.data.own_threads.0 = OwnThreadTimes::now();
        self.sample_server_or_note(|server| &mut server.begin);
    }

    /// Ends the measured part.
    pub(crate) fn end(&mut self) {
        self.data.measured_ns.1 = self.now_ns();
        self.data.own_cpu.1 = usage::own_cpu_seconds();
        self.data.own_threads.1 = OwnThreadTimes::now();
        self.sample_server_or_note(|server| &mut server.end);
    }

    /// Reads the usage of the server's processes, if there are any.
    pub(crate) fn sample_server(
        &mut self,
        field: fn(&mut ServerUsage) -> &mut ProcessUsage,
    ) -> Result<(), LoadError> {
        if let Some(server) = &mut self.data.server {
            let usage = usage::of(&server.pids);
            *field(server) = usage.map_err(|error| LoadErrorKind::Failed.because(error))?;
        }
        Ok(())
    }

    /// The same once the load has begun: a server that has ended costs its own
    /// figures, not the report.
    pub(crate) fn sample_server_or_note(
        &mut self,
        field: fn(&mut ServerUsage) -> &mut ProcessUsage,
    ) {
        if let Err(error) = self.sample_server(field)
            && let Some(server) = &mut self.data.server
        {
            server.error.get_or_insert(error.to_string());
        }
    }

    /// Waits for `done`, or for the cancellation.
    pub(crate) async fn wait(
        &mut self,
        phase: &'static str,
        mut done: impl FnMut(&Shared) -> bool,
    ) {
        let shared = Arc::clone(&self.data.shared);
        while !done(&shared) && !self.stop.is_cancelled() {
            self.tick(phase).await;
        }
    }

    /// Waits for `done`, which must come true after a cancellation, too.
    pub(crate) async fn wait_even_if_cancelled(
        &mut self,
        phase: &'static str,
        mut done: impl FnMut(&Shared) -> bool,
    ) {
        let shared = Arc::clone(&self.data.shared);
        while !done(&shared) {
            self.tick(phase).await;
        }
    }

    async fn tick(&mut self, phase: &'static str) {
        if self.stop.is_cancelled() {
            self.data.shared.stop();
            tokio::time::sleep(CHECK_EVERY).await;
        } else {
            tokio::select! {
                () = tokio::time::sleep(CHECK_EVERY) => {}
                () = self.stop.cancelled() => self.data.shared.stop(),
            }
        }
        self.data.timeline.tick(&self.data.shared);
        self.progress.show(phase, &self.data);
    }

    /// Ends all threads, and returns the results.
    pub(crate) fn finish(mut self) -> Result<RunData, LoadError> {
        let sent = match &self.data.published {
            Some(published) => published.sent.clone(),
            None => SentLog::new(self.plan().publishers, self.plan().rooms),
        };
        let sent = Arc::new(sent);
        self.command(|| Command::Finish(Arc::clone(&sent)));
        for worker in self.workers {
            let tally = worker.join().map_err(|error| {
                LoadErrorKind::Failed.because(format_args!("a reading thread failed: {error}"))
            })?;
            self.data.tallies.push(tally);
        }
        match &self.data.published {
            Some(published) if published.first_failure.is_some() => {
                check_accepted(published, self.stop)?;
            }
            _ => {}
        }
        Ok(self.data)
    }

    /// Fails if no message was accepted.
    pub(crate) fn check_accepted(&self, published: &PublishTotals) -> Result<(), LoadError> {
        check_accepted(published, self.stop)
    }
}

fn check_accepted(published: &PublishTotals, stop: &CancellationToken) -> Result<(), LoadError> {
    if published.sent.accepted_in_all() > 0 {
        return Ok(());
    }
    if stop.is_cancelled() {
        let why = "interrupted before anything was measured";
        return Err(LoadErrorKind::Interrupted.because(why));
    }
    let why = published.first_failure.as_deref();
    let why = why.unwrap_or("it gave no answer");
    Err(match published.refused {
        0 => {
            LoadErrorKind::Unreachable.because(format_args!("no message could be published: {why}"))
        }
        _ => LoadErrorKind::Refused.because(format_args!("every message was refused: {why}")),
    })
}

fn join<T>(thread: JoinHandle<T>) -> T {
    match thread.join() {
        Ok(result) => result,
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

fn cant_start(error: &io::Error) -> LoadError {
    LoadErrorKind::Failed.because(format_args!("can't start a thread: {error}"))
}

/// How long no message has been delivered to a fast subscriber.
pub(crate) struct QuietTimer {
    received: u64,
    since_ns: u64,
}

impl QuietTimer {
    pub(crate) fn new(shared: &Shared) -> Self {
        Self {
            received: 0,
            since_ns: shared.now_ns(),
        }
    }

    /// Whether it has been quiet for as long as a message may take.
    pub(crate) fn is_over(&mut self, shared: &Shared) -> bool {
        let received = shared.counters.received.load(Relaxed);
        if received != self.received {
            self.received = received;
            self.since_ns = shared.now_ns();
        }
        Duration::from_nanos(shared.now_ns() - self.since_ns) >= shared.plan.drain
    }
}
