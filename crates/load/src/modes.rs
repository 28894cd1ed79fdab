//! The phases of each mode.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use crate::driver::{Driver, QuietTimer};
use crate::error::LoadError;
use crate::handshakes::HandshakeTimes;
use crate::ledger::SentLog;
use crate::plan::{Length, Mode, Pacing};
use crate::publisher;
use crate::readers::Command;
use crate::run_data::{PublishTotals, RunData};
use crate::schedule::{Bounds, Schedule};
use crate::usage::ProcessUsage;

/// How long a server has to return memory after its last subscriber left:
/// allocators wait for a second or more.
const GIVE_BACK: Duration = Duration::from_secs(3);

impl Driver<'_> {
    /// Runs the phases of the plan's mode.
    pub(crate) async fn run(mut self) -> Result<RunData, LoadError> {
        self.sample_server(|server| &mut server.before)?;
        match self.plan().mode {
            Mode::Fanout | Mode::Publish => self.fan_out().await?,
            Mode::Idle => self.idle().await?,
            Mode::Connect => self.connect_storm().await?,
            Mode::Resume => self.resume().await?,
            Mode::Handshakes => self.handshakes().await?,
        }
        self.finish()
    }

    async fn fan_out(&mut self) -> Result<(), LoadError> {
        self.connect().await?;
        self.settle().await;
        if self.plan().churn > 0 {
            self.command(|| Command::Churn);
        }
        let bounds = self.bounds();
        let from_ns = bounds.measured_from_ns;
        let measured_from = &self.data.shared.measured_from_ns;
        measured_from.store(from_ns, Relaxed);
        let schedule = Schedule::new(self.plan().pacing, bounds);
        let workers = self.workers_per_room();
        let sent = SentLog::new(self.plan().publishers, self.plan().rooms);
        let published = self.publish(schedule, workers, sent, Some(from_ns)).await?;
        self.data.published = Some(published);
        self.drain().await;
        self.end();
        Ok(())
    }

    async fn idle(&mut self) -> Result<(), LoadError> {
        self.connect().await?;
        self.settle().await;
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

    /// Disconnects all subscribers, and samples the memory that is left.
    async fn leave(&mut self) {
        if self.data.server.is_none() || self.data.subscribers == 0 {
            return;
        }
        self.command(|| Command::Disconnect);
        let until_ns = self.now_ns() + GIVE_BACK.as_nanos() as u64;
        self.wait("leaving", |shared| shared.now_ns() >= until_ns)
            .await;
        if !self.is_cancelled() {
            self.sample_server_or_note(|server| server.left.insert(ProcessUsage::default()));
        }
    }

    async fn connect_storm(&mut self) -> Result<(), LoadError> {
        self.begin(self.now_ns());
        self.connect().await?;
        self.end();
        Ok(())
    }

    async fn handshakes(&mut self) -> Result<(), LoadError> {
        let bounds = self.bounds();
        let from_ns = bounds.measured_from_ns;
        let times = HandshakeTimes {
            measured_from_ns: from_ns,
            until_ns: bounds.ends_ns.unwrap_or(from_ns),
        };
        let threads = self.start_handshakes(times)?;
        self.wait("warming up", |shared| shared.now_ns() >= from_ns)
            .await;
        self.begin(from_ns);
        self.wait_even_if_cancelled("measuring", |_| {
            threads.iter().all(|thread| thread.is_finished())
        })
        .await;
        self.end();
        self.join_handshakes(threads)
    }

    async fn resume(&mut self) -> Result<(), LoadError> {
        self.connect().await?;
        self.settle().await;
        // One message per room, so that every subscriber has a cursor to resume from.
        let (rooms, missed) = (self.plan().rooms as u64, self.plan().missed);
        let workers = self.workers_per_room();
        let sent = SentLog::new(self.plan().publishers, self.plan().rooms);
        let first = self.publish_now(rooms, workers, sent).await?;
        self.drain().await;
        self.command(|| Command::Disconnect);
        self.wait("cutting", |shared| {
            shared.counters.connected.load(Relaxed) == 0
        })
        .await;
        let no_workers = vec![0; self.plan().rooms];
        let mut published = self
            .publish_now(rooms * missed, no_workers, first.sent)
            .await?;
        published.refused += first.refused;
        published.unanswered += first.unanswered;
        let expected: Vec<u64> = (0..self.plan().rooms)
            .map(|room| published.sent.accepted(room))
            .collect();
        self.data.published = Some(published);
        self.data.reconnect_ns = self.now_ns();
        self.begin(self.data.reconnect_ns);
        self.command(|| Command::Reconnect(expected.clone()));
        self.wait_until_complete().await;
        self.end();
        Ok(())
    }

    /// Waits until every subscriber has what it missed, or no delivery has come for
    /// as long as a message may take.
    async fn wait_until_complete(&mut self) {
        let opened = self.data.shared.counters.opened.load(Relaxed);
        let mut quiet = QuietTimer::new(&self.data.shared);
        self.wait("coming back", |shared| {
            let resumed = shared.counters.resumed.load(Relaxed);
            resumed >= opened || quiet.is_over(shared)
        })
        .await;
    }

    /// Publishes `messages` messages, each after the answer to the one before.
    async fn publish_now(
        &mut self,
        messages: u64,
        workers_per_room: publisher::WorkersPerRoom,
        sent: SentLog,
    ) -> Result<PublishTotals, LoadError> {
        let now_ns = self.now_ns();
        let bounds = Bounds {
            began_ns: now_ns,
            measured_from_ns: now_ns,
            ends_ns: None,
            messages: Some(messages),
        };
        let schedule = Schedule::new(Pacing::Answered, bounds);
        let published = self.publish(schedule, workers_per_room, sent, None).await?;
        self.check_accepted(&published)?;
        Ok(published)
    }
}
