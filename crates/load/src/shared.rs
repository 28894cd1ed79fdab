//! The state that the threads of one run share: its clock, its requests, the
//! messages in flight, and the live counters.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use mio::Waker;

use crate::address::Address;
use crate::outstanding::Outstanding;
use crate::plan::{Pacing, Plan};
use crate::report::Latency;
use crate::target::Requests;

const SECOND_NS: u64 = 1_000_000_000;

/// The state that the threads of one run share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) plan: Plan,
    pub(crate) address: Address,
    pub(crate) requests: Requests,
    pub(crate) counters: Counters,
    /// Messages due at or after this time are measured.
    pub(crate) measured_from_ns: AtomicU64,
    /// No further message is sent.
    pub(crate) stop: AtomicBool,
    /// The oldest message that is not delivered to every subscriber.
    pub(crate) first_outstanding: AtomicU64,
    /// Wakes the publishing thread, if there is one.
    publisher: Mutex<Option<Waker>>,
    began: Instant,
    messages: Mutex<InFlightMessages>,
    first_failure: Mutex<Option<StreamError>>,
    /// The fast subscribers of each worker, by room.
    audiences: Mutex<Vec<Vec<u32>>>,
}

/// The messages in flight, and the time to the last delivery of those before.
#[derive(Debug)]
pub(crate) struct InFlightMessages {
    /// Messages that are not delivered to every subscriber.
    pub(crate) outstanding: Outstanding,
    /// From the intended time of sending to the last delivery.
    pub(crate) last: Latency,
}

/// Live counters of all threads.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    /// Streams that are open now.
    pub(crate) connected: AtomicU64,
    /// Streams that were opened for the first time, without transient subscribers.
    pub(crate) opened: AtomicU64,
    /// Streams that could not be opened.
    pub(crate) failed: AtomicU64,
    /// Messages sent.
    pub(crate) sent: AtomicU64,
    /// Deliveries, each counted once.
    pub(crate) delivered: AtomicU64,
    /// Deliveries to fast subscribers, at most one turn of a worker old.
    pub(crate) received: AtomicU64,
    /// Bytes received.
    pub(crate) bytes: AtomicU64,
    /// Messages that the server accepted.
    pub(crate) accepted: AtomicU64,
    /// Subscribers that have reconnected and have every message they missed.
    pub(crate) resumed: AtomicU64,
}

/// Why a stream could not be opened.
#[derive(Debug, Clone)]
pub(crate) enum StreamError {
    /// There was no answer, or not one of an event stream.
    Unreachable(String),
    /// The answer had another status than 200.
    Refused(String),
}

impl Shared {
    /// For a run of `plan` against the server at `address`.
    pub(crate) fn new(plan: Plan, address: Address) -> Self {
        Self {
            requests: Requests::new(&plan.target, &address, plan.http, plan.rooms),
            counters: Counters::default(),
            measured_from_ns: AtomicU64::new(u64::MAX),
            stop: AtomicBool::new(false),
            first_outstanding: AtomicU64::new(0),
            publisher: Mutex::new(None),
            began: Instant::now(),
            messages: Mutex::new(InFlightMessages {
                outstanding: Outstanding::new(plan.drain),
                last: Latency::default(),
            }),
            first_failure: Mutex::new(None),
            audiences: Mutex::new(Vec::new()),
            plan,
            address,
        }
    }

    /// The run's clock: nanoseconds since it began, never backwards.
    pub(crate) fn now_ns(&self) -> u64 {
        self.began.elapsed().as_nanos() as u64
    }

    /// The second of the run that a time is in. The measured part begins on a
    /// second's boundary.
    pub(crate) fn second_of(&self, now_ns: u64) -> u64 {
        match self.measured_from_ns.load(Relaxed) {
            u64::MAX => now_ns / SECOND_NS,
            // One is added, so that no second repeats when the boundaries move.
            from_ns => (now_ns + 2 * SECOND_NS - from_ns % SECOND_NS) / SECOND_NS,
        }
    }

    pub(crate) fn messages(&self) -> MutexGuard<'_, InFlightMessages> {
        self.messages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records that all fast subscribers of one worker have `message`, which was due
    /// at `due_ns`.
    pub(crate) fn delivered(&self, message: u64, due_ns: u64, now_ns: u64) {
        let mut messages = self.messages();
        if !messages.outstanding.delivered(message) {
            return;
        }
        self.first_outstanding
            .store(messages.outstanding.first(), Relaxed);
        if due_ns >= self.measured_from_ns.load(Relaxed) {
            messages.last.record_ns(now_ns.saturating_sub(due_ns));
        }
        drop(messages);
        if matches!(self.plan.pacing, Pacing::InFlight(_)) {
            self.wake_publisher();
        }
    }

    /// Wakes the publishing thread to check what has changed.
    pub(crate) fn wake_publisher(&self) {
        if let Some(waker) = &*self.publisher() {
            // It fails only after the thread's poll was dropped.
            let _ = waker.wake();
        }
    }

    /// Sets the waker of the publishing thread.
    pub(crate) fn set_publisher(&self, waker: Waker) {
        *self.publisher() = Some(waker);
    }

    fn publisher(&self) -> MutexGuard<'_, Option<Waker>> {
        self.publisher
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Stops publishing.
    pub(crate) fn stop(&self) {
        self.stop.store(true, Relaxed);
        self.wake_publisher();
    }

    /// Counts a stream that could not be opened, and keeps the first reason.
    pub(crate) fn fail(&self, error: StreamError) {
        self.counters.failed.fetch_add(1, Relaxed);
        self.first_failure().get_or_insert(error);
    }

    /// The fast subscribers of each worker, by room.
    pub(crate) fn audiences(&self) -> MutexGuard<'_, Vec<Vec<u32>>> {
        self.audiences
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// The first reason why a stream could not be opened.
    pub(crate) fn first_failure(&self) -> MutexGuard<'_, Option<StreamError>> {
        self.first_failure
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl StreamError {
    /// The reason in one line.
    pub(crate) fn reason(&self) -> &str {
        match self {
            Self::Unreachable(reason) | Self::Refused(reason) => reason,
        }
    }
}
