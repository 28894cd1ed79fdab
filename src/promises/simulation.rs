//! Plays steps on a server and on the model. The requests of senders are in
//! `simulation/requests.rs`, commits and restarts in `simulation/restarts.rs`; the check
//! of each stream against the model is in `reader`.

mod requests;
mod restarts;

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use proptest::sample::Index;
use tokio::runtime::Runtime;

use super::inputs::{LARGE_BUDGET, LARGE_HISTORY, READERS, ROOMS, SimulationCase, SimulationStep};
use super::model::{PublishedByRoom, ServerModel};
use super::reader::Reader;
use super::server_log::ServerLog;
use super::transport::TestTransport;
use crate::chat::{MAX_INLINE_BYTES, ReplayBucket, ReplayBudget, SubscribeError};
use crate::config::Config;
use crate::http::App;
use crate::protocol::Epoch;

/// Plays the steps of a case, then lets all readers read everything: every message must
/// have been received once, in order, or be in a gap.
pub(crate) fn play<T: TestTransport>(case: &SimulationCase) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    // The hub's clock is the runtime's.
    let handle = runtime.handle().clone();
    let _context = handle.enter();
    let mut simulation = Simulation::<T>::new(runtime, case);
    for step in &case.steps {
        simulation.play(step);
    }
    simulation.finish();
}

struct Simulation<T> {
    runtime: Runtime,
    config: Config,
    /// The bounds on history after the next crash, in entries and in bytes, if they
    /// change.
    next_bounds: Option<(usize, usize)>,
    app: Arc<App>,
    log: ServerLog,
    transport: T,
    model: ServerModel,
    /// What was published at the last sync.
    synced: PublishedByRoom,
    /// The number of texts that were published or refused. No two are the same.
    texts: usize,
    /// The first epoch of the present history.
    first_epoch: Epoch,
    readers: Vec<Reader>,
    /// The replay budget of all readers, if replay is limited.
    budget: Option<ReplayBudget>,
}

fn full_budget(config: &Config) -> Option<ReplayBudget> {
    let rate = config.limits.replay_rate?;
    let bucket = ReplayBucket::new(rate, 1000, std::time::Instant::now());
    Some(ReplayBudget::new([Arc::new(bucket)]))
}

impl<T: TestTransport> Simulation<T> {
    fn new(runtime: Runtime, case: &SimulationCase) -> Self {
        let reader = |(number, options)| Reader::new(options, number);
        let options = case.options.iter().cloned();
        let mut app = App::new(case.config.clone()).unwrap();
        let (log, hub) = ServerLog::new(case.log, app.hub);
        app.hub = hub;
        let app = Arc::new(app);
        let model = ServerModel::new();
        Self {
            runtime,
            budget: full_budget(&case.config),
            config: case.config.clone(),
            next_bounds: (case.grows && log.queue_bytes().is_some())
                .then_some((LARGE_HISTORY, LARGE_BUDGET)),
            transport: T::of(&app),
            synced: model.published.clone(),
            first_epoch: app.hub.epoch(),
            readers: options.enumerate().map(reader).collect(),
            app,
            log,
            model,
            texts: 0,
        }
    }

    fn play(&mut self, step: &SimulationStep) {
        match *step {
            SimulationStep::Publish { room, count } => {
                for _ in 0..count {
                    self.publish_next(room, "");
                }
            }
            SimulationStep::PublishLarge { room } => {
                self.publish_next(room, &"x".repeat(MAX_INLINE_BYTES));
            }
            SimulationStep::PublishWithId {
                room,
                client_id,
                text,
            } => self.publish(ROOMS[room], &format!("once {text}"), Some(client_id)),
            SimulationStep::PublishEvent { room, count, large } => {
                for _ in 0..count {
                    self.publish_event(ROOMS[room], large);
                }
            }
            SimulationStep::Change {
                room,
                ref item,
                change,
            } => self.change(ROOMS[room], item, change),
            SimulationStep::Work => self.transport.work(),
            SimulationStep::Read { reader, times } => {
                for _ in 0..times {
                    self.receive(reader, usize::MAX);
                }
            }
            SimulationStep::ReadSome { reader, bytes } => {
                self.receive(reader, bytes);
            }
            SimulationStep::Disconnect { reader, ref byte } => self.cut(reader, byte),
            SimulationStep::Idle { gone } => self.idle(gone),
            SimulationStep::SendJunk { reader } => {
                if self.readers[reader].is_connected {
                    self.transport.send_junk(reader);
                }
            }
            SimulationStep::AdvanceTime { seconds } => {
                self.advance(Duration::from_secs(seconds));
                self.disconnect_ended();
                self.log.tidy();
            }
            SimulationStep::Restart => self.restart(),
            SimulationStep::Commit { steps } => {
                for _ in 0..steps {
                    self.commit_step();
                }
            }
            SimulationStep::Sync => self.sync(),
            SimulationStep::Crash(loss) => self.crash(loss),
            SimulationStep::Burst { times } => self.burst(times),
            SimulationStep::CrashInRead { reader, ref byte } => self.crash_in_read(reader, byte),
            SimulationStep::EndGeneration => self.end_generation(),
            SimulationStep::SetStale(is_stale) => self.set_stale(is_stale),
            SimulationStep::Drain => self.drain(),
        }
    }

