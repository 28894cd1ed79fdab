//! What depends on time alone: pings, readers that take nothing, and the turns
//! in which readers end when the server drains.

use std::io::{self, ErrorKind};
use std::time::{Duration, Instant};

use super::super::live::Live;
use super::super::socket::Socket;
use super::{Readers, State};
use crate::config::Config;

/// Pings go out from so much before they must, so that readers that were
/// written to together are not pinged together.
const PING_SPREAD: f64 = 1.0 / 8.0;

impl<S: Socket> Readers<S> {
    /// Looks at the clock, every [`tick`].
    pub(in super::super) fn tick(&mut self, now: Instant) {
        let pause = now.saturating_duration_since(std::mem::replace(&mut self.ticked, now));
        for group in self.groups.numbers() {
            let (config, base) = (&self.app.config, self.base);
            let is_due = |reader: &Live<S>| {
                is_ping_due(reader.token, base.instant(reader.quiet_since), config, now)
            };
            self.groups.get_mut(group).ping(
                base.stamp(now),
                is_due,
                &mut self.pace,
                &mut self.left,
            );
            self.settle(group, now);
        }
        self.ping_paused(now);
        // If the whole process stood still, nobody could have taken anything.
        if pause < self.app.config.limits.stall / 2 + 2 * tick(&self.app.config) {
            self.end_stalled(now);
        }
        self.shrink();
    }

    /// Ends readers that took nothing for too long. The time does not count in
    /// which a reader waits for its turn to write, or for its budget.
    fn end_stalled(&mut self, now: Instant) {
        let stall = self.app.config.limits.stall;
        let mut stalled = Vec::new();
        for (token, place) in &mut self.places {
            if let State::CatchingUp(behind) = &mut place.state
                && behind.socket.can_stall()
                && !behind.queued
                && behind.paused.is_none()
                && now.saturating_duration_since(behind.progress) >= stall
            {
                behind.socket.abandon();
                stalled.push(token);
            }
        }
        for token in stalled {
            let error = io::Error::new(ErrorKind::TimedOut, "it took nothing for too long");
            self.lose(token, &error);
        }
    }

    /// The server drains: each reader gets its turn to end.
    pub(in super::super) fn drain(&mut self, now: Instant) {
        if self.turns.is_some() {
            return;
        }
        let draining = &self.app.draining;
        let turn = |(token, _)| (now + draining.draw_turn(), token);
        let mut turns: Vec<_> = self.places.iter().map(turn).collect();
        turns.sort_unstable_by(|a, b| b.cmp(a));
        self.turns = Some(turns);
    }

    /// Begins to end so many of those whose turn has come; says when the next
    /// turn is, or was.
    pub(in super::super) fn end_due(&mut self, most: usize, now: Instant) -> Option<Instant> {
        let turns = self.turns.as_mut()?;
        let due = turns.iter().rev().take(most);
        let count = due.take_while(|(at, _)| *at <= now).count();
        let ending = turns.split_off(turns.len() - count);
        let next = turns.last().map(|(at, _)| *at);
        for (_, token) in ending {
            self.unpark(token, now);
            self.end_pause(token, now);
            if let Some(behind) = self.behind(token) {
                behind.end();
                self.queue(token);
            }
        }
        next
    }
}

/// Pings are due between 7/8 of the time and all of it, by a reader's own part
/// of that: no stream is silent for longer than it was promised.
pub(super) fn is_ping_due(
    token: usize,
    quiet_since: Instant,
    config: &Config,
    now: Instant,
) -> bool {
    // The golden section spreads any number of tokens evenly.
    let part = (token as f64 * 0.618_033_988_749_895).fract();
    let early = config.ping.mul_f64(PING_SPREAD * part);
    now.saturating_duration_since(quiet_since) + early + tick(config) >= config.ping
}

/// How often [`Readers::tick`] wants to be called.
pub(in super::super) fn tick(config: &Config) -> Duration {
    (config.ping / 64)
        .min(config.limits.stall / 8)
        .clamp(Duration::from_millis(2), Duration::from_millis(250))
}
