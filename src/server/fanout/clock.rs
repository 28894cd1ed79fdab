//! What depends on time alone: pings, stalled readers, the ends of pauses, tokens
//! that expire, and the times at which streams end while the server drains.

use std::io::{self, ErrorKind};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::catching_up::CatchUpStep;
use super::live::LiveReader;
use super::readers::Readers;
use super::socket::Socket;
use crate::config::Config;

/// Pings are sent up to this part of the interval early, so that readers that
/// were written to together are not pinged together.
const PING_SPREAD: f64 = 1.0 / 8.0;

/// How often [`Readers::tick`] has to be called.
pub(super) fn tick_interval(config: &Config) -> Duration {
    (config.ping / 64)
        .min(config.limits.stall / 8)
        .clamp(Duration::from_millis(2), Duration::from_millis(250))
}

impl<S: Socket> Readers<S> {
    /// Sends the pings that are due, and cuts stalled readers.
    pub(super) fn tick(&mut self, now: Instant) {
        let since_last = now.saturating_duration_since(std::mem::replace(&mut self.last_tick, now));
        self.ping_live(now);
        self.ping_paused(now);
        let config = &self.app.config;
        // While the whole process stood still, no client could have read anything.
        if since_last < config.limits.stall / 2 + 2 * tick_interval(config) {
            self.cut_stalled(now);
        }
        self.table.shrink();
    }

    fn ping_live(&mut self, now: Instant) {
        for group in self.table.groups.numbers() {
            let (config, stamps) = (&self.app.config, self.table.stamps);
            let is_due = |reader: &LiveReader<S>| {
                is_ping_due(
                    reader.token(),
                    stamps.instant(reader.last_write),
                    config,
                    now,
                )
            };
            self.table.groups.get_mut(group).ping(
                stamps.stamp(now),
                is_due,
                &mut self.budget,
                &mut self.exits,
            );
            self.settle(group, now);
        }
    }

    fn ping_paused(&mut self, now: Instant) {
        for token in self.table.paused() {
            let Some(reader) = self.table.catching_up(token) else {
                continue;
            };
            if is_ping_due(token, reader.last_write, &self.app.config, now)
                && let CatchUpStep::Failed(error) = reader.ping(now, &mut self.budget.delivered)
            {
                self.table.fail(token, &error);
            }
        }
    }

    /// Cuts readers that took nothing for too long. Time in which a reader waits
    /// for its turn to write, or for its replay budget, does not count.
    fn cut_stalled(&mut self, now: Instant) {
        let stall = self.app.config.limits.stall;
        let mut stalled = Vec::new();
        for (token, reader) in self.table.all_catching_up() {
            if reader.socket.can_stall()
                && !reader.is_queued
                && reader.paused_until.is_none()
                && now.saturating_duration_since(reader.last_progress) >= stall
            {
                reader.socket.abandon();
                stalled.push(token);
            }
        }
        for token in stalled {
            let error = io::Error::new(ErrorKind::TimedOut, "the client reads nothing");
            self.table.fail(token, &error);
        }
    }

    /// Queues readers whose pauses are over.
    pub(super) fn end_pauses(&mut self, now: Instant) {
        while let Some(token) = self.table.take_ended_pause(now) {
            self.table.end_pause(token, now);
            self.table.queue(token);
        }
    }

    /// Looks at the readers whose token expires soon, or has expired: history tells
    /// them. Returns when the next one is due.
    pub(super) fn expire(&mut self, now: Instant, wall_clock: SystemTime) -> Option<Instant> {
        let since_1970 = wall_clock.duration_since(UNIX_EPOCH).unwrap_or_default();
        while let Some((token, expiry)) = self.table.take_expiring(since_1970.as_secs()) {
            self.table.send_to_history(token, now);
            self.table.end_pause(token, now);
            if let Some(reader) = self.table.catching_up(token) {
                reader.subscription.expire(expiry);
                self.table.queue(token);
            }
        }
        let next = Duration::from_secs(self.table.next_expiration()?);
        now.checked_add(next.saturating_sub(since_1970))
    }

    /// The server drains: draws the time at which each stream ends.
    pub(super) fn drain(&mut self, now: Instant) {
        if self.end_times.is_some() {
            return;
        }
        let draining = &self.app.draining;
        let end_time = |token| (now + draining.draw_turn(), token);
        let mut end_times: Vec<_> = self.table.tokens().map(end_time).collect();
        end_times.sort_unstable_by(|a, b| b.cmp(a));
        self.end_times = Some(end_times);
    }

    /// Begins to end at most `most` streams that are due. Returns the time of the
    /// next one, which may have passed.
    pub(super) fn end_due(&mut self, most: usize, now: Instant) -> Option<Instant> {
        let end_times = self.end_times.as_mut()?;
        let due = end_times.iter().rev().take(most);
        let count = due.take_while(|(at, _)| *at <= now).count();
        let ending = end_times.split_off(end_times.len() - count);
        let next = end_times.last().map(|(at, _)| *at);
        for (_, token) in ending {
            self.table.send_to_history(token, now);
            self.table.end_pause(token, now);
            if let Some(reader) = self.table.catching_up(token) {
                reader.end();
                self.table.queue(token);
            }
        }
        next
    }
}

/// Pings are due between 7/8 of the interval and all of it, at a time that
/// depends on the token: no stream is silent for longer than the interval.
fn is_ping_due(token: usize, last_write: Instant, config: &Config, now: Instant) -> bool {
    // The golden ratio spreads any number of tokens evenly.
    let part = (token as f64 * 0.618_033_988_749_895).fract();
    let early = config.ping.mul_f64(PING_SPREAD * part);
    now.saturating_duration_since(last_write) + early + tick_interval(config) >= config.ping
}
