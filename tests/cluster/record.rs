//! What readers saw, compared with what was answered with 201.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// An id: epochs increase as text, seqs within them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Id {
    epoch: String,
    seq: u64,
}

impl FromStr for Id {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (epoch, seq) = text.rsplit_once('-').ok_or(())?;
        Ok(Self {
            epoch: epoch.to_owned(),
            seq: seq.parse().map_err(|_| ())?,
        })
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.epoch, self.seq)
    }
}

/// A message that was answered with 201.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Published {
    pub(crate) room: String,
    pub(crate) id: Id,
    pub(crate) number: u64,
    pub(crate) text: String,
}

/// What a reader saw, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Seen {
    Message(Published),
    Gap {
        room: String,
        reason: String,
    },
    /// Something that a stream may not have.
    Wrong(String),
}

/// All that one reader saw of its rooms.
#[derive(Debug, Default)]
pub(crate) struct Record {
    pub(crate) rooms: Vec<String>,
    pub(crate) seen: Vec<Seen>,
}

impl Record {
    /// The reasons of the gaps.
    pub(crate) fn gaps(&self) -> Vec<&str> {
        let reasons = self.seen.iter().filter_map(|seen| match seen {
            Seen::Gap { reason, .. } => Some(reason.as_str()),
            Seen::Message(_) | Seen::Wrong(_) => None,
        });
        reasons.collect()
    }

    /// Whether it has all messages of `published` in its rooms.
    pub(crate) fn has_all(&self, published: &[Published]) -> bool {
        let seen = |message: &&Published| {
            let is_seen = |seen: &Seen| matches!(seen, Seen::Message(one) if one.id == message.id);
            self.seen.iter().any(is_seen)
        };
        let own = published
            .iter()
            .filter(|message| self.rooms.contains(&message.room));
        own.clone().count() == own.filter(seen).count()
    }

    /// Checks that each message of `published` was seen exactly once, as it was answered, in
    /// the order of the ids, or lies in a gap. The messages of each room were seen once its
    /// first one was.
    pub(crate) fn check(&self, published: &[Published]) {
        for room in &self.rooms {
            let mut order: Vec<Option<&Published>> = Vec::new();
            for seen in &self.seen {
                match seen {
                    Seen::Message(message) if message.room == *room => order.push(Some(message)),
                    Seen::Gap { room: of, .. } if of == room => order.push(None),
                    Seen::Wrong(what) => panic!("{what}"),
                    Seen::Message(_) | Seen::Gap { .. } => {}
                }
            }
            check_room(
                &order,
                published.iter().filter(|message| message.room == *room),
            );
        }
    }
}

/// `order`: each message that was seen, and `None` for a gap.
fn check_room<'a>(order: &[Option<&Published>], published: impl Iterator<Item = &'a Published>) {
    let messages: Vec<&Published> = order.iter().copied().flatten().collect();
    for pair in messages.windows(2) {
        let [before, after] = pair else {
            unreachable!("it is a window of two");
        };
        assert!(
            before.id < after.id,
            "{} came before {}",
            before.id,
            after.id
        );
    }
    let seen: BTreeMap<&Id, &Published> = messages.iter().map(|&one| (&one.id, one)).collect();
    for message in published {
        match seen.get(&message.id) {
            Some(seen) => assert_eq!(*seen, message),
            None => assert!(lies_in_gap(order, &message.id), "{message:?} is missing"),
        }
    }
    for pair in order.windows(2) {
        if let [Some(before), Some(after)] = pair {
            assert_eq!(before.number + 1, after.number, "{before:?} {after:?}");
        }
    }
}

/// Whether there is a gap between the messages before and after this id.
fn lies_in_gap(order: &[Option<&Published>], id: &Id) -> bool {
    let is_after = |seen: &Option<&Published>| seen.is_some_and(|seen| seen.id > *id);
    let after = order.iter().position(is_after).unwrap_or(order.len());
    let is_before = |seen: &Option<&Published>| seen.is_some();
    let before = order[..after].iter().rposition(is_before);
    let from = before.map_or(0, |before| before + 1);
    order[from..after].iter().any(Option::is_none)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(number: u64) -> Published {
        Published {
            room: "a".to_owned(),
            id: format!("e-{number}").parse().unwrap(),
            number,
            text: number.to_string(),
        }
    }

    fn record(seen: Vec<Seen>) -> Record {
        Record {
            rooms: vec!["a".to_owned()],
            seen,
        }
    }

    fn gap() -> Seen {
        Seen::Gap {
            room: "a".to_owned(),
            reason: "restart".to_owned(),
        }
    }

    fn fails(record: &Record, published: &[Published]) -> bool {
        std::panic::catch_unwind(|| record.check(published)).is_err()
    }

    #[test]
    fn a_message_is_seen_once_or_lies_in_a_gap() {
        let all: Vec<Published> = (1..=3).map(message).collect();
        let seen = |numbers: &[u64]| numbers.iter().map(|n| Seen::Message(message(*n))).collect();
        record(seen(&[1, 2, 3])).check(&all);
        for wrong in [&[1, 3][..], &[1, 2, 2, 3], &[2, 1, 3], &[1, 2]] {
            assert!(fails(&record(seen(wrong)), &all), "{wrong:?}");
        }
        let with_gap = |before: &[u64], after: &[u64]| {
            let mut all: Vec<Seen> = seen(before);
            all.push(gap());
            all.extend::<Vec<Seen>>(seen(after));
            record(all)
        };
        with_gap(&[1], &[3]).check(&all);
        with_gap(&[1, 2], &[]).check(&all);
        assert!(fails(&with_gap(&[1], &[2]), &all));
        let other = Published {
            text: "x".to_owned(),
            ..message(2)
        };
        let changed = record(vec![
            Seen::Message(message(1)),
            Seen::Message(other),
            Seen::Message(message(3)),
        ]);
        assert!(fails(&changed, &all));
    }
}
