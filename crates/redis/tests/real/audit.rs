//! Compares everything that the store holds: whether all that one call writes is there
//! together.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use redis::Connection;

use crate::engine::ask;

/// An entry of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StreamEntry {
    pub(crate) seq: u64,
    fields: BTreeMap<String, String>,
}

impl StreamEntry {
    pub(crate) fn get(&self, field: &str) -> Option<&str> {
        self.fields.get(field).map(String::as_str)
    }

    fn number(&self, field: &str) -> u64 {
        self.fields[field].parse().unwrap()
    }

    fn is_item(&self) -> bool {
        matches!(&*self.fields["k"], "m" | "e")
    }

    /// A message, an event or a change.
    fn is_entry(&self) -> bool {
        matches!(&*self.fields["k"], "m" | "e" | "c" | "d")
    }

    fn cost(&self) -> u64 {
        self.get("d").map_or(0, str::len) as u64 + 100
    }
}

/// A room of the store.
#[derive(Debug, Default)]
pub(crate) struct StoredRoom {
    pub(crate) history: Vec<StreamEntry>,
    pub(crate) evicted: u64,
}

/// All that a store holds.
#[derive(Debug)]
pub(crate) struct Audit {
    pub(crate) seq: u64,
    pub(crate) epoch: String,
    /// The entries of the log.
    pub(crate) log: Vec<StreamEntry>,
    pub(crate) rooms: BTreeMap<String, StoredRoom>,
}

fn stream(connection: &mut Connection, key: &str) -> Vec<(String, BTreeMap<String, String>)> {
    ask(connection, &["XRANGE", key, "-", "+"]).unwrap()
}

fn items(connection: &mut Connection, key: &str) -> Vec<StreamEntry> {
    let items = stream(connection, key).into_iter();
    let item = |(id, fields): (String, BTreeMap<String, String>)| StreamEntry {
        seq: id.strip_suffix("-0").unwrap().parse().unwrap(),
        fields,
    };
    items.map(item).collect()
}

fn hash(connection: &mut Connection, key: &str) -> HashMap<String, String> {
    ask(connection, &["HGETALL", key]).unwrap()
}

impl Audit {
    /// Reads all of the store, and checks that it is whole. The log was never trimmed.
    pub(crate) fn of(connection: &mut Connection) -> Self {
        let state = hash(connection, "{test}:state");
        let all = items(connection, "{test}:log");
        let seq = state["seq"].parse().unwrap();
        check_log(&all, seq);
        let bytes: u64 = all.iter().map(StreamEntry::cost).sum();
        let log_bytes = state.get("log_bytes").map_or("0", String::as_str);
        assert_eq!(log_bytes, bytes.to_string());
        let log: Vec<_> = all.into_iter().filter(StreamEntry::is_entry).collect();
        let names: BTreeSet<String> = log
            .iter()
            .map(|entry| entry.get("r").unwrap().to_owned())
            .collect();
        let mut audit = Self {
            seq,
            epoch: state["epoch"].clone(),
            log,
            rooms: BTreeMap::new(),
        };
        for name in names {
            let room = audit.check_room(connection, &name);
            audit.rooms.insert(name, room);
        }
        audit
    }

    fn check_room(&self, connection: &mut Connection, name: &str) -> StoredRoom {
        let state = hash(connection, &format!("{{test}}:room:{name}"));
        let history = items(connection, &format!("{{test}}:history:{name}"));
        let evicted = state.get("evicted").map_or(0, |seq| seq.parse().unwrap());
        let bytes: u64 = history.iter().map(StreamEntry::cost).sum();
        assert_eq!(state["bytes"], bytes.to_string(), "{name}");
        assert!(history.iter().all(|entry| entry.seq > evicted), "{name}");
        self.check_places(name, &history, &state);
        let clients = hash(connection, &format!("{{test}}:clients:{name}"));
        check_clients(name, &history, &clients);
        let changes = hash(connection, &format!("{{test}}:changes:{name}"));
        let held: HashMap<String, String> = history
            .iter()
            .filter_map(|entry| Some((entry.get("o")?.to_owned(), entry.seq.to_string())))
            .collect();
        assert_eq!(changes, held, "{name}");
        StoredRoom { history, evicted }
    }

    /// The places of all entries of the room, those of the log included, follow each
    /// other.
    fn check_places(&self, name: &str, history: &[StreamEntry], state: &HashMap<String, String>) {
        let of_room = self.log.iter().filter(|entry| entry.get("r") == Some(name));
        let mut places: BTreeMap<u64, (u64, u64, bool)> = BTreeMap::new();
        for entry in of_room.clone() {
            let place = (
                entry.number("n"),
                entry.number("c"),
                entry.get("k") == Some("m"),
            );
            places.insert(entry.seq, place);
        }
        for entry in history {
            let known = places.get(&entry.seq).expect("the log has it, too");
            assert_eq!(
                (entry.number("n"), entry.number("c")),
                (known.0, known.1),
                "{name}"
            );
        }
        // Only deletions leave holes.
        let numbers = of_room.clone().filter(|entry| entry.get("k") == Some("m"));
        let numbers: BTreeSet<u64> = numbers.map(|entry| entry.number("n")).collect();
        let deleted = of_room.filter(|entry| entry.get("k") == Some("d")).count() as u64;
        let next: u64 = state["number"].parse().unwrap();
        let missing = next - 1 - numbers.len() as u64;
        assert!(missing <= deleted, "{name}: {missing} numbers are missing");
        let last = self
            .log
            .iter()
            .rfind(|entry| entry.get("r") == Some(name))
            .unwrap();
        let after = last.number("c") + u64::from(last.is_item());
        assert_eq!(state["counted"], after.to_string(), "{name}");
    }
}

/// The seqs of the log have no hole but for what was deleted.
fn check_log(items: &[StreamEntry], seq: u64) {
    assert_eq!(items.last().map_or(0, |item| item.seq), seq);
    let held: BTreeSet<u64> = items.iter().map(|item| item.seq).collect();
    let missing = (1..=seq).filter(|seq| !held.contains(seq)).count();
    let deletions = items
        .iter()
        .filter(|item| item.get("k") == Some("d"))
        .count();
    // The items, and changes of them.
    assert!(missing >= deletions, "{missing} are missing");
    assert!(deletions > 0 || missing == 0, "{missing} are missing");
}

/// The index of client ids has those of the held entries, and no others.
fn check_clients(name: &str, history: &[StreamEntry], clients: &HashMap<String, String>) {
    let mut held = HashMap::new();
    for entry in history {
        if let Some(id) = entry.get("i") {
            let seq = entry
                .get("o")
                .map_or(entry.seq, |item| item.parse().unwrap());
            held.insert(id.to_owned(), seq.to_string());
        }
    }
    let indexed = clients.iter().map(|(id, value)| {
        let (seq, _) = value.split_once(' ').unwrap();
        (id.clone(), seq.to_owned())
    });
    assert_eq!(indexed.collect::<HashMap<_, _>>(), held, "{name}");
}
