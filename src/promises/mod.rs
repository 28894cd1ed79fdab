//! The promises of a stream, played against a plain model: a list of what was
//! said in each room. Any mix of messages, evictions, lagging readers, sockets
//! that take a few bytes, streams cut at any byte, forgotten rooms and restarts.
//!
//! Only for tests. Each way in which a stream reaches its reader is a
//! [`Transport`], and plays the same.

mod reader;

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use tokio::runtime::Runtime;

use self::reader::Reader;
use crate::chat::{
    Draft, MAX_INLINE_BYTES, PublishError, Published, ReplayBucket, ReplayBudget, SubscribeError,
    Subscription,
};
use crate::config::{Config, Limits};
use crate::http::App;
use crate::protocol::Backlog;
use crate::protocol::{ClientId, EventId, MessageText, RoomName, UserName};

/// How streams reach their readers.
pub(crate) trait Transport {
    /// Of a server that has just started.
    fn of(app: &Arc<App>) -> Self;

    /// A reader's stream begins.
    fn open(&mut self, reader: usize, subscription: Subscription);

    /// A reader hangs up.
    fn close(&mut self, reader: usize);

    /// A reader sends something after its request.
    fn send_junk(&mut self, _reader: usize) {}

    /// The server does what it has to do.
    fn work(&mut self);

    /// Time has passed: the runtime's clock knows already.
    fn pass(&mut self, _time: Duration) {}

    /// Whether the server has ended a reader's stream.
    fn has_ended(&self, reader: usize) -> bool;

    /// The reader's socket takes about so many bytes more. Returns what it was
    /// given since the last time: the text of the stream, or a part of it.
    fn read(&mut self, reader: usize, most: usize) -> Vec<u8>;
}

const ROOMS: [&str; 4] = ["a", "b", "c", "d"];
const READERS: usize = 3;

/// Something that happens.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    /// Say so many messages in a room.
    Say { room: usize, count: usize },
    /// Say a message that is too large for the channel.
    SayLarge { room: usize },
    /// Publish one of two texts under a client id that may have been used
    /// before.
    SayOnce {
        room: usize,
        client_id: u8,
        text: u8,
    },
    /// The server comes to do its work.
    Work,
    /// A reader takes all there is, so many times.
    Read { reader: usize, times: usize },
    /// A reader takes a little.
    Sip { reader: usize, bytes: usize },
    /// A reader takes what there is once, and is cut at a byte of it.
    Cut {
        reader: usize,
        byte: prop::sample::Index,
    },
    /// Readers are gone for so long that idle rooms are forgotten.
    Idle { gone: [bool; READERS] },
    /// A reader sends something after its request.
    Junk { reader: usize },
    /// Time passes: pings are due, and who takes nothing is let go.
    Pass { seconds: u64 },
    /// The server dies and starts again.
    Restart,
    /// The server drains: all streams end with bye. Then it starts again.
    Drain,
}

/// Any course of things.
pub(crate) fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (0..ROOMS.len(), prop_oneof![4 => 1..4usize, 1 => 100..200usize]).prop_map(|(room, count)| Step::Say { room, count }),
        1 => (0..ROOMS.len(), 0..3u8, 0..2u8).prop_map(|(room, client_id, text)| Step::SayOnce { room, client_id, text }),
        1 => (0..ROOMS.len()).prop_map(|room| Step::SayLarge { room }),
        3 => Just(Step::Work),
        5 => (0..READERS, 1..4usize).prop_map(|(reader, times)| Step::Read { reader, times }),
        5 => (0..READERS, prop_oneof![0..300usize, 0..5000usize]).prop_map(|(reader, bytes)| Step::Sip { reader, bytes }),
        4 => (0..READERS, any::<prop::sample::Index>()).prop_map(|(reader, byte)| Step::Cut { reader, byte }),
        1 => any::<[bool; READERS]>().prop_map(|gone| Step::Idle { gone }),
        1 => (0..READERS).prop_map(|reader| Step::Junk { reader }),
        2 => (1..15u64).prop_map(|seconds| Step::Pass { seconds }),
        1 => Just(Step::Restart),
        1 => Just(Step::Drain),
    ];
    prop::collection::vec(step, 1..60)
}

/// Servers that hold much, little or nothing, and pace replay or do not.
pub(crate) fn config() -> impl Strategy<Value = Config> {
    (
        prop_oneof![Just(0usize), Just(1), Just(5), Just(300)],
        prop_oneof![Just(900usize), Just(1 << 20)],
        2..5usize,
        prop_oneof![Just(None), Just(NonZeroUsize::new(200_000))],
    )
        .prop_map(|(history, history_budget, max_rooms, replay_rate)| Config {
            history,
            history_budget,
            max_rooms,
            room_idle: Duration::from_secs(60),
            // Few, so that a worker lags now and then.
            fanout_queue: 16,
            fanout_large: MAX_INLINE_BYTES * 3 / 2,
            limits: Limits {
                replay_rate,
                ..Limits::default()
            },
            ..Config::default()
        })
}

