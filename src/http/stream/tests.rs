//! The promises of a stream, played against a plain model: a list of what was
//! said in each room. Any mix of messages, evictions, lagging readers, streams
//! cut at any byte, forgotten rooms and restarts.

use std::collections::BTreeMap;
use std::task::Waker;

use proptest::prelude::*;
use serde_json::Value;
use tokio::runtime::Runtime;

use super::*;
use crate::chat::{
    Backlog, ClientId, Draft, EventId, MessageText, Published, RoomName, Subscribe, TooManyRooms,
    UserName,
};
use crate::http::App;
use crate::sse::{Decoder, Item};

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

/// A client that follows the protocol, and holds the server to it.
struct Reader {
    rooms: Vec<&'static str>,
    backlog: Backlog,
    stream: Option<EventStream>,
    decoder: Decoder,
    /// The id that a reconnect sends.
    last_event_id: String,
    /// By room, how many of the messages said it is done with.
    done: BTreeMap<&'static str, usize>,
    /// By room, how many messages the gaps since its last message took, where
    /// all of them said so.
    lost: BTreeMap<&'static str, Option<u64>>,
    /// By room, the number of the next message in this stream.
    next: BTreeMap<&'static str, u64>,
    /// The id of the last event in this stream that had one.
    last_id: Option<EventId>,
    /// The rooms of a stream without a cursor of which the backlog has not
    /// begun yet: it begins where history or its own limit says.
    /// And how many messages had been said there when it connected.
    before_backlog: BTreeMap<&'static str, usize>,
}

impl Reader {
    fn new(rooms: Vec<&'static str>, backlog: Backlog) -> Self {
        Self {
            rooms,
            backlog,
            stream: None,
            decoder: Decoder::default(),
            last_event_id: String::new(),
            done: BTreeMap::new(),
            lost: BTreeMap::new(),
            next: BTreeMap::new(),
            last_id: None,
            before_backlog: BTreeMap::new(),
        }
    }

    fn connect(
        &mut self,
        app: &Arc<App>,
        said: &BTreeMap<&'static str, Vec<Said>>,
    ) -> Result<(), TooManyRooms> {
        let cursor =
            (!self.last_event_id.is_empty()).then(|| Cursor::parse(self.last_event_id.as_bytes()));
        let is_new = cursor.is_none();
        let subscription = app.hub.subscribe(Subscribe {
            rooms: self
                .rooms
                .iter()
                .map(|room| RoomName::parse(room).unwrap())
                .collect(),
            cursor,
            backlog: self.backlog,
            name: None,
            presence: false,
        })?;
        if is_new {
            self.done = self
                .rooms
                .iter()
                .map(|&room| (room, self.unwanted(said[room].len())))
                .collect();
            if self.backlog != Backlog::Last(0) {
                self.before_backlog = self
                    .rooms
                    .iter()
                    .map(|&room| (room, said[room].len()))
                    .collect();
            }
        }
        self.stream = Some(EventStream::new(
            Arc::clone(&app.config),
            Arc::clone(&app.draining),
            subscription,
        ));
        Ok(())
    }

    /// Of so many messages, how many a new reader does not ask for at least.
    fn unwanted(&self, said: usize) -> usize {
        match self.backlog {
            Backlog::Last(most) => said.saturating_sub(most),
            Backlog::All => 0,
        }
    }

    /// The connection is gone, and with it what was not a whole event.
    fn hang_up(&mut self, said: &BTreeMap<&'static str, Vec<Said>>) {
        // Of a backlog that did not begin before the cut, what lay before it is
        // past: the stream went on beyond.
        for room in std::mem::take(&mut self.before_backlog).into_keys() {
            let until = self
                .last_event_id
                .parse()
                .map_or(0, |cursor| said_until(&said[room], cursor));
            self.done
                .entry(room)
                .and_modify(|done| *done = until.max(*done));
        }
        self.stream = None;
        self.decoder = Decoder::default();
        self.last_id = None;
        self.next.clear();
    }

