//! All messages by id, from responses to writers and from events of readers, and the
//! violations that do not depend on the reader.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::Violation;
use crate::record::{Id, Record, Seen, Sent, Shown};

pub(super) struct Ledger<'a> {
    sent: HashMap<&'a str, &'a Sent>,
    /// Sorted by epoch as text, which has no meaning.
    known: BTreeMap<&'a Id, &'a Shown>,
    answers: Vec<&'a Shown>,
    two_faces: Vec<Violation>,
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
                two_faces.push(Violation::TwoFaces(shown.id.clone()));
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

    /// The acknowledged messages.
    pub(super) fn answers(&self) -> &[&'a Shown] {
        &self.answers
    }

    pub(super) fn violations(&self) -> Vec<Violation> {
        let mut violations = self.two_faces.clone();
        violations.extend(self.known.values().filter_map(|shown| self.origin(shown)));
        violations.extend(self.published_twice());
        violations.extend(self.orders());
        violations
    }

    /// Checks that the message was sent as it is.
    fn origin(&self, shown: &Shown) -> Option<Violation> {
        let Some(sent) = self.sent.get(&*shown.client_id) else {
            return Some(Violation::Nowhere(shown.id.clone()));
        };
        let is_sent =
            (&shown.room, &shown.name, &shown.text) == (&sent.room, &sent.writer, &sent.text);
        (!is_sent).then(|| Violation::Altered(shown.id.clone()))
    }

    fn published_twice(&self) -> Vec<Violation> {
        let mut said = HashSet::new();
        let all = self.known.values().copied();
        let again = all.filter(|shown| !said.insert((&shown.id.epoch, &shown.client_id)));
        again
            .map(|shown| Violation::SaidTwice {
                client_id: shown.client_id.clone(),
            })
            .collect()
    }

    /// In the order of ids, the numbers of a room and the counters of a writer
    /// increase.
    fn orders(&self) -> Vec<Violation> {
        let mut violations = Vec::new();
        let (mut numbers, mut counts) = (HashMap::new(), HashMap::new());
        for shown in self.known.values() {
            let room = (&shown.id.epoch, &shown.room);
            let before = numbers.insert(room, shown.number).unwrap_or(0);
            let number = (shown.room.clone(), shown.number);
            match shown.number.cmp(&before) {
                std::cmp::Ordering::Greater => {}
                std::cmp::Ordering::Equal => violations.push(Violation::NumberTwice {
                    room: number.0,
                    number: number.1,
                }),
                std::cmp::Ordering::Less => violations.push(Violation::NumberOrder {
                    room: number.0,
                    number: number.1,
                }),
            }
            let Some(sent) = self.sent.get(&*shown.client_id) else {
                continue;
            };
            let writer = (&shown.id.epoch, &sent.writer);
            // The same counter is the same message, published twice.
            if counts.insert(writer, sent.n).unwrap_or(0) > sent.n {
                violations.push(Violation::WriterOrder {
                    writer: sent.writer.clone(),
                    n: sent.n,
                });
            }
        }
        violations
    }
}
