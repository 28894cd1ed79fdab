//! Plays steps on a server and on the model. The requests of senders are in
//! `simulation/requests.rs`, the check of each stream against the model is in `reader`.

mod requests;

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Runtime;

use super::inputs::{Loss, READERS, ROOMS, ReaderOptions, SimulationStep};
use super::model::PublishedByRoom;
use super::reader::Reader;
use super::transport::TestTransport;
use crate::chat::{Hub, MAX_INLINE_BYTES, ReplayBucket, ReplayBudget, SavedRooms, SubscribeError};
use crate::config::Config;
use crate::http::App;
use crate::protocol::Epoch;

/// Plays `steps`, then lets all readers read everything: every message must have
/// been received once, in order, or be in a gap.
pub(crate) fn play<T: TestTransport>(
    config: Config,
    options: Vec<ReaderOptions>,
    steps: &[SimulationStep],
) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    // The hub's clock is the runtime's.
    let handle = runtime.handle().clone();
    let _context = handle.enter();
    let mut simulation = Simulation::<T>::new(runtime, config, options);
    for step in steps {
        simulation.play(step);
    }
    simulation.finish();
}

struct Simulation<T> {
    runtime: Runtime,
    config: Config,
    app: Arc<App>,
    transport: T,
    published: PublishedByRoom,
    /// What was durable at the last sync, and what was published then.
    synced: (SavedRooms, PublishedByRoom),
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
    fn new(runtime: Runtime, config: Config, options: Vec<ReaderOptions>) -> Self {
        let reader = |(number, options)| Reader::new(options, number);
        let readers = options.into_iter().enumerate().map(reader).collect();
        let app = Arc::new(App::new(config.clone()).unwrap());
        let published: PublishedByRoom = ROOMS.map(|room| (room, Vec::new())).into();
        Self {
            runtime,
            budget: full_budget(&config),
            config,
            transport: T::of(&app),
            synced: (app.hub.save(), published.clone()),
            first_epoch: app.hub.epoch(),
            app,
            published,
            readers,
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
            } => {
                let published = &self.published[ROOMS[room]];
                if !published.is_empty() {
                    let index = item.index(published.len());
                    self.change(ROOMS[room], index, change);
                }
            }
            SimulationStep::Work => self.transport.work(),
            SimulationStep::Read { reader, times } => {
                for _ in 0..times {
                    self.receive(reader, usize::MAX);
                }
            }
            SimulationStep::ReadSome { reader, bytes } => {
                self.receive(reader, bytes);
            }
            SimulationStep::Disconnect { reader, ref byte } => {
                let bytes = self.read(reader, usize::MAX);
                let received = &bytes[..byte.index(bytes.len() + 1)];
                self.readers[reader].receive(received, &self.published);
                self.disconnect(reader);
            }
            SimulationStep::Idle { gone } => self.idle(gone),
            SimulationStep::SendJunk { reader } => {
                if self.readers[reader].is_connected {
                    self.transport.send_junk(reader);
                }
            }
            SimulationStep::AdvanceTime { seconds } => {
                self.advance(Duration::from_secs(seconds));
                self.disconnect_ended();
            }
            SimulationStep::Restart => self.restart(),
            SimulationStep::Sync => self.sync(),
            SimulationStep::Reopen(loss) => self.reopen(loss),
            SimulationStep::Drain => self.drain(),
        }
    }

    fn idle(&mut self, gone: [bool; READERS]) {
        let gone = (0..READERS).filter(|&reader| gone[reader]);
        gone.for_each(|reader| self.disconnect(reader));
        // They leave their rooms before the time passes.
        self.advance(Duration::ZERO);
        let is_idle = |room: &str| !self.readers.iter().any(|reader| reader.is_in(room));
        let idle = ROOMS.into_iter().filter(|room| is_idle(room));
        let idle: Vec<_> = idle.collect();
        self.advance(Duration::from_secs(100));
        self.disconnect_ended();
        self.app.hub.tick();
        for room in self.app.hub.rooms(None, ROOMS.len()) {
            let name = room.room.as_str();
            assert!(!idle.contains(&name), "{name} was not forgotten");
        }
    }

    fn drain(&mut self) {
        self.app.draining.begin(Duration::ZERO);
        self.advance(Duration::from_millis(10));
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
            self.receive(reader, usize::MAX);
        }
        assert!(self.readers[reader].has_bye, "the last event is bye");
    }

    fn restart(&mut self) {
        self.start(self.app.hub.replace());
        self.first_epoch = self.app.hub.epoch();
        self.sync();
    }

    fn sync(&mut self) {
        self.synced = (self.app.hub.save(), self.published.clone());
    }

    fn reopen(&mut self, loss: Loss) {
        let hub = &self.app.hub;
        let hub = match loss {
            Loss::Nothing => Hub::reopen(&hub.save()),
            Loss::NothingKnown => hub.reopen_older(&hub.save()),
            Loss::Suffix => hub.reopen_older(&self.synced.0),
        };
        self.start(hub);
        if let Loss::Suffix = loss {
            self.published = self.synced.1.clone();
            for reader in &mut self.readers {
                reader.lose(&self.published);
            }
        }
        self.sync();
    }

    /// The server crashes, and starts again with this hub.
    fn start(&mut self, hub: Arc<Hub>) {
        (0..READERS).for_each(|reader| self.disconnect(reader));
        let mut app = App::new(self.config.clone()).unwrap();
        app.hub = hub;
        self.app = Arc::new(app);
        self.transport = T::of(&self.app);
        self.budget = full_budget(&self.config);
    }

    /// All readers connect and read everything: now no message may be missing.
    fn finish(&mut self) {
        for reader in 0..READERS {
            let mut idle_reads = 0;
            loop {
                if self.receive(reader, usize::MAX) > 0 {
                    continue;
                }
                // Ten waits are enough for the replay of all readers.
                idle_reads += 1;
                let is_connected = self.readers[reader].is_connected;
                if self.budget.is_none() || !is_connected || idle_reads > 10 {
                    break;
                }
                self.advance(Duration::from_millis(200));
                self.disconnect_if_ended(reader);
            }
            self.readers[reader].check_complete(&self.published);
        }
    }

    /// The reader reads from its stream, and connects first if it has to.
    fn read(&mut self, number: usize, max_bytes: usize) -> Vec<u8> {
        let reader = &mut self.readers[number];
        if !reader.is_connected {
            match reader.connect(&self.app, &self.published) {
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
        self.readers[reader].receive(&bytes, &self.published);
        bytes.len()
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
        self.readers[reader].disconnect(&self.published);
        self.transport.close(reader);
    }
}