    fn receive(&mut self, bytes: &[u8], said: &BTreeMap<&'static str, Vec<Said>>) {
        let mut events = Vec::new();
        let each = |item: Item<'_>| {
            if let Item::Event(event) = item {
                events.push((
                    event.event.into_owned(),
                    event.id.into_owned(),
                    event.data.into_owned(),
                ));
            }
        };
        self.decoder.feed(bytes, each).unwrap();
        for (event, id, data) in events {
            let data = serde_json::from_str(&data).unwrap_or(Value::Null);
            match event.as_str() {
                "hello" => self.take_hello(&id, &data, said),
                "update" => self.take_update(&id, &data, said),
                "gap" => self.take_gap(&id, &data),
                "ping" => continue,
                other => panic!("an event that nobody sent: {other}"),
            }
            self.last_event_id = id;
        }
    }

    fn take_hello(&mut self, id: &str, data: &Value, said: &BTreeMap<&'static str, Vec<Said>>) {
        assert_eq!(data["cursor"], id);
        let names: Vec<&str> = data["rooms"]
            .as_array()
            .unwrap()
            .iter()
            .map(|room| room["room"].as_str().unwrap())
            .collect();
        assert_eq!(names, self.rooms);
        self.last_id = id.parse().ok();
        // Where a new reader that is cut off now comes back to.
        let Some(cursor) = self.last_id.filter(|_| self.last_event_id.is_empty()) else {
            return;
        };
        for (room, done) in &mut self.done {
            *done = said_until(&said[room], cursor);
        }
    }

    fn take_gap(&mut self, id: &str, gap: &Value) {
        self.check_id(id, gap["reason"].as_str().unwrap());
        let room = self.room_of(gap);
        self.next.insert(room, gap["next"].as_u64().unwrap());
        if let Some(said) = self.before_backlog.remove(room) {
            // There was no backlog; what was lost was said since.
            self.done.insert(room, said);
        }
        let before = self.lost.get(room).copied().unwrap_or(Some(0));
        let lost = gap["lost"].as_u64();
        assert!(
            lost != Some(0) || gap["lost"].is_null(),
            "a gap that lost nothing: {gap}"
        );
        self.lost
            .insert(room, before.zip(lost).map(|(before, lost)| before + lost));
    }

    fn take_update(&mut self, id: &str, data: &Value, said: &BTreeMap<&'static str, Vec<Said>>) {
        self.check_id(id, "update");
        let (room, number) = (self.room_of(data), data["number"].as_u64().unwrap());
        let expected = self.next.insert(room, number + 1);
        assert!(
            expected.is_none_or(|expected| expected == number),
            "number {number} in {room}"
        );
        let index = said[room]
            .iter()
            .position(|said| said.id.to_string() == id)
            .expect("somebody said it");
        let message = &said[room][index];
        assert_eq!(
            (number, data["message"].as_str()),
            (message.number, Some(message.text.as_str()))
        );
        let done = self.done.insert(room, index + 1).unwrap();
        assert!(index >= done, "{id} in {room} came twice");
        let backlog_begins = self.before_backlog.remove(room).is_some();
        match self.lost.remove(room) {
            None => assert!(
                index == done || backlog_begins,
                "a silent hole before {id} in {room}: {done} to {index}"
            ),
            Some(None) => {}
            Some(Some(lost)) => {
                assert_eq!(lost, (index - done) as u64, "lost before {id} in {room}")
            }
        }
    }

    fn room_of(&self, data: &Value) -> &'static str {
        self.rooms
            .iter()
            .find(|room| data["room"] == **room)
            .expect("a room that was asked for")
    }

    /// Ids strictly increase within an epoch. A foreign one stands still until
    /// the last of the gaps that a stranger is told of.
    fn check_id(&mut self, id: &str, event: &str) {
        let Ok(id) = id.parse::<EventId>() else {
            panic!("{id} is no id")
        };
        if let Some(last) = self.last_id {
            let stands = last == id && matches!(event, "restart" | "unknown");
            assert!(
                last.epoch != id.epoch || id.seq > last.seq || stands,
                "{id} after {last}"
            );
        }
        self.last_id = Some(id);
    }

    fn check_complete(&self, said: &BTreeMap<&'static str, Vec<Said>>) {
        if self.stream.is_none() {
            return;
        }
        for (room, done) in &self.done {
            let lost = self.lost.get(room).copied().unwrap_or(Some(0));
            let missing = (said[room].len() - done) as u64;
            // No backlog began, and nothing was said since: there is nothing to miss.
            let nothing_yet = self.before_backlog.get(room) == Some(&said[room].len());
            let told = lost.is_none_or(|lost| lost == missing) || nothing_yet;
            assert!(
                told,
                "{room}: {missing} of {} missing, told of {lost:?}",
                said[room].len()
            );
        }
    }
}

/// How many of a room's messages were said before this cursor, or at it.
fn said_until(said: &[Said], cursor: EventId) -> usize {
    said.iter()
        .filter(|said| said.id.epoch != cursor.epoch || said.id.seq <= cursor.seq)
        .count()
}