    fn set_stale(&self, is_stale: bool) {
        self.app.hub.set_stale(is_stale.then_some(UNIX_EPOCH));
    }

    fn idle(&mut self, gone: [bool; READERS]) {
        let gone = (0..READERS).filter(|&reader| gone[reader]);
        gone.for_each(|reader| self.disconnect(reader));
        // They leave their rooms before the time passes.
        self.advance(Duration::ZERO);
        let mut idle = ROOMS.to_vec();
        idle.retain(|room| {
            let is_used = self.readers.iter().any(|reader| reader.is_in(room));
            !is_used && !self.model.has_pending(room)
        });
        self.advance(Duration::from_secs(100));
        self.disconnect_ended();
        self.app.hub.tick();
        for room in self.app.hub.rooms(None, ROOMS.len()) {
            let name = room.room.as_str();
            assert!(!idle.contains(&name), "{name} was not forgotten");
        }
        self.log.tidy();
    }

    fn drain(&mut self) {
        self.app.draining.begin(Duration::ZERO);
        self.advance(Duration::from_millis(10));
        // Before the time passes in which a reader waits: none of the others stalls.
        for reader in 0..READERS {
            if self.readers[reader].is_connected {
                self.receive(reader, usize::MAX);
            }
        }
        (0..READERS).for_each(|reader| self.read_to_end(reader));
        self.restart();
    }

    fn advance(&mut self, time: Duration) {
        self.runtime.block_on(tokio::time::advance(time));
        self.transport.pass(time);
    }

    /// The server ends a stream with `bye`.
    fn read_to_end(&mut self, reader: usize) {
        if !self.readers[reader].is_connected {
            return;
        }
        let mut has_ended = false;
        while !has_ended {
            // Bytes from before the end are still to be read.
            has_ended = self.transport.has_ended(reader);
            if self.receive(reader, usize::MAX) == 0 {
                // It may wait for a commit.
                self.commit_all();
                self.advance(Duration::from_millis(100));
            }
        }
        assert!(self.readers[reader].has_bye, "the last event is bye");
    }

    /// All readers connect and read everything: now no message may be missing.
    fn finish(&mut self) {
        self.commit_all();
        self.check_pages(usize::MAX);
        for reader in 0..READERS {
            let mut idle_reads = 0;
            loop {
                if self.receive(reader, usize::MAX) > 0 {
                    continue;
                }
                // Ten waits are enough for the replay of all readers.
                idle_reads += 1;
                let is_connected = self.readers[reader].is_connected;
                let may_wait = self.budget.is_some() || self.log.queue_bytes().is_some();
                if !may_wait || !is_connected || idle_reads > 10 {
                    break;
                }
                self.commit_all();
                self.advance(Duration::from_millis(200));
                self.disconnect_if_ended(reader);
            }
            let is_stale = self.app.hub.is_stale();
            self.readers[reader].check_complete(&self.model.published, is_stale);
        }
    }

    /// The reader reads from its stream, and connects first if it has to.
    fn read(&mut self, number: usize, max_bytes: usize) -> Vec<u8> {
        let reader = &mut self.readers[number];
        if !reader.is_connected {
            match reader.connect(&self.app, &self.model.published) {
                Ok(mut subscription) => {
                    if let Some(budget) = &self.budget {
                        subscription.limit_replay(budget.clone());
                    }
                    self.transport.open(number, subscription);
                }
                Err(SubscribeError::RoomLimit(_)) => return Vec::new(),
                Err(SubscribeError::MemberLimit) => unreachable!("the limit is far above READERS"),
            }
        }
        self.transport.read(number, max_bytes)
    }

    /// The reader reads and checks its stream. Returns the number of bytes.
    fn receive(&mut self, reader: usize, max_bytes: usize) -> usize {
        let bytes = self.read(reader, max_bytes);
        self.readers[reader].receive(&bytes, &self.model.published);
        bytes.len()
    }

    /// The reader is disconnected after it has got a part of what it reads.
    fn cut(&mut self, reader: usize, byte: &Index) {
        let bytes = self.read(reader, usize::MAX);
        let received = &bytes[..byte.index(bytes.len() + 1)];
        self.readers[reader].receive(received, &self.model.published);
        self.disconnect(reader);
    }

    fn disconnect_ended(&mut self) {
        (0..READERS).for_each(|reader| self.disconnect_if_ended(reader));
    }

    fn disconnect_if_ended(&mut self, reader: usize) {
        if self.readers[reader].is_connected && self.transport.has_ended(reader) {
            self.disconnect(reader);
        }
    }

    fn disconnect(&mut self, reader: usize) {
        self.readers[reader].disconnect(&self.model.published);
        self.transport.close(reader);
    }
}
