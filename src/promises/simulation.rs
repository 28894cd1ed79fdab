//! Plays steps on a server and on the model. The check of each stream against the
//! model is in `reader`.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Runtime;

use super::inputs::{ChangeStep, Loss, READERS, ROOMS, ReaderOptions, SimulationStep};
use super::model::{EVENT_NAME, ItemState, PublishedByRoom, PublishedItem};
use super::reader::Reader;
use crate::chat::{
    Author, Change, ChangeError, Draft, Fingerprint, Hub, MAX_INLINE_BYTES, PublishError,
    Published, ReplayBucket, ReplayBudget, Requester, SavedRooms, SubscribeError, Subscription,
};
use crate::config::Config;
use crate::http::App;
use crate::protocol::{
    ClientId, CustomEventName, EditKey, Emoji, Epoch, EventPayload, MessageText, RoomName, UserName,
};

/// Delivers streams to their readers.
pub(crate) trait TestTransport {
    /// The transport of a server that has just started.
    fn of(app: &Arc<App>) -> Self;

    /// A reader's stream begins.
    fn open(&mut self, reader: usize, subscription: Subscription);

    /// A reader closes its connection.
    fn close(&mut self, reader: usize);

    /// A reader sends something after its request.
    fn send_junk(&mut self, _reader: usize) {}

    /// The server does one round of work.
    fn work(&mut self);

    /// `time` has passed; the runtime's clock has already advanced.
    fn pass(&mut self, _time: Duration) {}

    /// Whether the server has ended a reader's stream.
    fn has_ended(&self, reader: usize) -> bool;

    /// The reader's socket takes about `max_bytes` more. Returns the text of the
    /// stream since the last call, or a part of it.
    fn read(&mut self, reader: usize, max_bytes: usize) -> Vec<u8>;
}