/// What one reader asks for.
#[derive(Debug, Clone)]
pub(crate) struct Wish {
    rooms: Vec<&'static str>,
    backlog: Backlog,
    /// Whether it has a name, and is told who comes and leaves.
    named: bool,
}

/// What all readers ask for.
pub(crate) fn wishes() -> impl Strategy<Value = Vec<Wish>> {
    let rooms = prop::sample::subsequence(ROOMS.to_vec(), 1..=3).prop_shuffle();
    let backlog = prop_oneof![
        Just(Backlog::Last(0)),
        Just(Backlog::Last(2)),
        Just(Backlog::All)
    ];
    let options = (rooms, backlog, any::<bool>()).prop_map(|(rooms, backlog, named)| Wish {
        rooms,
        backlog,
        named,
    });
    let wishes = prop::collection::vec(options, READERS);
    // Readers of the same rooms are written to together.
    (wishes, any::<bool>()).prop_map(|(mut wishes, alike)| {
        if alike {
            wishes[1] = Wish {
                backlog: wishes[1].backlog,
                ..wishes[0].clone()
            };
        }
        wishes
    })
}

/// Plays `steps`, then lets everybody read all there is: every message must
/// have been seen once, in order, or lie in a gap.
pub(crate) fn play<T: Transport>(config: Config, wishes: Vec<Wish>, steps: &[Step]) {
    let mut world = World::<T>::new(config, wishes);
    for step in steps {
        world.play(step);
    }
    world.finish();
}

/// A message as the model knows it.
#[derive(Debug, Clone, PartialEq)]
struct Said {
    id: EventId,
    number: u64,
    text: String,
    client_id: Option<u8>,
}

struct World<T> {
    runtime: Runtime,
    config: Config,
    app: Arc<App>,
    transport: T,
    /// All that was ever said, by room.
    said: BTreeMap<&'static str, Vec<Said>>,
    readers: Vec<Reader>,
    /// What all readers draw on, if replay is paced.
    budget: Option<ReplayBudget>,
}

fn full_budget(config: &Config) -> Option<ReplayBudget> {
    let rate = config.limits.replay_rate?;
    let bucket = ReplayBucket::new(rate, 1000, std::time::Instant::now());
    Some(ReplayBudget::new([Arc::new(bucket)]))
}

