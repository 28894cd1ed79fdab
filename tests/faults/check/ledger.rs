//! All messages by id, from responses to writers and from events of readers, and the
//! violations that do not depend on the reader.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::Violation;
use crate::event_id::Id;
use crate::record::{Changed, Record, Seen, Sent, Shown};

pub(super) struct Ledger<'a> {
    sent: HashMap<&'a str, &'a Sent>,
    /// Sorted by epoch as text, which has no meaning.
    known: BTreeMap<&'a Id, &'a Shown>,
    answers: Vec<&'a Shown>,
    /// The acknowledged messages by id.
    by_id: HashMap<&'a Id, &'a Sent>,
    /// The changes that readers got.
    changes: Vec<&'a Changed>,
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
        let changes = record.readings.iter().flat_map(|reading| &reading.seen);
        let changes = changes.filter_map(|seen| match seen {
            Seen::Change(changed) => Some(changed),
            _ => None,
        });
        let sent = record.sent.iter();
        let sent: HashMap<&str, &Sent> = sent.map(|sent| (&*sent.client_id, sent)).collect();
        let (mut known, mut two_faces) = (BTreeMap::new(), Vec::new());
        for shown in answers.iter().copied().chain(updates) {
            let first: &Shown = known.entry(&shown.id).or_insert(shown);
            if !is_same(first, shown, sent.get(&*shown.client_id).copied()) {
                two_faces.push(Violation::TwoFaces(shown.id.clone()));
            }
        }
        let by_id = record.sent.iter();
        let by_id = by_id.filter_map(|sent| Some((&sent.answer.as_ref()?.id, sent)));
        Self {
            sent,
            known,
            by_id: by_id.collect(),
            changes: changes.collect(),
            answers,
            two_faces,
        }
    }

    /// Whether any message was changed.
    pub(super) fn has_changes(&self) -> bool {
        self.sent.values().any(|sent| !sent.changes.is_empty())
    }

    /// Whether a reader that shows this text of a message shows less than was
    /// acknowledged.
    pub(super) fn is_stale(&self, id: &Id, text: Option<&str>) -> bool {
        let Some(sent) = self.by_id.get(id) else {
            return false;
        };
        let version = sent.version(text);
        version.is_some_and(|version| version < sent.acknowledged())
    }

    /// The acknowledged messages.
    pub(super) fn answers(&self) -> &[&'a Shown] {
        &self.answers
    }

    pub(super) fn violations(&self) -> Vec<Violation> {
        let mut violations = self.two_faces.clone();
        violations.extend(self.known.values().filter_map(|shown| self.origin(shown)));
        violations.extend(
            self.changes
                .iter()
                .filter_map(|changed| self.cause(changed)),
        );
        violations.extend(self.published_twice());
        violations.extend(self.orders());
        violations
    }

    /// Checks that the message was sent as it is.
    fn origin(&self, shown: &Shown) -> Option<Violation> {
        let Some(sent) = self.sent.get(&*shown.client_id) else {
            return Some(Violation::Nowhere(shown.id.clone()));
        };
        let is_sent = (&shown.room, &shown.name) == (&sent.room, &sent.writer)
            && sent.version(Some(&shown.text)).is_some();
        (!is_sent).then(|| Violation::Altered(shown.id.clone()))
    }

    /// Checks that the change was requested.
    fn cause(&self, changed: &Changed) -> Option<Violation> {
        let Some(sent) = self.by_id.get(&changed.id) else {
            return Some(Violation::Nowhere(changed.id.clone()));
        };
        let number = sent.answer.as_ref().map(|answer| answer.number);
        let is_requested = changed.room == sent.room
            && number == Some(changed.number)
            && sent.version(changed.text.as_deref()).is_some();
        (!is_requested).then(|| Violation::Altered(changed.id.clone()))
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

/// Whether both are one message, perhaps in two states that were requested.
fn is_same(first: &Shown, shown: &Shown, sent: Option<&Sent>) -> bool {
    let is_state = |text: &str| sent.is_some_and(|sent| sent.version(Some(text)).is_some());
    let texts_fit = first.text == shown.text || is_state(&first.text) && is_state(&shown.text);
    let first = Shown {
        text: shown.text.clone(),
        ..first.clone()
    };
    texts_fit && first == *shown
}