/// Plays `steps`, then lets all readers read everything: every message must have
/// been received once, in order, or be in a gap.
pub(crate) fn play<T: TestTransport>(
    config: Config,
    options: Vec<ReaderOptions>,
    steps: &[SimulationStep],
) {
    let mut simulation = Simulation::<T>::new(config, options);
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
    fn new(config: Config, options: Vec<ReaderOptions>) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
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
            SimulationStep::Work => self.within(|transport| transport.work()),
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
                    self.within(|transport| transport.send_junk(reader));
                }
            }
            SimulationStep::AdvanceTime { seconds } => {
                self.advance(Duration::from_secs(seconds));
                (0..READERS).for_each(|reader| self.disconnect_if_ended(reader));
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
        let time = tokio::time::advance(Duration::from_secs(100));
        self.runtime.block_on(time);
        self.app.hub.tick();
    }

    fn drain(&mut self) {
        self.app.draining.begin(Duration::ZERO);
        self.advance(Duration::from_millis(10));
        (0..READERS).for_each(|reader| self.read_to_end(reader));
        self.restart();
    }

    fn advance(&mut self, time: Duration) {
        self.runtime.block_on(tokio::time::advance(time));
        self.within(|transport| transport.pass(time));
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

    /// Publishes a text that no other message has.
    fn publish_next(&mut self, room: usize, more: &str) {
        let number = self.published[ROOMS[room]].len();
        self.publish(
            ROOMS[room],
            &format!("{} {number}{more}", ROOMS[room]),
            None,
        );
    }

    fn publish(&mut self, room: &'static str, text: &str, client_id: Option<u8>) {
        let draft = Draft {
            client_id: client_id.map(|id| ClientId::parse(&id.to_string()).unwrap()),
            author: author(),
            ..Draft::new(
                UserName::parse("Alice").unwrap(),
                MessageText::parse(text, 1 << 20).unwrap(),
            )
        };
        self.publish_draft(room, draft, client_id, ItemState::text(text));
    }

    /// Publishes an event with several lines that no other event has.
    fn publish_event(&mut self, room: &'static str, large: bool) {
        let mut payload = format!("<p>\n{}\n", self.published[room].len());
        if large {
            payload.push_str(&"y".repeat(MAX_INLINE_BYTES));
        }
        let draft = Draft::event(
            CustomEventName::parse(EVENT_NAME).unwrap(),
            EventPayload::parse(payload.clone(), 1 << 20).unwrap(),
        );
        self.publish_draft(room, draft, None, ItemState::Event(payload));
    }

    fn publish_draft(
        &mut self,
        room: &'static str,
        draft: Draft,
        client_id: Option<u8>,
        state: ItemState,
    ) {
        let items = self.published.get_mut(room).unwrap();
        let result = self.app.hub.publish(&RoomName::parse(room).unwrap(), draft);
        let durable = |published: Published| self.runtime.block_on(published.durable()).unwrap();
        let result = result.map(durable);
        // The last message with the same client id.
        let same_id = |item: &&PublishedItem| client_id.is_some() && item.client_id == client_id;
        let first = items.iter().rfind(same_id);
        match result {
            Ok(Published::New(entry)) => items.push(PublishedItem {
                id: entry.id(),
                number: entry.number(),
                client_id,
                states: vec![state],
            }),
            Ok(Published::Duplicate(entry)) => {
                let first = first.unwrap();
                assert_eq!(first.id, entry.id());
                assert_eq!(first.states[0], state);
                let json = serde_json::from_slice(&entry.json()).unwrap();
                assert_eq!(ItemState::of_json(&json), *first.state());
            }
            Ok(Published::Pending { .. }) => unreachable!("it is durable"),
            Err(PublishError::RoomLimit(_)) => {}
            Err(PublishError::HistoryUnavailable(error)) => panic!("{error}"),
            Err(PublishError::ClientIdReused) => {
                let first = first.unwrap();
                assert!(first.id.epoch >= self.first_epoch, "its history is gone");
                assert_ne!(first.states[0], state);
            }
        }
    }

    /// Changes a message or event of the room, which history may no longer hold.
    fn change(&mut self, room: &'static str, index: usize, step: ChangeStep) {
        let item = &mut self.published.get_mut(room).unwrap()[index];
        let thumb = Emoji::parse("👍").unwrap();
        let (change, requester) = match step {
            ChangeStep::Edit(text) => {
                let text = format!("edited {text}");
                let text = MessageText::parse(&text, 1 << 20).unwrap();
                (Change::Edit(text), requester(author()))
            }
            ChangeStep::Delete => {
                let moderator = Requester {
                    may_moderate: true,
                    ..Requester::default()
                };
                (Change::Delete, moderator)
            }
            ChangeStep::React(number) => {
                let name = UserName::parse(&format!("reader {number}")).unwrap();
                (Change::React(thumb, name), requester(owner(number)))
            }
            ChangeStep::TakeBack(number) => (Change::TakeBack(thumb), requester(owner(number))),
        };
        let name = RoomName::parse(room).unwrap();
        match self.app.hub.change(&name, item.id, &change, &requester) {
            Ok(changed) => {
                let changed = self.runtime.block_on(changed.durable()).unwrap();
                let json = serde_json::from_slice(&changed.entry().json()).unwrap();
                let state = ItemState::of_json(&json);
                check_change(item.state(), step, &state);
                if state != *item.state() {
                    item.states.push(state);
                }
            }
            Err(ChangeError::NotFound) => {}
            Err(error) => panic!("{error}"),
        }
    }

    /// The reader reads from its stream, and connects first if it has to.
    fn read(&mut self, number: usize, max_bytes: usize) -> Vec<u8> {
        let _context = self.runtime.enter();
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

    fn disconnect_if_ended(&mut self, reader: usize) {
        if self.readers[reader].is_connected && self.transport.has_ended(reader) {
            self.disconnect(reader);
        }
    }

    fn disconnect(&mut self, reader: usize) {
        self.readers[reader].disconnect(&self.published);
        self.within(|transport| transport.close(reader));
    }

    fn within(&mut self, act: impl FnOnce(&mut T)) {
        let _context = self.runtime.enter();
        act(&mut self.transport);
    }
}

fn author() -> Author {
    owner(u8::MAX)
}

fn owner(number: u8) -> Author {
    let key = EditKey::parse(&format!("{number:016}")).unwrap();
    Author {
        edit_key: Some(Fingerprint::of_edit_key(&key)),
        ..Author::default()
    }
}

fn requester(author: Author) -> Requester {
    Requester {
        author,
        may_moderate: false,
    }
}

/// Checks that a change made of `before` what it asked for.
fn check_change(before: &ItemState, step: ChangeStep, after: &ItemState) {
    let (text, count) = match before {
        ItemState::Message { text, reactions } => (
            text.as_str(),
            reactions.first().map_or(0, |(_, count)| *count),
        ),
        _ => ("", 0),
    };
    match (step, after) {
        (ChangeStep::Delete, after) => assert_eq!(*after, ItemState::Deleted),
        (ChangeStep::Edit(edited), ItemState::Message { text, reactions }) => {
            assert_eq!(*text, format!("edited {edited}"));
            assert_eq!(reactions.first().map_or(0, |(_, count)| *count), count);
        }
        (
            ChangeStep::React(_) | ChangeStep::TakeBack(_),
            ItemState::Message {
                text: same,
                reactions,
            },
        ) => {
            assert_eq!(same, text);
            let now = reactions.first().map_or(0, |(_, count)| *count);
            let range = match step {
                ChangeStep::React(_) => count..=count + 1,
                _ => count.saturating_sub(1)..=count,
            };
            assert!(range.contains(&now), "{count} reactions, then {now}");
        }
        (step, after) => panic!("{step:?} made {after:?} of {before:?}"),
    }
}
