//! One run: its threads, its phases, and what is looked at between them.

mod phases;

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::error::{LoadError, LoadErrorKind};
use crate::found::{Found, ServerLooks, seconds};
use crate::ledger::Sent;
use crate::order::{Order, Share};
use crate::plan::{Length, Mode, Plan};
use crate::progress::Progress;
use crate::published::Published;
use crate::publisher;
use crate::schedule::Bounds;
use crate::series::Series;
use crate::shared::{Shared, Trouble};
use crate::target::Place;
use crate::usage::{self, OwnThreads, Usage};
use crate::worker::Worker;

/// How often the phases look whether they are over.
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// How long a server has to come to rest after the last subscriber.
const SETTLE: Duration = Duration::from_millis(500);
/// The first message is due so long after the schedule was made.
const LEAD: Duration = Duration::from_millis(20);

/// A run in progress.
pub(super) struct Drive<'a> {
    stop: &'a CancellationToken,
    progress: &'a Progress,
    workers: Vec<Worker>,
    found: Found,
}

impl<'a> Drive<'a> {
    /// Starts the threads that `subscribers` subscribers need.
    pub(super) fn start(
        plan: Plan,
        place: Place,
        subscribers: usize,
        pids: Vec<i32>,
        stop: &'a CancellationToken,
        progress: &'a Progress,
    ) -> io::Result<Self> {
        let of = plan.threads.min(subscribers.max(1));
        let shared = Arc::new(Shared::new(plan, place));
        let (series, intervals) = Series::new();
        let worker = |at| {
            let share = Share {
                at,
                of,
                subscribers,
            };
            Worker::start(&shared, share, intervals.clone())
        };
        let workers: io::Result<Vec<Worker>> = (0..of).map(worker).collect();
        let workers = workers?;
        let server = (!pids.is_empty()).then(|| ServerLooks {
            pids,
            ..ServerLooks::default()
        });
        Ok(Self {
            stop,
            progress,
            found: Found {
                shared,
                subscribers,
                tallies: Vec::new(),
                published: None,
                series,
                connect_seconds: 0.0,
                measured_ns: (0, 0),
                own_cpu: (0.0, 0.0),
                server,
                own_threads: Default::default(),
                return_ns: 0,
            },
            workers,
        })
    }

    /// Goes through the phases of the plan's mode.
    pub(super) async fn run(mut self) -> Result<Found, LoadError> {
        self.look(|looks| &mut looks.before)?;
        match self.plan().mode {
            Mode::Fanout | Mode::Publish => self.fan_out().await?,
            Mode::Idle => self.idle().await?,
            Mode::Connect => self.storm().await?,
            Mode::Resume => self.resume().await?,
        }
        self.finish()
    }

    fn plan(&self) -> &Plan {
        &self.found.shared.plan
    }

    /// A signal explains why there is nothing better than the server does.
    fn or_interrupted(&self, failure: LoadError) -> LoadError {
        match self.stop.is_cancelled() {
            true => LoadErrorKind::Interrupted.because("interrupted before anything was measured"),
            false => failure,
        }
    }

    /// Opens all streams.
    async fn connect(&mut self) -> Result<(), LoadError> {
        let subscribers = self.found.subscribers as u64;
        if subscribers == 0 {
            return Ok(());
        }
        let began_ns = self.now_ns();
        self.order(|| Order::Connect);
        self.wait("connecting", |shared| {
            let counters = &shared.counters;
            counters.opened.load(Relaxed) + counters.failed.load(Relaxed) >= subscribers
        })
        .await;
        self.found.connect_seconds = seconds(self.now_ns() - began_ns);
        let opened = self.found.shared.counters.opened.load(Relaxed);
        let failure = self.found.shared.first_failure().clone();
        match failure {
            Some(Trouble::Unreachable(why)) if opened == 0 => Err(LoadErrorKind::Unreachable
                .because(format_args!("no stream could be opened: {why}"))),
            Some(Trouble::Refused(why)) if opened == 0 => {
                Err(LoadErrorKind::Refused.because(format_args!("no stream was given: {why}")))
            }
            _ => Ok(()),
        }
    }

    /// Lets the server come to rest, and looks at its memory then.
    async fn rest(&mut self) {
        if self.found.subscribers > 0 {
            let until_ns = self.now_ns() + SETTLE.as_nanos() as u64;
            self.wait("settling", |shared| shared.now_ns() >= until_ns)
                .await;
        }
        self.look_if_it_lives(|looks| &mut looks.connected);
    }

    /// Waits until all messages have reached everybody, or nothing more has come
    /// for as long as a message may take: what is only late is not lost.
    async fn drain(&mut self) {
        let mut silence = Silence::new(&self.found.shared);
        self.wait_in_any_case("draining", |shared| {
            shared.messages().outstanding.incomplete() == 0 || silence.is_over(shared)
        })
        .await;
    }

