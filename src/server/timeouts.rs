//! How long a connection waits for its client: for its first byte, for the
//! rest of a request's head, until an answer is taken, for the next request;
//! and, whatever is sent to it, for it to take anything at all.
//!
//! hyper has one time for the head and for the wait before it, and none for
//! writing. Times for a body are `http`'s; streams that left hyper are the
//! fan-out's.

use std::pin::Pin;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

use crate::config::Limits;
use crate::http::Caller;

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Phase {
    /// The first byte of a connection.
    FirstByte,
    /// The rest of a request's head.
    Head,
    /// The next request.
    Request,
    /// Until the client has taken an answer.
    Taken,
    /// Nothing that the client has to do in time.
    Nothing,
}

impl Phase {
    /// All of them, in their order.
    pub(super) const ALL: [Self; 5] = [
        Self::FirstByte,
        Self::Head,
        Self::Request,
        Self::Taken,
        Self::Nothing,
    ];

    /// As it is called where it is counted; `None` for what has no end.
    pub(super) fn name(self) -> Option<&'static str> {
        match self {
            Self::FirstByte => Some("first_byte"),
            Self::Head => Some("head"),
            Self::Request => Some("request"),
            Self::Taken => Some("answer"),
            Self::Nothing => None,
        }
    }
}

/// What one connection waits for. It is told what happens by whoever sees it:
/// the socket, the service. All of them run in one task, so the atomics order
/// nothing.
#[derive(Debug)]
pub(super) struct Timeouts {
    first_byte: Duration,
    head: Duration,
    request: Duration,
    taken: Duration,
    stall: Duration,
    began: Instant,
    waiting: AtomicU8,
    /// Since when, in milliseconds after the beginning.
    since: AtomicU64,
    /// When the last answer was there.
    answered: AtomicU64,
    /// Since when the socket has taken nothing that was to be written, in the
    /// same way; `TAKES` while it does.
    blocked: AtomicU64,
}

const TAKES: u64 = u64::MAX;
/// How long each part of a request may take whose connection is one too many.
const TO_BE_REFUSED: Duration = Duration::from_secs(2);

impl Timeouts {
    /// With a connection that was just accepted. One that is only to be told
    /// that it is too many has less time: others wait for its place.
    pub(super) fn of(caller: &Caller, limits: &Limits) -> Self {
        if !caller.is_refused() {
            return Self::new(limits);
        }
        Self::new(&Limits {
            first_byte_timeout: limits.first_byte_timeout.min(TO_BE_REFUSED),
            head_timeout: limits.head_timeout.min(TO_BE_REFUSED),
            answer_timeout: limits.answer_timeout.min(TO_BE_REFUSED),
            ..limits.clone()
        })
    }

    fn new(limits: &Limits) -> Self {
        Self {
            first_byte: limits.first_byte_timeout,
            head: limits.head_timeout,
            request: limits.idle_timeout,
            taken: limits.answer_timeout,
            stall: limits.stall,
            began: Instant::now(),
            waiting: AtomicU8::new(Phase::FirstByte as u8),
            since: AtomicU64::new(0),
            answered: AtomicU64::new(0),
            blocked: AtomicU64::new(TAKES),
        }
    }

    /// Bytes came. Those that come after the first of a head buy no time.
    pub(super) fn received(&self) {
        if matches!(self.waiting(), Phase::FirstByte | Phase::Request) {
            self.wait_for(Phase::Head);
        }
    }

    /// A whole head was read: what comes now is the server's to do.
    pub(super) fn asked(&self) {
        self.wait_for(Phase::Nothing);
    }

    /// There is an answer, and it is no stream.
    pub(super) fn answered(&self) {
        self.wait_for(Phase::Taken);
        self.answered
            .store(self.since.load(Ordering::Relaxed), Ordering::Relaxed);
    }

    /// More of an answer is on its way: it has the time that is left. That the
    /// client has begun to ask for the next one changes nothing.
    pub(super) fn writes(&self) {
        let answered = self.answered.load(Ordering::Relaxed);
        let is_on_its_way = match self.waiting() {
            Phase::Request => true,
            // Or else hyper says itself what is wrong with the head.
            Phase::Head => self
                .after(answered, self.taken)
                .is_none_or(|end| end > Instant::now()),
            Phase::FirstByte | Phase::Taken | Phase::Nothing => false,
        };
        if is_on_its_way {
            self.since.store(answered, Ordering::Relaxed);
            self.waiting.store(Phase::Taken as u8, Ordering::Relaxed);
        }
    }

    /// The socket took a part of it, or nothing.
    pub(super) fn wrote(&self, something: bool) {
        if something {
            self.blocked.store(TAKES, Ordering::Relaxed);
        } else if self.blocked.load(Ordering::Relaxed) == TAKES {
            self.blocked.store(self.now(), Ordering::Relaxed);
        }
    }

    /// Everything that was written is in the kernel's hands.
    pub(super) fn flushed(&self) {
        if self.waiting() == Phase::Taken {
            self.wait_for(Phase::Request);
        }
    }

    pub(super) fn waiting(&self) -> Phase {
        Phase::ALL[usize::from(self.waiting.load(Ordering::Relaxed))]
    }

