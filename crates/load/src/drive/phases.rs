//! What each mode does, one phase after the other.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use super::{Drive, Silence, cant_start, join, nothing_accepted};
use crate::error::LoadError;
use crate::ledger::Sent;
use crate::order::Order;
use crate::plan::{Length, Load};
use crate::published::Published;
use crate::publisher;
use crate::schedule::{Bounds, Schedule};
use crate::usage::Usage;

/// How long a server has to give memory back after its last subscriber left:
/// allocators wait for a second or more.
const GIVE_BACK: Duration = Duration::from_secs(3);

impl Drive<'_> {
    pub(super) async fn fan_out(&mut self) -> Result<(), LoadError> {
        self.connect().await?;
        self.rest().await;
        if self.plan().churn > 0 {
            self.order(|| Order::Churn);
        }
        let bounds = self.bounds();
        let measured_from = &self.found.shared.measured_from_ns;
        measured_from.store(bounds.measured_from_ns, Relaxed);
        let load = self.plan().load;
        let listeners = self.listeners();
        let sent = Sent::new(self.plan().publishers, self.plan().rooms);
        let schedule = Schedule::new(load, bounds);
        let publishing = publisher::start(&self.found.shared, schedule, listeners, sent)
            .map_err(|error| cant_start(&error))?;
        self.wait("warming up", |shared| {
            shared.now_ns() >= bounds.measured_from_ns
        })
        .await;
        self.begin(bounds.measured_from_ns);
        self.wait_in_any_case("measuring", |_| publishing.is_finished())
            .await;
        let published = join(publishing)?;
        self.found.published = Some(published);
        self.drain().await;
        self.end();
        Ok(())
    }

    pub(super) async fn idle(&mut self) -> Result<(), LoadError> {
        self.connect().await?;
        self.rest().await;
        let length = match self.plan().length {
            Length::Time(time) => time,
            Length::Messages(_) => Duration::ZERO,
        };
        let began_ns = self.now_ns();
        self.begin(began_ns);
        let until_ns = began_ns + length.as_nanos() as u64;
        self.wait("measuring", |shared| shared.now_ns() >= until_ns)
            .await;
        self.end();
        self.leave().await;
        Ok(())
    }

    /// All subscribers leave, and the server has time to give back what they took.
    async fn leave(&mut self) {
        if self.found.server.is_none() || self.found.subscribers == 0 {
            return;
        }
        self.order(|| Order::Cut);
        let until_ns = self.now_ns() + GIVE_BACK.as_nanos() as u64;
        self.wait("leaving", |shared| shared.now_ns() >= until_ns)
            .await;
        if !self.stop.is_cancelled() {
            self.look_if_it_lives(|looks| looks.left.insert(Usage::default()));
        }
    }

    pub(super) async fn storm(&mut self) -> Result<(), LoadError> {
        self.begin(self.now_ns());
        self.connect().await?;
        self.end();
        Ok(())
    }

    pub(super) async fn resume(&mut self) -> Result<(), LoadError> {
        self.connect().await?;
        self.rest().await;
        // One message a room, so that every subscriber has an id to go on from.
        let (rooms, missed) = (self.plan().rooms as u64, self.plan().missed);
        let listeners = self.listeners();
        let sent = Sent::new(self.plan().publishers, self.plan().rooms);
        let first = self.publish_now(rooms, listeners, sent).await?;
        self.drain().await;
        self.order(|| Order::Cut);
        self.wait("cutting", |shared| {
            shared.counters.connected.load(Relaxed) == 0
        })
        .await;
        let nobody = vec![0; self.plan().rooms];
        let mut published = self.publish_now(rooms * missed, nobody, first.sent).await?;
        published.refused += first.refused;
        published.unanswered += first.unanswered;
        let whole_at: Vec<u64> = (0..self.plan().rooms)
            .map(|room| published.sent.accepted(room))
            .collect();
        self.found.published = Some(published);
        self.found.return_ns = self.now_ns();
        self.begin(self.found.return_ns);
        self.order(|| Order::Return(whole_at.clone()));
        self.wait_for_all_to_be_whole().await;
        self.end();
        Ok(())
    }

    /// Until every subscriber is whole, or nothing has come for as long as a
    /// message may take.
    async fn wait_for_all_to_be_whole(&mut self) {
        let opened = self.found.shared.counters.opened.load(Relaxed);
        let mut silence = Silence::new(&self.found.shared);
        self.wait("coming back", |shared| {
            let whole = shared.counters.whole.load(Relaxed);
            whole >= opened || silence.is_over(shared)
        })
        .await;
    }

    /// Sends `messages` messages as fast as they are answered.
    async fn publish_now(
        &mut self,
        messages: u64,
        listeners: publisher::Listeners,
        sent: Sent,
    ) -> Result<Published, LoadError> {
        let now_ns = self.now_ns();
        let bounds = Bounds {
            began_ns: now_ns,
            measured_from_ns: now_ns,
            ends_ns: None,
            messages: Some(messages),
        };
        let schedule = Schedule::new(Load::Answered, bounds);
        let publishing = publisher::start(&self.found.shared, schedule, listeners, sent)
            .map_err(|error| cant_start(&error))?;
        self.wait_in_any_case("publishing", |_| publishing.is_finished())
            .await;
        let published = join(publishing)?;
        match published.sent.accepted_in_all() {
            0 => Err(self.or_interrupted(nothing_accepted(&published))),
            _ => Ok(published),
        }
    }
}
