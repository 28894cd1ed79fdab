//! Writers that publish, change and delete as fast as they are answered, until their
//! server is gone, and what each of them was answered.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use redis::Connection;

use crate::audit::Audit;
use crate::engine::Engine;
use crate::library::{self, Answer, Bounds};

const WRITERS: usize = 4;
pub(crate) const ROOMS: [&str; 3] = ["lobby", "garden", "r\u{f6}m"];

/// A published message or event, as its writer knows it.
#[derive(Debug, Clone)]
struct Item {
    seq: u64,
    latest: u64,
    room: &'static str,
    is_deleted: bool,
}

/// What was answered, by seq: the content, and the item if it is a change.
pub(crate) type Answered = BTreeMap<u64, (String, Option<u64>)>;

/// Writers at work.
pub(crate) struct Storm {
    answered: Arc<Mutex<Answered>>,
    count: Arc<AtomicUsize>,
    writers: Vec<JoinHandle<()>>,
}

impl Storm {
    pub(crate) fn begin(engine: &Engine, seed: u64, bounds: Bounds) -> Self {
        let epoch = library::open(&mut engine.connect()).unwrap().epoch;
        let answered = Arc::<Mutex<Answered>>::default();
        let count = Arc::<AtomicUsize>::default();
        let writers = (0..WRITERS).map(|index| {
            let mut writer = Writer {
                random: fastrand::Rng::with_seed(seed + index as u64),
                epoch: epoch.clone(),
                name: format!("{seed}-{index}"),
                connection: engine.connect(),
                items: Vec::new(),
                bounds,
            };
            let (answered, count) = (Arc::clone(&answered), Arc::clone(&count));
            thread::spawn(move || {
                while let Some((seq, written)) = writer.write() {
                    answered.lock().unwrap().insert(seq, written);
                    count.fetch_add(1, Ordering::Relaxed);
                }
            })
        });
        Self {
            answered: Arc::clone(&answered),
            count: Arc::clone(&count),
            writers: writers.collect(),
        }
    }

    /// How many calls were answered.
    pub(crate) fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// What was answered until the server was gone.
    pub(crate) fn end(self) -> Answered {
        for writer in self.writers {
            writer.join().unwrap();
        }
        std::mem::take(&mut self.answered.lock().unwrap())
    }
}

struct Writer {
    random: fastrand::Rng,
    epoch: String,
    name: String,
    connection: Connection,
    items: Vec<Item>,
    bounds: Bounds,
}

impl Writer {
    /// One call. `None` once the server does not answer, or is no master any more.
    fn write(&mut self) -> Option<(u64, (String, Option<u64>))> {
        loop {
            let content = format!("{}-{}", self.name, self.random.u64(..));
            let change = self.random.u8(..3) == 0 && !self.items.is_empty();
            let seq = match change {
                true => self.change(&content)?,
                false => Some((self.publish(&content)?, None)),
            };
            if let Some((seq, item)) = seq {
                return Some((seq, (content, item)));
            }
        }
    }

    fn publish(&mut self, content: &str) -> Option<u64> {
        let room = ROOMS[self.random.usize(..ROOMS.len())];
        let kind = if self.random.bool() { "m" } else { "e" };
        let command = library::publish(
            &self.epoch,
            room,
            kind,
            content,
            Some((content, "hash")),
            self.bounds,
        );
        let Answer::Assigned { seq, .. } = self.ask(&command)? else {
            panic!("a new client id");
        };
        self.items.push(Item {
            seq,
            latest: 0,
            room,
            is_deleted: false,
        });
        Some(seq)
    }

    /// `Some(None)` if it was evicted.
    fn change(&mut self, content: &str) -> Option<Option<(u64, Option<u64>)>> {
        let index = self.random.usize(..self.items.len());
        let item = self.items[index].clone();
        if item.is_deleted {
            return Some(None);
        }
        let is_deletion = self.random.u8(..4) == 0;
        let command = library::change(
            &self.epoch,
            item.room,
            if is_deletion { "d" } else { "c" },
            content,
            (item.seq, item.latest),
            self.bounds,
        );
        match self.ask(&command)? {
            Answer::Assigned { seq, .. } => {
                self.items[index].latest = seq;
                self.items[index].is_deleted = is_deletion;
                Some(Some((seq, Some(item.seq))))
            }
            // Its change was evicted with it.
            Answer::Gone | Answer::Conflict(0) => {
                self.items.swap_remove(index);
                Some(None)
            }
            other => panic!("{other:?}"),
        }
    }

    fn ask(&mut self, command: &redis::Cmd) -> Option<Answer> {
        match library::answer(command, &mut self.connection).ok()? {
            Answer::OtherEpoch(_) => None,
            answer => Some(answer),
        }
    }
}

/// Checks that the store has all that was answered up to the seq `end`, but for what was
/// deleted.
pub(crate) fn assert_holds(audit: &Audit, answered: &Answered, end: u64) {
    let contents: BTreeMap<u64, &str> = audit
        .log
        .iter()
        .map(|entry| (entry.seq, entry.get("d").unwrap()))
        .collect();
    let deletions = audit.log.iter().filter(|entry| entry.get("k") == Some("d"));
    let deleted: BTreeSet<u64> = deletions
        .map(|entry| entry.get("o").unwrap().parse().unwrap())
        .collect();
    for (seq, (content, item)) in answered.range(..=end) {
        match contents.get(seq) {
            Some(held) => assert_eq!(held, content, "{seq}"),
            None => assert!(deleted.contains(&item.unwrap_or(*seq)), "{seq} is lost"),
        }
    }
}
