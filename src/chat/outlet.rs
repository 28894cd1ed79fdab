//! What goes from the rooms to one consumer: a worker that writes to many
//! readers, or a stream of its own.
//!
//! The rooms put events in under the hub's lock, so they stand in the order in
//! which they were said, over all rooms. The consumer takes all of them at
//! once. One that does not come in time costs nothing more: the outlet empties
//! itself and closes, and the consumer goes back to history.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::time::Instant;

use super::message::Frame;
use super::room_key::RoomKey;
use crate::sse;

/// How far a consumer may be behind.
#[derive(Debug, Clone, Copy)]
pub struct OutletBounds {
    /// Most events that wait.
    pub events: usize,
    /// Most bytes of them. A single event may have more.
    pub bytes: usize,
}

/// What a consumer is handed.
#[derive(Debug, Clone)]
pub struct Live {
    /// Where it happened.
    pub room: RoomKey,
    /// What it is.
    pub news: News,
    /// When it happened.
    pub at: Instant,
}

/// What happened in a room.
#[derive(Debug, Clone)]
pub enum News {
    /// A message.
    Update(Frame),
    /// Who came and left: for those who want to be told.
    Presence(sse::Encoded),
}

/// Something was lost: the consumer's readers go back to history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lagged;

/// The queue between the rooms and one consumer.
#[derive(Debug)]
pub struct Outlet {
    bounds: OutletBounds,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Open: every event of the attached rooms is in `events`, or was taken.
    /// Opened by whoever goes live, under the hub's lock; closed by the first
    /// event too many.
    open: bool,
    /// It was closed, and the consumer does not know yet.
    lost: bool,
    events: Vec<Live>,
    bytes: usize,
    /// How many events came before those in `events`.
    before: u64,
    waker: Option<Waker>,
}

impl Outlet {
    /// A closed outlet.
    pub fn new(bounds: OutletBounds) -> Self {
        Self {
            bounds,
            state: Mutex::default(),
        }
    }

    /// All that happened since the last time, put into `events`, which must be
    /// empty; and the position of the first of them. Positions go up by one.
    /// Pending while there is nothing.
    ///
    /// # Errors
    ///
    /// [`Lagged`], once, when something was lost. Readers that were live
    /// before are not any more.
    pub fn poll_take(
        &self,
        cx: &mut Context<'_>,
        events: &mut Vec<Live>,
    ) -> Poll<Result<u64, Lagged>> {
        debug_assert!(events.is_empty(), "what was taken was worked off");
        let mut state = self.lock();
        if std::mem::take(&mut state.lost) {
            return Poll::Ready(Err(Lagged));
        }
        if state.events.is_empty() {
            let known = state.waker.as_ref();
            if known.is_none_or(|waker| !waker.will_wake(cx.waker())) {
                state.waker = Some(cx.waker().clone());
            }
            return Poll::Pending;
        }
        std::mem::swap(&mut state.events, events);
        state.bytes = 0;
        let first = state.before;
        state.before += events.len() as u64;
        Poll::Ready(Ok(first))
    }

    /// How many events wait to be taken.
    pub fn waiting(&self) -> usize {
        self.lock().events.len()
    }

    /// A reader goes live: the position of the first event that is for it.
    /// Under the hub's lock, with nothing left for the reader in history.
    pub(super) fn open(&self) -> u64 {
        let mut state = self.lock();
        state.open = true;
        state.before + state.events.len() as u64
    }

    /// Puts an event in, under the hub's lock. Returns whom to wake when that
    /// is given back, if the consumer sleeps: for a worker that is a system call.
    #[must_use]
    pub(super) fn push(&self, live: Live) -> Option<Waker> {
        let mut state = self.lock();
        if !state.open {
            return None;
        }
        let bytes = state.bytes + live.news.bytes();
        let full = state.events.len() >= self.bounds.events || bytes > self.bounds.bytes;
        if full && !state.events.is_empty() {
            state.close();
        } else {
            state.bytes = bytes;
            state.events.push(live);
        }
        state.waker.take()
    }

    /// A panic under the lock can only come from a bug; the others go on.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Not cleared but dropped: a consumer that is stuck keeps nothing alive.
    fn close(&mut self) {
        self.before += self.events.len() as u64;
        self.events = Vec::new();
        self.bytes = 0;
        self.open = false;
        self.lost = true;
    }
}

impl News {
    /// How many bytes it is on the wire.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Update(frame) => frame.event().chunk().len(),
            Self::Presence(event) => event.chunk().len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
    use std::task::Wake;

    use super::*;

    #[derive(Default)]
    struct Rings(AtomicUsize);

