//! The end of a store's life, when nothing is pending: each reader has got all that history
//! has, in its last state, and each id that was shown is there.

use super::{Ledger, Meaning, ReaderNo, Violation};
use crate::shown::Reactions;

impl Ledger {
    /// Adds what is wrong at the end, after all of history was read.
    pub(crate) fn finish(&mut self) {
        for reader in 0..self.readers.len() {
            self.finish_reader(ReaderNo(reader));
        }
        let named = std::mem::take(&mut self.named);
        for (id, by) in named {
            if !matches!(self.meanings.get(&id), Some(Meaning::Item(_))) {
                self.violate(Violation::Nowhere { by, id });
            }
        }
    }

    /// Whether each reader of the room of each lost item got a gap there.
    pub(crate) fn is_each_loss_announced(&self) -> bool {
        let mut rooms = self.gone.iter().map(|id| match self.meanings.get(id) {
            Some(Meaning::Item(no)) => &*self.items[no.0].sent.room,
            _ => "",
        });
        rooms.all(|room| {
            let readers = self.readers.iter();
            let mut theirs = readers.filter(|book| book.rooms.iter().any(|name| name == room));
            theirs.all(|book| book.gaps.contains(room))
        })
    }

    fn finish_reader(&mut self, reader: ReaderNo) {
        let book = &self.readers[reader.0];
        let mut wrong = Vec::new();
        for room in &book.rooms {
            let cutoff = self.cutoff(room);
            let known = self.rooms.get(room).into_iter().flatten();
            let known = known.filter(|(id, _)| cutoff.is_none_or(|cutoff| cutoff < *id));
            let theirs = known.filter(|(id, _)| {
                book.begins.as_ref().is_some_and(|begins| begins < *id) && !self.gone.contains(*id)
            });
            for (id, no) in theirs {
                let item = &self.items[no.0];
                let text = item.texts.last();
                let reactions = match text {
                    Some(_) => item.last_reactions(),
                    None => Reactions::new(),
                };
                let (by, id) = (book.name.clone(), id.clone());
                if !book.got.contains(no) {
                    wrong.push(Violation::Missed { by, id });
                } else if book.states.get(no) != Some(&(text.clone(), reactions)) {
                    wrong.push(Violation::Stale { by, id });
                }
            }
        }
        self.violations.extend(wrong);
    }
}
