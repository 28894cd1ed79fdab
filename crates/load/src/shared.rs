//! What the threads of one run share: the clock, the requests, the messages
//! that are on their way, and the counters that are read while it runs.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use mio::Waker;

use crate::outstanding::Outstanding;
use crate::plan::{Load, Plan};
use crate::report::Latency;
use crate::target::{Place, Requests};

const SECOND_NS: u64 = 1_000_000_000;

/// What the threads of one run share.
#[derive(Debug)]
pub(super) struct Shared {
    /// What to do.
    pub(super) plan: Plan,
    /// Where the server is.
    pub(super) place: Place,
    /// What is sent to it.
    pub(super) requests: Requests,
    /// Counters for everybody to see.
    pub(super) counters: Counters,
    /// Messages due at or after this time are measured.
    pub(super) measured_from_ns: AtomicU64,
    /// Nothing new is to be begun.
    pub(super) stop: AtomicBool,
    /// The oldest message that is waited for.
    pub(super) first_outstanding: AtomicU64,
    /// Wakes the thread that publishes now.
    publisher: Mutex<Option<Waker>>,
    began: Instant,
    messages: Mutex<Messages>,
    first_failure: Mutex<Option<Trouble>>,
    /// Each worker's good subscribers, by room.
    audiences: Mutex<Vec<Vec<u32>>>,
}

/// The messages that are on their way, and how long the last of their
/// deliveries took.
#[derive(Debug)]
pub(super) struct Messages {
    /// Those that have not reached everybody.
    pub(super) outstanding: Outstanding,
    /// From the intended time of sending until the last subscriber had it.
    pub(super) last: Latency,
}

/// Counts of what has happened so far, in all threads.
#[derive(Debug, Default)]
pub(super) struct Counters {
    /// Streams that are open now.
    pub(super) connected: AtomicU64,
    /// Streams of lasting subscribers that were opened for the first time.
    pub(super) opened: AtomicU64,
    /// Streams that could not be opened.
    pub(super) failed: AtomicU64,
    /// Messages sent.
    pub(super) sent: AtomicU64,
    /// Deliveries, each counted once.
    pub(super) delivered: AtomicU64,
    /// Deliveries to good subscribers, told within a turn of a worker.
    pub(super) received: AtomicU64,
    /// Bytes that came in.
    pub(super) bytes: AtomicU64,
    /// Messages that the server accepted.
    pub(super) accepted: AtomicU64,
    /// Subscribers that came back and have all they missed.
    pub(super) whole: AtomicU64,
}

/// Why a stream could not be opened.
#[derive(Debug, Clone)]
pub(super) enum Trouble {
    /// Nobody answered, or not as a server does.
    Unreachable(String),
    /// The answer was a refusal.
    Refused(String),
}

impl Shared {
    /// For a run of `plan` against the server at `place`.
    pub(super) fn new(plan: Plan, place: Place) -> Self {
        Self {
            requests: Requests::new(&plan.target, &place, plan.rooms),
            counters: Counters::default(),
            measured_from_ns: AtomicU64::new(u64::MAX),
            stop: AtomicBool::new(false),
            first_outstanding: AtomicU64::new(0),
            publisher: Mutex::new(None),
            began: Instant::now(),
            messages: Mutex::new(Messages {
                outstanding: Outstanding::new(plan.drain),
                last: Latency::default(),
            }),
            first_failure: Mutex::new(None),
            audiences: Mutex::new(Vec::new()),
            plan,
            place,
        }
    }

    /// The run's clock: nanoseconds since it began, never backwards.
    pub(super) fn now_ns(&self) -> u64 {
        self.began.elapsed().as_nanos() as u64
    }

    /// Which second of the run a time is in. The measured part begins with a
    /// second of its own.
    pub(super) fn second_of(&self, now_ns: u64) -> u64 {
        match self.measured_from_ns.load(Relaxed) {
            u64::MAX => now_ns / SECOND_NS,
            // One more, so that no second comes again when its bounds move.
            from_ns => (now_ns + 2 * SECOND_NS - from_ns % SECOND_NS) / SECOND_NS,
        }
    }

    /// The messages that are on their way.
    pub(super) fn messages(&self) -> MutexGuard<'_, Messages> {
        self.messages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All subscribers of a worker have `message`, which was due at `due_ns`.
    pub(super) fn reached(&self, message: u64, due_ns: u64, now_ns: u64) {
        let mut messages = self.messages();
        if !messages.outstanding.reached(message) {
            return;
        }
        self.first_outstanding
            .store(messages.outstanding.first(), Relaxed);
        if due_ns >= self.measured_from_ns.load(Relaxed) {
            messages.last.record_ns(now_ns.saturating_sub(due_ns));
        }
        drop(messages);
        if matches!(self.plan.load, Load::InFlight(_)) {
            self.wake_publisher();
        }
    }

    /// Lets the publishing thread look at what has changed.
    pub(super) fn wake_publisher(&self) {
        if let Some(waker) = &*self.publisher() {
            // It fails only when the thread's poll is gone.
            let _ = waker.wake();
        }
    }

    /// From now on this wakes the thread that publishes.
    pub(super) fn set_publisher(&self, waker: Waker) {
        *self.publisher() = Some(waker);
    }

    fn publisher(&self) -> MutexGuard<'_, Option<Waker>> {
        self.publisher
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the load.
    pub(super) fn stop(&self) {
        self.stop.store(true, Relaxed);
        self.wake_publisher();
    }

    /// A stream could not be opened. The first reason is kept.
    pub(super) fn fail(&self, trouble: Trouble) {
        self.counters.failed.fetch_add(1, Relaxed);
        self.first_failure().get_or_insert(trouble);
    }

    /// How many good subscribers of each room each worker has.
    pub(super) fn audiences(&self) -> MutexGuard<'_, Vec<Vec<u32>>> {
        self.audiences
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Why the first stream that could not be opened could not.
    pub(super) fn first_failure(&self) -> MutexGuard<'_, Option<Trouble>> {
        self.first_failure
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Trouble {
    /// The reason in words.
    pub(super) fn why(&self) -> &str {
        match self {
            Self::Unreachable(why) | Self::Refused(why) => why,
        }
    }
}