    impl Wake for Rings {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn event(bytes: usize) -> Live {
        Live {
            room: RoomKey::default(),
            news: News::Presence(sse::Event::with_capacity(0).json(&"x".repeat(bytes))),
            at: Instant::now(),
        }
    }

    fn push(outlet: &Outlet, live: Live) {
        outlet.push(live).into_iter().for_each(Waker::wake);
    }

    fn take(outlet: &Outlet) -> Poll<Result<(u64, usize), Lagged>> {
        let mut events = Vec::new();
        let taken = outlet.poll_take(&mut Context::from_waker(Waker::noop()), &mut events);
        taken.map_ok(|first| (first, events.len()))
    }

    fn opened(events: usize, bytes: usize) -> Outlet {
        let outlet = Outlet::new(OutletBounds { events, bytes });
        assert_eq!(outlet.open(), 0);
        outlet
    }

    #[test]
    fn events_are_taken_once_and_positions_go_on() {
        let outlet = opened(10, 1000);
        assert_eq!(take(&outlet), Poll::Pending);
        (0..3).for_each(|_| push(&outlet, event(1)));
        assert_eq!(outlet.open(), 3, "what waits is not for who comes now");
        assert_eq!(take(&outlet), Poll::Ready(Ok((0, 3))));
        assert_eq!(take(&outlet), Poll::Pending);
        push(&outlet, event(1));
        assert_eq!(take(&outlet), Poll::Ready(Ok((3, 1))));
    }

    #[test]
    fn one_event_too_many_empties_and_closes_it_and_the_next_reader_opens_it() {
        let outlet = opened(3, 1000);
        (0..4).for_each(|_| push(&outlet, event(1)));
        push(&outlet, event(1));
        assert_eq!(outlet.open(), 3);
        push(&outlet, event(1));
        assert_eq!(take(&outlet), Poll::Ready(Err(Lagged)), "told first");
        assert_eq!(take(&outlet), Poll::Ready(Ok((3, 1))));
        assert_eq!(take(&outlet), Poll::Pending, "and told once");
    }

    #[test]
    fn bytes_are_bounded_but_for_a_single_event() {
        let outlet = opened(10, 1000);
        push(&outlet, event(5000));
        assert_eq!(take(&outlet), Poll::Ready(Ok((0, 1))));
        push(&outlet, event(600));
        push(&outlet, event(600));
        assert_eq!(take(&outlet), Poll::Ready(Err(Lagged)));
        assert_eq!(take(&outlet), Poll::Pending, "closed");
    }

    #[test]
    fn a_closed_outlet_takes_nothing() {
        let bounds = OutletBounds {
            events: 1,
            bytes: 1,
        };
        let outlet = Outlet::new(bounds);
        push(&outlet, event(1));
        assert_eq!(take(&outlet), Poll::Pending);
    }

    #[test]
    fn a_sleeping_consumer_is_woken_once() {
        let outlet = opened(10, 1000);
        let rings = Arc::new(Rings::default());
        let waker = Waker::from(Arc::clone(&rings));
        let mut cx = Context::from_waker(&waker);
        let mut events = Vec::new();
        assert!(outlet.poll_take(&mut cx, &mut events).is_pending());
        assert!(outlet.poll_take(&mut cx, &mut events).is_pending());
        (0..3).for_each(|_| push(&outlet, event(1)));
        assert_eq!(rings.0.load(Ordering::Relaxed), 1);
    }

    /// Whatever way two threads interleave, no event and no waking is lost.
    #[test]
    fn what_another_thread_pushes_arrives_without_a_hole_or_is_told_as_lost() {
        for bound in [1, 2, 1000] {
            let (outlet, stop) = (opened(bound, usize::MAX), AtomicBool::new(false));
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .build()
                .unwrap();
            let consume = async {
                let (mut next, mut events) = (0, Vec::new());
                for _ in 0..10_000 {
                    let take = std::future::poll_fn(|cx| outlet.poll_take(cx, &mut events));
                    let taken = tokio::time::timeout(std::time::Duration::from_secs(60), take);
                    match taken.await {
                        Ok(Ok(first)) if first != next => return Err("a hole"),
                        Ok(Ok(_)) => {}
                        Ok(Err(Lagged)) => next = outlet.open(),
                        Err(_) => return Err("a waiting consumer was not woken"),
                    }
                    next += events.drain(..).count() as u64;
                }
                Ok(())
            };
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    while !stop.load(Ordering::Relaxed) {
                        push(&outlet, event(1));
                    }
                });
                let consumed = runtime.block_on(consume);
                stop.store(true, Ordering::Relaxed);
                assert_eq!(consumed, Ok(()));
            });
        }
    }
}
