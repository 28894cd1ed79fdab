//! All messages that anybody knows of, by id: from the answers to writers and
//! from what readers saw. What is wrong with them whoever saw them.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::Wrong;
use crate::record::{Id, Record, Seen, Sent, Shown};

pub(super) struct Ledger<'a> {
    sent: HashMap<&'a str, &'a Sent>,
    /// Epochs sort as texts, which has no meaning and does no harm.
    known: BTreeMap<&'a Id, &'a Shown>,
    answers: Vec<&'a Shown>,
    two_faces: Vec<Wrong>,
}

impl<'a> Ledger<'a> {
    pub(super) fn of(record: &'a Record) -> Self {
        let answers: Vec<&Shown> = record
            .sent
            .iter()
            .filter_map(|sent| sent.answer.as_ref())
            .collect();
        let seen = record.readings.iter().flat_map(|reading| &reading.seen);
        let updates = seen.filter_map(|seen| match seen {
            Seen::Update(shown) => Some(shown),
            _ => None,
        });
        let (mut known, mut two_faces) = (BTreeMap::new(), Vec::new());
        for shown in answers.iter().copied().chain(updates) {
            if *known.entry(&shown.id).or_insert(shown) != shown {
                two_faces.push(Wrong::TwoFaces(shown.id.clone()));
            }
        }
        let sent = record.sent.iter();
        Self {
            sent: sent.map(|sent| (&*sent.client_id, sent)).collect(),
            known,
            answers,
            two_faces,
        }
    }

    /// The messages that were answered.
    pub(super) fn answers(&self) -> &[&'a Shown] {
        &self.answers
    }

    pub(super) fn wrongs(&self) -> Vec<Wrong> {
        let mut wrongs = self.two_faces.clone();
        wrongs.extend(self.known.values().filter_map(|shown| self.origin(shown)));
        wrongs.extend(self.said_twice());
        wrongs.extend(self.orders());
        wrongs
    }

    /// Whether it is what somebody sent.
    fn origin(&self, shown: &Shown) -> Option<Wrong> {
        let Some(sent) = self.sent.get(&*shown.client_id) else {
            return Some(Wrong::Nowhere(shown.id.clone()));
        };
        let is_sent =
            (&shown.room, &shown.name, &shown.text) == (&sent.room, &sent.writer, &sent.text);
        (!is_sent).then(|| Wrong::Altered(shown.id.clone()))
    }

    fn said_twice(&self) -> Vec<Wrong> {
        let mut said = HashSet::new();
        let all = self.known.values().copied();
        let again = all.filter(|shown| !said.insert((&shown.id.epoch, &shown.client_id)));
        again
            .map(|shown| Wrong::SaidTwice {
                client_id: shown.client_id.clone(),
            })
            .collect()
    }

    /// In the order of their ids, numbers of a room go up, and so do a
    /// writer's own counts.
    fn orders(&self) -> Vec<Wrong> {
        let mut wrongs = Vec::new();
        let (mut numbers, mut counts) = (HashMap::new(), HashMap::new());
        for shown in self.known.values() {
            let room = (&shown.id.epoch, &shown.room);
            let before = numbers.insert(room, shown.number).unwrap_or(0);
            let number = (shown.room.clone(), shown.number);
            match shown.number.cmp(&before) {
                std::cmp::Ordering::Greater => {}
                std::cmp::Ordering::Equal => wrongs.push(Wrong::NumberTwice {
                    room: number.0,
                    number: number.1,
                }),
                std::cmp::Ordering::Less => wrongs.push(Wrong::NumberOrder {
                    room: number.0,
                    number: number.1,
                }),
            }
            let Some(sent) = self.sent.get(&*shown.client_id) else {
                continue;
            };
            let writer = (&shown.id.epoch, &sent.writer);
            // The same count again is the same message, said twice.
            if counts.insert(writer, sent.n).unwrap_or(0) > sent.n {
                wrongs.push(Wrong::WriterOrder {
                    writer: sent.writer.clone(),
                    n: sent.n,
                });
            }
        }
        wrongs
    }
}