    /// When messages are due, and which of them are measured.
    fn bounds(&self) -> Bounds {
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

    /// How many workers have good subscribers of each room.
    fn listeners(&self) -> publisher::Listeners {
        let plan = self.plan();
        let mut listeners = vec![0; plan.rooms];
        for worker in self.found.shared.audiences().iter() {
            for (room, audience) in worker.iter().enumerate() {
                listeners[room] += usize::from(*audience > 0);
            }
        }
        listeners
    }

    /// The measured part begins.
    fn begin(&mut self, at_ns: u64) {
        self.found.measured_ns.0 = at_ns;
        self.found.own_cpu.0 = usage::own_cpu_seconds();
        self.found.own_threads.0 = OwnThreads::now();
        self.look_if_it_lives(|looks| &mut looks.begin);
    }

    /// The measured part ends.
    fn end(&mut self) {
        self.found.measured_ns.1 = self.now_ns();
        self.found.own_cpu.1 = usage::own_cpu_seconds();
        self.found.own_threads.1 = OwnThreads::now();
        self.look_if_it_lives(|looks| &mut looks.end);
    }

    fn look(&mut self, at: fn(&mut ServerLooks) -> &mut Usage) -> Result<(), LoadError> {
        if let Some(looks) = &mut self.found.server {
            let usage = usage::of(&looks.pids);
            *at(looks) = usage.map_err(|error| LoadErrorKind::Failed.because(error))?;
        }
        Ok(())
    }

    /// The same once the load has begun: a server that is no more spoils its own
    /// figures, and not the report.
    fn look_if_it_lives(&mut self, at: fn(&mut ServerLooks) -> &mut Usage) {
        if let Err(failure) = self.look(at)
            && let Some(looks) = &mut self.found.server
        {
            looks.lost.get_or_insert(failure.to_string());
        }
    }

    fn order(&self, order: impl Fn() -> Order) {
        for worker in &self.workers {
            worker.order(order());
        }
    }

    fn now_ns(&self) -> u64 {
        self.found.shared.now_ns()
    }

    /// Waits for `done`, or for a signal, which ends the load.
    async fn wait(&mut self, phase: &'static str, mut done: impl FnMut(&Shared) -> bool) {
        let shared = Arc::clone(&self.found.shared);
        while !done(&shared) && !self.stop.is_cancelled() {
            self.tick(phase).await;
        }
    }

    /// Waits for `done`, which must come even after a signal.
    async fn wait_in_any_case(
        &mut self,
        phase: &'static str,
        mut done: impl FnMut(&Shared) -> bool,
    ) {
        let shared = Arc::clone(&self.found.shared);
        while !done(&shared) {
            self.tick(phase).await;
        }
    }

    async fn tick(&mut self, phase: &'static str) {
        if self.stop.is_cancelled() {
            self.found.shared.stop();
            tokio::time::sleep(LOOK_EVERY).await;
        } else {
            tokio::select! {
                () = tokio::time::sleep(LOOK_EVERY) => {}
                () = self.stop.cancelled() => self.found.shared.stop(),
            }
        }
        self.found.series.tick(&self.found.shared);
        self.progress.show(phase, &self.found);
    }

    /// Closes the books of all threads.
    fn finish(mut self) -> Result<Found, LoadError> {
        let sent = match &self.found.published {
            Some(published) => published.sent.clone(),
            None => Sent::new(self.plan().publishers, self.plan().rooms),
        };
        let sent = Arc::new(sent);
        self.order(|| Order::Finish(Arc::clone(&sent)));
        for worker in self.workers {
            let tally = worker.join().map_err(|error| {
                LoadErrorKind::Failed.because(format_args!("a reading thread failed: {error}"))
            })?;
            self.found.tallies.push(tally);
        }
        if let Some(published) = &self.found.published
            && published.sent.accepted_in_all() == 0
            && published.first_failure.is_some()
        {
            let failure = nothing_accepted(published);
            return Err(match self.stop.is_cancelled() {
                true => {
                    LoadErrorKind::Interrupted.because("interrupted before anything was measured")
                }
                false => failure,
            });
        }
        Ok(self.found)
    }
}

/// How long nothing has been delivered to a good subscriber.
struct Silence {
    received: u64,
    since_ns: u64,
}

impl Silence {
    fn new(shared: &Shared) -> Self {
        Self {
            received: 0,
            since_ns: shared.now_ns(),
        }
    }

    /// Whether it has lasted for as long as a message may take.
    fn is_over(&mut self, shared: &Shared) -> bool {
        let received = shared.counters.received.load(Relaxed);
        if received != self.received {
            self.received = received;
            self.since_ns = shared.now_ns();
        }
        Duration::from_nanos(shared.now_ns() - self.since_ns) >= shared.plan.drain
    }
}

fn join(thread: std::thread::JoinHandle<io::Result<Published>>) -> Result<Published, LoadError> {
    match thread.join() {
        Ok(published) => published.map_err(|error| {
            LoadErrorKind::Failed.because(format_args!("the publishing thread failed: {error}"))
        }),
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

fn nothing_accepted(published: &Published) -> LoadError {
    let why = published.first_failure.as_deref();
    let why = why.unwrap_or("it gave no answer");
    match published.refused {
        0 => {
            LoadErrorKind::Unreachable.because(format_args!("no message could be published: {why}"))
        }
        _ => LoadErrorKind::Refused.because(format_args!("every message was refused: {why}")),
    }
}

fn cant_start(error: &io::Error) -> LoadError {
    LoadErrorKind::Failed.because(format_args!("can't start a thread: {error}"))
}
