//! Readers whose budget for replay is spent: they are not written to but for
//! pings, and go on when their part of the budget is there.

use std::time::Instant;

use super::super::catching_up::Step;
use super::super::socket::Socket;
use super::clock::is_ping_due;
use super::{Readers, State};

impl<S: Socket> Readers<S> {
    /// A reader has to wait until then. Its socket may take bytes meanwhile,
    /// and it finds that it still has to wait.
    pub(super) fn pause(&mut self, token: usize, until: Instant) {
        let Some(behind) = self.behind(token) else {
            return;
        };
        let before = behind.paused.replace(until);
        if let Some(before) = before.filter(|before| *before != until) {
            self.pauses.remove(&(before, token));
        }
        self.pauses.insert((until, token));
    }

    /// Readers whose pauses are over may write.
    pub(in super::super) fn end_pauses(&mut self, now: Instant) {
        while let Some(&(until, token)) = self.pauses.first()
            && until <= now
        {
            self.pauses.pop_first();
            self.end_pause(token, now);
            self.queue(token);
        }
    }

    /// When the first of all pauses ends.
    pub(in super::super) fn first_pause(&self) -> Option<Instant> {
        self.pauses.first().map(|&(until, _)| until)
    }

    /// A reader waits no more, if it did.
    pub(super) fn end_pause(&mut self, token: usize, now: Instant) {
        let Some(behind) = self.behind(token) else {
            return;
        };
        if let Some(until) = behind.paused {
            behind.go_on(now);
            self.pauses.remove(&(until, token));
        }
    }

    /// A ping to those that are paused and for which it is time.
    pub(super) fn ping_paused(&mut self, now: Instant) {
        let tokens: Vec<usize> = self.pauses.iter().map(|&(_, token)| token).collect();
        for token in tokens {
            self.ping_if_due(token, now);
        }
    }

    fn ping_if_due(&mut self, token: usize, now: Instant) {
        let State::CatchingUp(behind) = &mut self.places[token].state else {
            return;
        };
        if is_ping_due(token, behind.quiet_since, &self.app.config, now)
            && let Step::Gone(error) = behind.ping(now, &mut self.pace.told)
        {
            self.lose(token, &error);
        }
    }
}
