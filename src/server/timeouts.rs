//! Timeouts of a connection while hyper has it: for its first byte, for the rest
//! of a request's head, for reading an answer, for the next request; and, at any
//! time, for a client that reads nothing.
//!
//! hyper has one timeout for the head and the wait before it, and none for
//! writing. The timeout of a request's body is in `http`, that of streams which
//! left hyper in the fan-out.

use std::pin::Pin;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

use crate::config::Limits;
use crate::http::Caller;

/// What a connection waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum WaitingFor {
    /// The first byte of a connection.
    FirstByte,
    /// The rest of a request's head.
    Head,
    /// The next request.
    Request,
    /// The client to read an answer.
    Answer,
    /// Nothing that the client has to do in time.
    Nothing,
}

impl WaitingFor {
    /// All variants, in their order.
    pub(super) const ALL: [Self; 5] = [
        Self::FirstByte,
        Self::Head,
        Self::Request,
        Self::Answer,
        Self::Nothing,
    ];

    /// The label in `/metrics`; `None` if there is no timeout.
    pub(super) fn name(self) -> Option<&'static str> {
        match self {
            Self::FirstByte => Some("first_byte"),
            Self::Head => Some("head"),
            Self::Request => Some("request"),
            Self::Answer => Some("answer"),
            Self::Nothing => None,
        }
    }
}

/// The timeouts of one connection. The socket and the service report what happens
/// on it. Both run in the connection's one task, so the atomics order nothing.
#[derive(Debug)]
pub(super) struct Timeouts {
    limits: TimeLimits,
    start: Instant,
    /// A [`WaitingFor`].
    waiting_for: AtomicU8,
    /// Since when, in milliseconds after `start`.
    since: AtomicU64,
    /// When the last answer was made, in the same unit.
    answered: AtomicU64,
    /// Since when the socket has been full, in the same unit; or `NOT_BLOCKED`.
    blocked: AtomicU64,
}

const NOT_BLOCKED: u64 = u64::MAX;
/// The timeout of each part of a request on a connection over the limit.
const REFUSAL_TIMEOUT: Duration = Duration::from_secs(2);

/// How long a connection may wait for each thing.
#[derive(Debug, Clone, Copy)]
pub(super) struct TimeLimits {
    pub(super) first_byte: Duration,
    pub(super) head: Duration,
    pub(super) request: Duration,
    pub(super) answer: Duration,
    pub(super) stall: Duration,
}

impl TimeLimits {
    /// The limits of a connection that was just accepted. One that is over the limit
    /// has less time: it only gets the answer that the server is full, and others
    /// wait for its place.
    pub(super) fn of(caller: &Caller, limits: &Limits) -> Self {
        let of_all = Self::new(limits);
        match caller.is_refused() {
            false => of_all,
            true => Self {
                first_byte: of_all.first_byte.min(REFUSAL_TIMEOUT),
                head: of_all.head.min(REFUSAL_TIMEOUT),
                answer: of_all.answer.min(REFUSAL_TIMEOUT),
                ..of_all
            },
        }
    }

    /// A bound on the time of a handshake, beside its own limit.
    #[cfg(feature = "https")]
    pub(super) fn longest_handshake(caller: &Caller) -> Duration {
        match caller.is_refused() {
            true => REFUSAL_TIMEOUT,
            false => Duration::MAX,
        }
    }

    fn new(limits: &Limits) -> Self {
        Self {
            first_byte: limits.first_byte_timeout,
            head: limits.head_timeout,
            request: limits.idle_timeout,
            answer: limits.answer_timeout,
            stall: limits.stall,
        }
    }
}

impl Timeouts {
    /// The timeouts of a connection that was just accepted.
    pub(super) fn of(caller: &Caller, limits: &Limits) -> Self {
        Self::new(TimeLimits::of(caller, limits))
    }

    fn new(limits: TimeLimits) -> Self {
        Self {
            limits,
            start: Instant::now(),
            waiting_for: AtomicU8::new(WaitingFor::FirstByte as u8),
            since: AtomicU64::new(0),
            answered: AtomicU64::new(0),
            blocked: AtomicU64::new(NOT_BLOCKED),
        }
    }