impl<T: Transport> World<T> {
    fn new(config: Config, wishes: Vec<Wish>) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        let named = |(reader, options)| Reader::new(options, reader);
        let readers = wishes.into_iter().enumerate().map(named).collect();
        let app = Arc::new(App::new(config.clone()).unwrap());
        Self {
            runtime,
            budget: full_budget(&config),
            config,
            transport: T::of(&app),
            app,
            said: ROOMS.map(|room| (room, Vec::new())).into(),
            readers,
        }
    }

    fn play(&mut self, step: &Step) {
        match *step {
            Step::Say { room, count } => {
                for _ in 0..count {
                    self.say_next(room, "");
                }
            }
            Step::SayLarge { room } => self.say_next(room, &"x".repeat(MAX_INLINE_BYTES)),
            Step::SayOnce {
                room,
                client_id,
                text,
            } => self.say(ROOMS[room], format!("once {text}"), Some(client_id)),
            Step::Work => self.within(|transport| transport.work()),
            Step::Read { reader, times } => {
                for _ in 0..times {
                    let bytes = self.read(reader, usize::MAX);
                    self.readers[reader].receive(&bytes, &self.said);
                }
            }
            Step::Sip { reader, bytes } => {
                let bytes = self.read(reader, bytes);
                self.readers[reader].receive(&bytes, &self.said);
            }
            Step::Cut { reader, ref byte } => {
                let bytes = self.read(reader, usize::MAX);
                let whole = &bytes[..byte.index(bytes.len() + 1)];
                self.readers[reader].receive(whole, &self.said);
                self.hang_up(reader);
            }
            Step::Idle { gone } => {
                (0..READERS)
                    .filter(|reader| gone[*reader])
                    .for_each(|reader| self.hang_up(reader));
                self.runtime
                    .block_on(tokio::time::advance(Duration::from_secs(100)));
                self.app.hub.tick();
            }
            Step::Junk { reader } => {
                if self.readers[reader].is_connected {
                    self.within(|transport| transport.send_junk(reader));
                }
            }
            Step::Pass { seconds } => {
                self.pass(Duration::from_secs(seconds));
                for reader in 0..READERS {
                    if self.readers[reader].is_connected && self.transport.has_ended(reader) {
                        self.hang_up(reader);
                    }
                }
            }
            Step::Restart => self.restart(),
            Step::Drain => {
                self.app.draining.begin(Duration::ZERO);
                self.pass(Duration::from_millis(10));
                for reader in 0..READERS {
                    self.read_to_its_end(reader);
                }
                self.restart();
            }
        }
    }

    fn pass(&mut self, time: Duration) {
        self.runtime.block_on(tokio::time::advance(time));
        self.within(|transport| transport.pass(time));
    }

    /// The server ends a stream, and says so first.
    fn read_to_its_end(&mut self, reader: usize) {
        if !self.readers[reader].is_connected {
            return;
        }
        let mut has_ended = false;
        while !has_ended {
            // What it was given before the end is still there to be read.
            has_ended = self.transport.has_ended(reader);
            let bytes = self.read(reader, usize::MAX);
            self.readers[reader].receive(&bytes, &self.said);
        }
        assert!(self.readers[reader].was_told_bye, "the last event is bye");
    }

    fn restart(&mut self) {
        (0..READERS).for_each(|reader| self.hang_up(reader));
        self.app = Arc::new(App::new(self.config.clone()).unwrap());
        self.transport = T::of(&self.app);
        self.budget = full_budget(&self.config);
    }

    /// Everybody is there and reads all there is: now nothing may be missing.
    fn finish(&mut self) {
        for reader in 0..READERS {
            let mut quiet = 0;
            loop {
                let bytes = self.read(reader, usize::MAX);
                self.readers[reader].receive(&bytes, &self.said);
                if !bytes.is_empty() {
                    continue;
                }
                // Long enough for the replay of all readers.
                quiet += 1;
                if self.budget.is_none() || !self.readers[reader].is_connected || quiet > 10 {
                    break;
                }
                self.pass(Duration::from_millis(200));
                if self.readers[reader].is_connected && self.transport.has_ended(reader) {
                    self.hang_up(reader);
                }
            }
            self.readers[reader].check_complete(&self.said);
        }
    }

    /// Says a text that no other message has.
    fn say_next(&mut self, room: usize, more: &str) {
        let number = self.said[ROOMS[room]].len();
        self.say(ROOMS[room], format!("{} {number}{more}", ROOMS[room]), None);
    }

    fn say(&mut self, room: &'static str, text: String, client_id: Option<u8>) {
        let said = self.said.get_mut(room).unwrap();
        let draft = Draft {
            name: UserName::parse("Alice").unwrap(),
            text: MessageText::parse(&text, 1 << 20).unwrap(),
            client_id: client_id.map(|id| ClientId::parse(&id.to_string()).unwrap()),
        };
        let published = self.app.hub.publish(&RoomName::parse(room).unwrap(), draft);
        let epoch = self.app.hub.epoch();
        // The last message under the same client id.
        let first = said.iter().rfind(|said| said.client_id == client_id);
        match published {
            Ok(Published::Said(frame)) => said.push(Said {
                id: EventId {
                    epoch,
                    seq: frame.seq(),
                },
                number: frame.number(),
                text,
                client_id,
            }),
            Ok(Published::Repeated(frame)) => {
                let first = first.unwrap();
                assert_eq!((first.id.epoch, first.id.seq), (epoch, frame.seq()));
                assert_eq!(first.text, text);
            }
            Err(PublishError::Rooms(_)) => {}
            Err(PublishError::ClientIdReused) => {
                let first = first.unwrap();
                assert_eq!(first.id.epoch, epoch);
                assert_ne!(first.text, text);
            }
        }
    }

    /// What a reader's stream has to give; it connects first if it must.
    fn read(&mut self, number: usize, most: usize) -> Vec<u8> {
        let _context = self.runtime.enter();
        let reader = &mut self.readers[number];
        if !reader.is_connected {
            match reader.connect(&self.app, &self.said) {
                Ok(mut subscription) => {
                    if let Some(budget) = &self.budget {
                        subscription.pace(budget.clone());
                    }
                    self.transport.open(number, subscription);
                }
                Err(SubscribeError::Rooms(_)) => return Vec::new(),
                Err(SubscribeError::Members) => unreachable!("their number has no bound here"),
            }
        }
        self.transport.read(number, most)
    }

    fn hang_up(&mut self, reader: usize) {
        self.readers[reader].hang_up(&self.said);
        self.within(|transport| transport.close(reader));
    }

    fn within(&mut self, act: impl FnOnce(&mut T)) {
        let _context = self.runtime.enter();
        act(&mut self.transport);
    }
}
