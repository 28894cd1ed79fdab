//! Random calls against a plain model of the rules: each answer, and all that a node loads,
//! are what the model says.

use std::collections::BTreeMap;

use redis::Connection;

use crate::audit::Audit;
use crate::engine::{Engine, Persistence, programs};
use crate::library::{self, Answer, Bounds};
use crate::random;

const ROOMS: [&str; 2] = ["a", "b"];
const CLIENT_IDS: [&str; 5] = ["", "one", "two", "three", "four"];
const BOUNDS: Bounds = Bounds {
    entries: 6,
    bytes: 700,
    log: 1_000_000,
    log_bytes: 1_000_000_000,
};
/// Calls of one game.
const CALLS: usize = 150;
/// Games with each server.
const GAMES: usize = 20;

#[derive(Debug, Clone)]
struct Held {
    seq: u64,
    content: String,
    client_id: String,
    /// With a change: of what.
    item: Option<u64>,
}

#[derive(Debug, Default)]
struct Room {
    number: u64,
    counted: u64,
    evicted: u64,
    held: Vec<Held>,
    /// The seq and the hash of each client id.
    clients: BTreeMap<String, (u64, String)>,
    /// Messages and events that are deleted: nodes change them no more.
    deleted: Vec<u64>,
}

#[derive(Debug, Default)]
struct Model {
    seq: u64,
    rooms: BTreeMap<&'static str, Room>,
}

impl Room {
    fn get(&self, seq: u64) -> Option<&Held> {
        self.held.iter().find(|held| held.seq == seq)
    }

    fn latest(&self, item: u64) -> u64 {
        let change = self.held.iter().find(|held| held.item == Some(item));
        change.map_or(0, |change| change.seq)
    }

    fn bytes(&self) -> usize {
        self.held.iter().map(|held| held.content.len() + 100).sum()
    }

    fn append(&mut self, held: Held, counts: u64, is_message: bool) -> Answer {
        let (seq, number, counted) = (held.seq, self.number + 1, self.counted);
        self.held.push(held);
        while self.held.len() > BOUNDS.entries || self.bytes() > BOUNDS.bytes {
            let oldest = self.held.remove(0);
            self.evicted = oldest.seq;
            let of = oldest.item.unwrap_or(oldest.seq);
            if self
                .clients
                .get(&oldest.client_id)
                .is_some_and(|known| known.0 == of)
            {
                self.clients.remove(&oldest.client_id);
            }
        }
        self.number += u64::from(is_message);
        self.counted += counts;
        Answer::Assigned {
            seq,
            number,
            counted,
        }
    }
}

impl Model {
    fn publish(
        &mut self,
        name: &'static str,
        is_message: bool,
        content: &str,
        (client_id, hash): (&str, &str),
    ) -> Answer {
        let room = self.rooms.entry(name).or_default();
        match room.clients.get(client_id) {
            Some((_, known)) if known != hash => return Answer::Reused,
            Some((seq, _)) => return Answer::Repeated(*seq),
            None => {}
        }
        self.seq += 1;
        if !client_id.is_empty() {
            let known = (self.seq, hash.to_owned());
            room.clients.insert(client_id.to_owned(), known);
        }
        let held = Held {
            seq: self.seq,
            content: content.to_owned(),
            client_id: client_id.to_owned(),
            item: None,
        };
        room.append(held, 1, is_message)
    }

    fn change(
        &mut self,
        name: &'static str,
        is_deletion: bool,
        content: &str,
        (item, latest): (u64, u64),
    ) -> Answer {
        let room = self.rooms.entry(name).or_default();
        let present = room.latest(item);
        if present != latest {
            return Answer::Conflict(present);
        }
        let own = room.get(item).filter(|own| own.item.is_none()).cloned();
        if own.is_none() && present == 0 {
            return Answer::Gone;
        }
        self.seq += 1;
        room.held.retain(|held| held.seq != present);
        let mut client_id = String::new();
        if is_deletion {
            room.deleted.push(item);
            room.held.retain(|held| held.seq != item);
            client_id = own.map(|own| own.client_id).unwrap_or_default();
        }
        let held = Held {
            seq: self.seq,
            content: content.to_owned(),
            client_id,
            item: Some(item),
        };
        room.append(held, 0, false)
    }
}

/// One random call, and what the model says.
fn play(model: &mut Model, random: &mut fastrand::Rng, epoch: &str) -> (redis::Cmd, Answer) {
    let name = ROOMS[random.usize(..ROOMS.len())];
    let content = "x".repeat(random.usize(..150));
    if random.u8(..5) < 3 {
        let is_message = random.bool();
        let client_id = CLIENT_IDS[random.usize(..CLIENT_IDS.len())];
        let hash = if random.u8(..8) == 0 { "other" } else { "hash" };
        let kind = if is_message { "m" } else { "e" };
        let retry = Some((client_id, hash));
        let command = library::publish(epoch, name, kind, &content, retry, BOUNDS);
        return (
            command,
            model.publish(name, is_message, &content, (client_id, hash)),
        );
    }
    let room = model.rooms.entry(name).or_default();
    let items: Vec<u64> = room
        .held
        .iter()
        .map(|held| held.item.unwrap_or(held.seq))
        .filter(|item| !room.deleted.contains(item))
        .collect();
    let item = match items.is_empty() || random.u8(..8) == 0 {
        // Held by no room.
        true => model.seq + 1_000,
        false => items[random.usize(..items.len())],
    };
    let latest = match random.u8(..8) {
        0 => model.seq,
        _ => room.latest(item),
    };
    let is_deletion = random.u8(..3) == 0;
    let kind = if is_deletion { "d" } else { "c" };
    let command = library::change(epoch, name, kind, &content, (item, latest), BOUNDS);
    (
        command,
        model.change(name, is_deletion, &content, (item, latest)),
    )
}

fn assert_loads(model: &Model, epoch: &str, connection: &mut Connection) {
    for (name, room) in &model.rooms {
        let loaded = library::loaded(epoch, name, connection);
        let held = room
            .held
            .iter()
            .map(|held| (held.seq, held.content.clone()));
        assert_eq!(loaded.entries, held.collect::<Vec<_>>(), "{name}");
        assert_eq!(loaded.next, (room.number + 1, room.counted), "{name}");
        assert_eq!(loaded.evicted, room.evicted, "{name}");
        assert_eq!(loaded.as_of, model.seq);
    }
}

#[test]
#[ignore = "needs Redis"]
fn each_call_does_what_a_plain_model_says() {
    let mut random = random("model");
    for program in programs() {
        let engine = Engine::start(&program, Persistence::None);
        library::load_into(&engine);
        let mut connection = engine.connect();
        for _ in 0..GAMES {
            let () = crate::engine::ask(&mut connection, &["FLUSHALL"]).unwrap();
            let epoch = library::open(&mut connection).unwrap().epoch;
            let mut model = Model::default();
            for _ in 0..CALLS {
                let (command, expected) = play(&mut model, &mut random, &epoch);
                let answer = library::answer(&command, &mut connection).unwrap();
                assert_eq!(answer, expected, "{program}: {model:?}");
            }
            assert_loads(&model, &epoch, &mut connection);
            Audit::of(&mut connection);
        }
    }
}