    /// Bytes arrived. Only the first byte of a head starts its timeout.
    pub(super) fn received(&self) {
        if matches!(
            self.waiting_for(),
            WaitingFor::FirstByte | WaitingFor::Request
        ) {
            self.wait_for(WaitingFor::Head);
        }
    }

    /// A whole head was read: the server has to answer.
    pub(super) fn asked(&self) {
        self.wait_for(WaitingFor::Nothing);
    }

    /// An answer was made that is not a stream.
    pub(super) fn answered(&self) {
        self.wait_for(WaitingFor::Answer);
        self.answered
            .store(self.since.load(Ordering::Relaxed), Ordering::Relaxed);
    }

    /// More of an answer is written: the rest of its time is left for it, also if
    /// the client has begun to send the next request.
    pub(super) fn writes(&self) {
        let answered = self.answered.load(Ordering::Relaxed);
        let is_pending = match self.waiting_for() {
            WaitingFor::Request => true,
            // Otherwise hyper is writing a refusal of the head.
            WaitingFor::Head => self
                .after(answered, self.limits.answer)
                .is_none_or(|end| end > Instant::now()),
            WaitingFor::FirstByte | WaitingFor::Answer | WaitingFor::Nothing => false,
        };
        if is_pending {
            self.since.store(answered, Ordering::Relaxed);
            self.waiting_for
                .store(WaitingFor::Answer as u8, Ordering::Relaxed);
        }
    }

    /// The socket took something, or nothing.
    pub(super) fn wrote(&self, something: bool) {
        if something {
            self.blocked.store(NOT_BLOCKED, Ordering::Relaxed);
        } else if self.blocked.load(Ordering::Relaxed) == NOT_BLOCKED {
            self.blocked.store(self.now(), Ordering::Relaxed);
        }
    }

    /// The kernel has everything that was written.
    pub(super) fn flushed(&self) {
        if self.waiting_for() == WaitingFor::Answer {
            self.wait_for(WaitingFor::Request);
        }
    }

    pub(super) fn waiting_for(&self) -> WaitingFor {
        WaitingFor::ALL[usize::from(self.waiting_for.load(Ordering::Relaxed))]
    }

    fn wait_for(&self, what: WaitingFor) {
        self.since.store(self.now(), Ordering::Relaxed);
        self.waiting_for.store(what as u8, Ordering::Relaxed);
    }

    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX - 1)
    }

    /// Whether the client has read nothing for too long.
    pub(super) fn is_stalled(&self) -> bool {
        self.stalls_at().is_some_and(|end| end <= Instant::now())
    }

    /// The next timeout; `None` for never, or beyond the range of the clock.
    fn end(&self) -> Option<Instant> {
        let time = match self.waiting_for() {
            WaitingFor::FirstByte => Some(self.limits.first_byte),
            WaitingFor::Head => Some(self.limits.head),
            WaitingFor::Request => Some(self.limits.request),
            WaitingFor::Answer => Some(self.limits.answer),
            WaitingFor::Nothing => None,
        };
        let since = self.since.load(Ordering::Relaxed);
        let ends = time.and_then(|time| self.after(since, time));
        ends.into_iter().chain(self.stalls_at()).min()
    }

    fn stalls_at(&self) -> Option<Instant> {
        let blocked = self.blocked.load(Ordering::Relaxed);
        (blocked != NOT_BLOCKED)
            .then(|| self.after(blocked, self.limits.stall))
            .flatten()
    }

    fn after(&self, since: u64, time: Duration) -> Option<Instant> {
        let since = self.start.checked_add(Duration::from_millis(since))?;
        since.checked_add(time)
    }
}

/// The timer of a connection's timeouts.
///
/// It is moved only when it would fire too late; when it fires too early it is set
/// again. So a series of requests on a connection does not move it.
#[derive(Debug)]
pub(super) struct TimeoutTimer {
    sleep: Pin<Box<Sleep>>,
}

impl TimeoutTimer {
    pub(super) fn new(timeouts: &Timeouts) -> Self {
        let end = timeouts.end().unwrap_or_else(Instant::now);
        Self {
            sleep: Box::pin(sleep_until(end)),
        }
    }

