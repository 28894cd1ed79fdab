//! The promises of a stream, played against a plain model: a list of what was
//! said in each room. Any mix of messages, evictions, lagging readers, streams
//! cut at any byte, forgotten rooms and restarts.

mod reader;

use std::collections::BTreeMap;
use std::task::Waker;

use proptest::prelude::*;
use tokio::runtime::Runtime;

use self::reader::Reader;
use super::*;
use crate::chat::{
    Backlog, ClientId, Draft, EventId, MessageText, Published, RoomName, TooManyRooms, UserName,
};
use crate::http::App;

const ROOMS: [&str; 4] = ["a", "b", "c", "d"];
const READERS: usize = 3;

#[derive(Debug, Clone)]
enum Step {
    /// Say so many messages in a room.
    Say { room: usize, count: usize },
    /// Say one under a client id, perhaps again.
    SayOnce { room: usize, client_id: u8 },
    /// A reader's stream is polled so many times.
    Read { reader: usize, polls: usize },
    /// A reader's stream is polled once, and cut at a byte of what it gives.
    Cut {
        reader: usize,
        byte: prop::sample::Index,
    },
    /// Readers are gone for so long that idle rooms are forgotten.
    Idle { gone: [bool; READERS] },
    /// The server dies and starts again.
    Restart,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (0..ROOMS.len(), prop_oneof![4 => 1..4usize, 1 => 100..200usize]).prop_map(|(room, count)| Step::Say { room, count }),
        1 => (0..ROOMS.len(), 0..3u8).prop_map(|(room, client_id)| Step::SayOnce { room, client_id }),
        5 => (0..READERS, 1..4usize).prop_map(|(reader, polls)| Step::Read { reader, polls }),
        4 => (0..READERS, any::<prop::sample::Index>()).prop_map(|(reader, byte)| Step::Cut { reader, byte }),
        1 => any::<[bool; READERS]>().prop_map(|gone| Step::Idle { gone }),
        1 => Just(Step::Restart),
    ];
    prop::collection::vec(step, 1..60)
}

fn config() -> impl Strategy<Value = Config> {
    (
        prop_oneof![Just(0usize), Just(1), Just(5), Just(300)],
        prop_oneof![Just(900usize), Just(1 << 20)],
        2..5usize,
    )
        .prop_map(|(history, history_budget, max_rooms)| Config {
            history,
            history_budget,
            max_rooms,
            room_idle: Duration::from_secs(60),
            ..Config::default()
        })
}

/// What one reader asks for: its rooms, and its first backlog.
fn wishes() -> impl Strategy<Value = Vec<(Vec<usize>, Backlog)>> {
    let rooms = prop::sample::subsequence((0..ROOMS.len()).collect::<Vec<_>>(), 1..=3);
    let backlog = prop_oneof![
        Just(Backlog::Last(0)),
        Just(Backlog::Last(2)),
        Just(Backlog::All)
    ];
    prop::collection::vec((rooms, backlog), READERS)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_message_is_seen_once_in_order_or_lies_in_a_gap(config in config(), wishes in wishes(), steps in steps()) {
        let mut world = World::new(config, wishes);
        for step in steps {
            world.play(&step);
        }
        world.finish();
    }
}

/// A message as the model knows it.
#[derive(Debug, Clone, PartialEq)]
struct Said {
    id: EventId,
    number: u64,
    text: String,
    client_id: Option<u8>,
}

struct World {
    runtime: Runtime,
    config: Config,
    app: Arc<App>,
    /// All that was ever said, by room.
    said: BTreeMap<&'static str, Vec<Said>>,
    readers: Vec<Reader>,
}

impl World {
    fn new(config: Config, wishes: Vec<(Vec<usize>, Backlog)>) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        let readers = wishes
            .into_iter()
            .map(|(rooms, backlog)| {
                Reader::new(rooms.into_iter().map(|room| ROOMS[room]).collect(), backlog)
            })
            .collect();
        let app = Arc::new(App::new(config.clone()).unwrap());
        Self {
            runtime,
            config,
            app,
            said: ROOMS.map(|room| (room, Vec::new())).into(),
            readers,
        }
    }

    fn play(&mut self, step: &Step) {
        match *step {
            Step::Say { room, count } => (0..count).for_each(|_| self.say(ROOMS[room], None)),
            Step::SayOnce { room, client_id } => self.say(ROOMS[room], Some(client_id)),
            Step::Read { reader, polls } => {
                for _ in 0..polls {
                    let bytes = self.poll(reader);
                    self.readers[reader].receive(&bytes, &self.said);
                }
            }
            Step::Cut { reader, ref byte } => {
                let bytes = self.poll(reader);
                let whole = &bytes[..byte.index(bytes.len() + 1)];
                self.readers[reader].receive(whole, &self.said);
                self.readers[reader].hang_up(&self.said);
            }
            Step::Idle { gone } => {
                let gone = self.readers.iter_mut().zip(gone).filter(|(_, gone)| *gone);
                gone.for_each(|(reader, _)| reader.hang_up(&self.said));
                self.runtime
                    .block_on(tokio::time::advance(Duration::from_secs(100)));
                self.app.hub.tick();
            }
            Step::Restart => {
                self.readers
                    .iter_mut()
                    .for_each(|reader| reader.hang_up(&self.said));
                self.app = Arc::new(App::new(self.config.clone()).unwrap());
            }
        }
    }

    /// Everybody is there and reads all there is: now nothing may be missing.
    fn finish(&mut self) {
        for reader in 0..READERS {
            loop {
                let bytes = self.poll(reader);
                if bytes.is_empty() {
                    break;
                }
                self.readers[reader].receive(&bytes, &self.said);
            }
            self.readers[reader].check_complete(&self.said);
        }
    }

    fn say(&mut self, room: &'static str, client_id: Option<u8>) {
        let said = self.said.get_mut(room).unwrap();
        let draft = Draft {
            name: UserName::parse("Alice").unwrap(),
            text: MessageText::parse(&format!("{room} {}", said.len()), 4096).unwrap(),
            client_id: client_id.map(|id| ClientId::parse(&id.to_string()).unwrap()),
        };
        let published = self
            .app
            .hub
            .publish(&RoomName::parse(room).unwrap(), draft.clone());
        match published {
            Ok(Published::Said(frame)) => said.push(Said {
                id: EventId {
                    epoch: self.app.hub.epoch(),
                    seq: frame.seq(),
                },
                number: frame.number(),
                text: draft.text.as_str().to_owned(),
                client_id,
            }),
            Ok(Published::Repeated(frame)) => {
                let first = said
                    .iter()
                    .rfind(|said| said.client_id == client_id)
                    .unwrap();
                assert_eq!(
                    (first.id.epoch, first.id.seq),
                    (self.app.hub.epoch(), frame.seq())
                );
            }
            Err(TooManyRooms) => {}
        }
    }

    /// What a reader's stream has to give; it connects first if it must.
    fn poll(&mut self, reader: usize) -> Bytes {
        let _context = self.runtime.enter();
        let reader = &mut self.readers[reader];
        if reader.stream.is_none() && reader.connect(&self.app, &self.said).is_err() {
            return Bytes::new();
        }
        let stream = reader.stream.as_mut().unwrap();
        match stream.poll_events(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(bytes) => bytes.expect("the stream goes on"),
            Poll::Pending => Bytes::new(),
        }
    }
}