    fn wait_for(&self, what: Phase) {
        self.since.store(self.now(), Ordering::Relaxed);
        self.waiting.store(what as u8, Ordering::Relaxed);
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX - 1)
    }

    /// Whether the client has taken nothing for too long.
    pub(super) fn is_stalled(&self) -> bool {
        self.stalls_at().is_some_and(|end| end <= Instant::now())
    }

    /// When it is over; `None` for never, or for later than a clock can tell.
    fn end(&self) -> Option<Instant> {
        let time = match self.waiting() {
            Phase::FirstByte => Some(self.first_byte),
            Phase::Head => Some(self.head),
            Phase::Request => Some(self.request),
            Phase::Taken => Some(self.taken),
            Phase::Nothing => None,
        };
        let since = self.since.load(Ordering::Relaxed);
        let ends = time.and_then(|time| self.after(since, time));
        ends.into_iter().chain(self.stalls_at()).min()
    }

    fn stalls_at(&self) -> Option<Instant> {
        let blocked = self.blocked.load(Ordering::Relaxed);
        (blocked != TAKES)
            .then(|| self.after(blocked, self.stall))
            .flatten()
    }

    fn after(&self, since: u64, time: Duration) -> Option<Instant> {
        let since = self.began.checked_add(Duration::from_millis(since))?;
        since.checked_add(time)
    }
}

/// Rings when a connection's timeouts is over.
///
/// The timer is moved only when it would ring too late; when it rings too
/// early it is set anew. So a connection that is asked one request after the
/// other moves none.
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

    /// Ready when the client has let the server wait for too long.
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
        Timeouts::new(&Limits {
            first_byte_timeout: secs(1),
            head_timeout: secs(2),
            idle_timeout: secs(30),
            answer_timeout: secs(60),
            ..Limits::default()
        })
    }

    /// Whether the alarm rings within the next seconds, and after how many.
    async fn rings(alarm: &mut TimeoutTimer, timeouts: &Timeouts, seconds: u64) -> Option<u64> {
        let before = Instant::now();
        let ring = poll_fn(|cx| alarm.poll(timeouts, cx));
        let rang = tokio::time::timeout(Duration::from_secs(seconds), ring).await;
        rang.ok().map(|()| before.elapsed().as_secs())
    }

    #[tokio::test(start_paused = true)]
    async fn each_part_of_a_request_has_a_time_of_its_own() {
        let timeouts = timeouts();
        let mut alarm = TimeoutTimer::new(&timeouts);
        assert_eq!(rings(&mut alarm, &timeouts, 9).await, Some(1));
        timeouts.received();
        assert_eq!(rings(&mut alarm, &timeouts, 1).await, None);
        // A second byte buys no time.
        timeouts.received();
        assert_eq!(rings(&mut alarm, &timeouts, 9).await, Some(1));
        timeouts.asked();
        assert_eq!(rings(&mut alarm, &timeouts, 999).await, None);
        // A body's bytes, and `100 Continue`, are no beginning of anything.
        timeouts.received();
        timeouts.flushed();
        assert_eq!(rings(&mut alarm, &timeouts, 999).await, None);
        timeouts.answered();
        assert_eq!(rings(&mut alarm, &timeouts, 40).await, None);
        // Every write of it is flushed, and none buys time.
        timeouts.flushed();
        timeouts.writes();
        assert_eq!(rings(&mut alarm, &timeouts, 99).await, Some(20));
        timeouts.flushed();
        assert_eq!(rings(&mut alarm, &timeouts, 99).await, Some(30));
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_asks_on_while_it_takes_an_answer_has_no_less_time_for_it() {
        let timeouts = timeouts();
        let mut alarm = TimeoutTimer::new(&timeouts);
        timeouts.received();
        timeouts.asked();
        timeouts.answered();
        timeouts.flushed();
        timeouts.received();
        timeouts.writes();
        assert_eq!(rings(&mut alarm, &timeouts, 99).await, Some(60));
        // The answer's time is over: only the head's is left.
        timeouts.asked();
        timeouts.answered();
        timeouts.flushed();
        assert_eq!(rings(&mut alarm, &timeouts, 29).await, None);
        tokio::time::advance(Duration::from_secs(31)).await;
        timeouts.received();
        timeouts.writes();
        assert_eq!(rings(&mut alarm, &timeouts, 99).await, Some(2));
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_has_all_time_as_long_as_its_client_takes_something() {
        let timeouts = Timeouts::new(&Limits::default());
        let mut alarm = TimeoutTimer::new(&timeouts);
        timeouts.asked();
        timeouts.wrote(true);
        assert_eq!(rings(&mut alarm, &timeouts, 9999).await, None);
        timeouts.wrote(false);
        assert_eq!(rings(&mut alarm, &timeouts, 20).await, None);
        // Nothing again is no news, and a part of it is.
        timeouts.wrote(false);
        assert!(!timeouts.is_stalled());
        assert_eq!(rings(&mut alarm, &timeouts, 99).await, Some(10));
        assert!(timeouts.is_stalled());
        timeouts.wrote(true);
        assert_eq!(rings(&mut alarm, &timeouts, 9999).await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_shorter_time_is_not_missed_for_a_longer_one() {
        let timeouts = timeouts();
        let mut alarm = TimeoutTimer::new(&timeouts);
        timeouts.asked();
        timeouts.answered();
        timeouts.flushed();
        assert_eq!(rings(&mut alarm, &timeouts, 5).await, None);
        timeouts.received();
        assert_eq!(rings(&mut alarm, &timeouts, 9).await, Some(2));
    }
}