    /// Ready when the client was too slow.
    pub(super) fn poll(&mut self, timeouts: &Timeouts, cx: &mut Context<'_>) -> Poll<()> {
        while let Some(end) = timeouts.end() {
            if end <= Instant::now() {
                return Poll::Ready(());
            }
            if end < self.sleep.deadline() || self.sleep.is_elapsed() {
                self.sleep.as_mut().reset(end);
            }
            if self.sleep.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    fn timeouts() -> Timeouts {
        let secs = Duration::from_secs;
        Timeouts::new(TimeLimits::new(&Limits {
            first_byte_timeout: secs(1),
            head_timeout: secs(2),
            idle_timeout: secs(30),
            answer_timeout: secs(60),
            ..Limits::default()
        }))
    }

    /// Whether the timer fires within `seconds`, and after how many.
    async fn fires(timer: &mut TimeoutTimer, timeouts: &Timeouts, seconds: u64) -> Option<u64> {
        let before = Instant::now();
        let fire = poll_fn(|cx| timer.poll(timeouts, cx));
        let fired = tokio::time::timeout(Duration::from_secs(seconds), fire).await;
        fired.ok().map(|()| before.elapsed().as_secs())
    }

    #[tokio::test(start_paused = true)]
    async fn each_part_of_a_request_has_its_own_timeout() {
        let timeouts = timeouts();
        let mut timer = TimeoutTimer::new(&timeouts);
        assert_eq!(fires(&mut timer, &timeouts, 9).await, Some(1));
        timeouts.received();
        assert_eq!(fires(&mut timer, &timeouts, 1).await, None);
        // A second byte does not extend it.
        timeouts.received();
        assert_eq!(fires(&mut timer, &timeouts, 9).await, Some(1));
        timeouts.asked();
        assert_eq!(fires(&mut timer, &timeouts, 999).await, None);
        // A body's bytes, and `100 Continue`, start no timeout.
        timeouts.received();
        timeouts.flushed();
        assert_eq!(fires(&mut timer, &timeouts, 999).await, None);
        timeouts.answered();
        assert_eq!(fires(&mut timer, &timeouts, 40).await, None);
        // Each of its writes is flushed, and none extends it.
        timeouts.flushed();
        timeouts.writes();
        assert_eq!(fires(&mut timer, &timeouts, 99).await, Some(20));
        timeouts.flushed();
        assert_eq!(fires(&mut timer, &timeouts, 99).await, Some(30));
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_sends_the_next_request_has_no_less_time_to_read_its_answer() {
        let timeouts = timeouts();
        let mut timer = TimeoutTimer::new(&timeouts);
        timeouts.received();
        timeouts.asked();
        timeouts.answered();
        timeouts.flushed();
        timeouts.received();
        timeouts.writes();
        assert_eq!(fires(&mut timer, &timeouts, 99).await, Some(60));
        // The answer's timeout is over: only the head's is left.
        timeouts.asked();
        timeouts.answered();
        timeouts.flushed();
        assert_eq!(fires(&mut timer, &timeouts, 29).await, None);
        tokio::time::advance(Duration::from_secs(31)).await;
        timeouts.received();
        timeouts.writes();
        assert_eq!(fires(&mut timer, &timeouts, 99).await, Some(2));
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_has_no_timeout_while_its_client_reads_something() {
        let timeouts = Timeouts::new(TimeLimits::new(&Limits::default()));
        let mut timer = TimeoutTimer::new(&timeouts);
        timeouts.asked();
        timeouts.wrote(true);
        assert_eq!(fires(&mut timer, &timeouts, 9999).await, None);
        timeouts.wrote(false);
        assert_eq!(fires(&mut timer, &timeouts, 20).await, None);
        // A second blocked write does not restart the stall, and a partial one ends it.
        timeouts.wrote(false);
        assert!(!timeouts.is_stalled());
        assert_eq!(fires(&mut timer, &timeouts, 99).await, Some(10));
        assert!(timeouts.is_stalled());
        timeouts.wrote(true);
        assert_eq!(fires(&mut timer, &timeouts, 9999).await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_shorter_timeout_is_not_missed_for_a_longer_one() {
        let timeouts = timeouts();
        let mut timer = TimeoutTimer::new(&timeouts);
        timeouts.asked();
        timeouts.answered();
        timeouts.flushed();
        assert_eq!(fires(&mut timer, &timeouts, 5).await, None);
        timeouts.received();
        assert_eq!(fires(&mut timer, &timeouts, 9).await, Some(2));
    }
}
