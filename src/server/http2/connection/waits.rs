//! The timeouts of a connection: what it waits for as a whole, and each of its streams.

use std::sync::atomic::Ordering;
use std::task::Context;

use tokio::time::Instant;

use super::{Ended, Http2Connection};
use crate::server::http2::CLOSE_GRACE;
use crate::server::http2::progress::StreamProgress;
use crate::server::timeouts::WaitingFor;

/// What a connection waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wait {
    For(WaitingFor),
    /// The socket to take something.
    Stall,
    /// The next request.
    Idle,
    /// The client to close.
    Close,
}

impl<H, E> Http2Connection<'_, H, E>
where
    H: Future<Output = hyper::Result<()>> + Unpin,
    E: Future<Output = ()>,
{
    /// Ends what has taken too long, and sets the timer for what may.
    pub(super) fn poll_timer(&mut self, cx: &mut Context<'_>) -> Option<Ended> {
        while let Some(end) = self.next_end() {
            let now = Instant::now();
            if end <= now {
                if let Some(ended) = self.expire(now) {
                    return Some(ended);
                }
                continue;
            }
            // As in `TimeoutTimer`: it is moved only when it would fire too late.
            if end < self.timer.deadline() || self.timer.is_elapsed() {
                self.timer.as_mut().reset(end);
            }
            if self.timer.as_mut().poll(cx).is_pending() {
                break;
            }
        }
        None
    }

    /// What the connection as a whole waits for, and until when.
    fn waits(&self) -> impl Iterator<Item = (Wait, Instant)> {
        let (state, times) = (&**self.state, &self.times);
        let has_request = state.has_request.load(Ordering::Relaxed);
        let first = match state.first_byte.is_never() {
            _ if has_request => None,
            true => state
                .after_start(times.first_byte)
                .map(|end| (Wait::For(WaitingFor::FirstByte), end)),
            false => state
                .first_byte
                .after(state, times.head)
                .map(|end| (Wait::For(WaitingFor::Head), end)),
        };
        let head = state.head.after(state, times.head);
        let head = head.map(|end| (Wait::For(WaitingFor::Head), end));
        let blocked = state.blocked.after(state, times.stall);
        let blocked = blocked.map(|end| (Wait::Stall, end));
        let idle = match self.closing.is_never() {
            true if !has_request => None,
            true => self
                .idle
                .after(state, times.request)
                .map(|end| (Wait::Idle, end)),
            // From the later of the two.
            false => {
                let idle = self.idle.after(state, CLOSE_GRACE);
                let announced = self.closing.after(state, CLOSE_GRACE);
                idle.zip(announced)
                    .map(|(idle, announced)| (Wait::Close, idle.max(announced)))
            }
        };
        [first, head, blocked, idle].into_iter().flatten()
    }

    /// When something takes too long; `None` while nothing can.
    fn next_end(&self) -> Option<Instant> {
        let waits = self.waits().map(|(_, end)| end);
        // Mostly nothing waits for the client: then no stream is looked at.
        let has_unwritten = self.state.has_unwritten();
        let streams = self.streams.iter().map(|(_, stream)| stream);
        let streams = streams
            .chain(&self.unwritten)
            .take_while(|_| has_unwritten)
            .filter_map(|stream| stream.ends_at(self.times.stall, self.times.answer));
        waits.chain(streams).min()
    }

    /// Ends what has taken too long.
    fn expire(&mut self, now: Instant) -> Option<Ended> {
        let expired = self.waits().find(|(_, end)| *end <= now);
        match expired {
            None => {}
            Some((Wait::For(what), _)) => return Some(Ended::TimedOut(what)),
            Some((Wait::Stall, _)) => return Some(self.stalled()),
            Some((Wait::Close, _)) => return Some(Ended::Served),
            Some((Wait::Idle, _)) => {
                self.context.connections.time_out(WaitingFor::Request);
                self.close();
            }
        }
        let is_over = |stream: &StreamProgress| {
            let end = stream.ends_at(self.times.stall, self.times.answer);
            end.is_some_and(|end| end <= now)
        };
        // It can't be reset any more: h2 has its end.
        if self.unwritten.iter().any(|stream| is_over(stream)) {
            self.context.connections.time_out(WaitingFor::Answer);
            return Some(Ended::Stalled);
        }
        let over = self.streams.iter().filter(|(_, stream)| is_over(stream));
        let over: Vec<(usize, bool)> = over
            .map(|(key, stream)| (key, stream.is_events()))
            .collect();
        for (key, is_events) in over {
            tracing::debug!(is_events, "stream reset: its client does not read it");
            match is_events {
                true => self.count_stalled(1),
                false => self.context.connections.time_out(WaitingFor::Answer),
            }
            self.streams.remove(key);
        }
        None
    }
}
