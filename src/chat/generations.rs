//! The chain of epochs of a history. A store begins another generation whenever
//! entries that were shown may be lost; seqs go on from the seq at which the last one
//! ended. A history in memory has one generation, which never ends. If one ends while the
//! hub runs, [`GenerationEnds`] knows since when.

#![cfg_attr(
    not(any(test, feature = "data")),
    expect(dead_code, reason = "only a store ends generations")
)]

use std::collections::VecDeque;
use std::error::Error;
use std::fmt;
use std::time::SystemTime;

use crate::protocol::{Epoch, EventId};

/// No later epoch can be drawn after one that begins so.
const LAST_TIME: &str = "zzzzzzzz";
/// The most ended generations that are known. Ids of earlier ones are foreign.
const MAX_ENDED: usize = 1_000;

/// A generation that has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct EndedGeneration {
    pub(crate) epoch: Epoch,
    /// The seq of its last entry that is not lost: that of an earlier generation if
    /// it has none.
    pub(crate) end: u64,
}

/// The generations of a history.
#[derive(Debug, Clone)]
pub(crate) struct Generations {
    /// The oldest first. Epochs increase as text; ends do not decrease.
    ended: VecDeque<EndedGeneration>,
    /// The epoch of all entries from `first` on.
    present: Epoch,
    /// 0 if no generation has ended, so that seq 0 is of the present one.
    first: u64,
}

/// Where the cursor of a client is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CursorPlace {
    /// Behind the entry with this seq, which may not be assigned yet. Seq 0 is before
    /// all entries.
    At(u64),
    /// Behind the last entry of an ended generation, among entries that are lost.
    Beyond {
        /// The seq of that last entry.
        end: u64,
        /// The epoch of the next generation.
        next: Epoch,
    },
    /// The epoch is none of this history.
    Foreign,
}

/// The generations are not those of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BadGenerations;

impl Generations {
    /// One generation, which begins now.
    pub(crate) fn new() -> Self {
        Self::of(Epoch::new())
    }

    fn of(present: Epoch) -> Self {
        Self {
            ended: VecDeque::new(),
            present,
            first: 0,
        }
    }

    /// The epoch of the next entry.
    pub(crate) fn present(&self) -> Epoch {
        self.present
    }

    /// The id of the entry with this seq, with the epoch of the generation in which
    /// the seq was assigned. Of entries from before the known generations it is that
    /// of the oldest known one.
    pub(crate) fn id(&self, seq: u64) -> EventId {
        let epoch = match seq >= self.first {
            true => self.present,
            false => self.epoch_before_present(seq),
        };
        EventId { epoch, seq }
    }

    #[cold]
    fn epoch_before_present(&self, seq: u64) -> Epoch {
        let index = self.ended.partition_point(|ended| ended.end < seq);
        let ended = self.ended.get(index);
        ended.map_or(self.present, |ended| ended.epoch)
    }

    /// Whether the entry with this seq is of the present generation.
    pub(crate) fn is_present(&self, seq: u64) -> bool {
        seq >= self.first
    }

    /// The place of a cursor.
    pub(crate) fn place(&self, cursor: EventId) -> CursorPlace {
        if cursor.epoch == self.present {
            return CursorPlace::At(cursor.seq);
        }
        let epoch_of = |ended: &EndedGeneration| ended.epoch;
        let Ok(index) = self.ended.binary_search_by_key(&cursor.epoch, epoch_of) else {
            return CursorPlace::Foreign;
        };
        let end = self.ended[index].end;
        if cursor.seq <= end {
            return CursorPlace::At(cursor.seq);
        }
        let next = self.ended.get(index + 1);
        CursorPlace::Beyond {
            end,
            next: next.map_or(self.present, epoch_of),
        }
    }

    /// The seq of the entry with this id. `None` if no entry of this history ever had
    /// it, or if that entry is lost.
    pub(crate) fn seq_of(&self, id: EventId) -> Option<u64> {
        (self.id(id.seq) == id).then_some(id.seq)
    }
}

impl Generations {
    /// The generations of a store: what [`ended`](Self::ended) and
    /// [`present`](Self::present) were.
    ///
    /// # Errors
    ///
    /// [`BadGenerations`] if epochs do not increase as text, if ends decrease, or if
    /// there can be no epoch after the present one.
    pub(crate) fn restore(
        ended: impl IntoIterator<Item = EndedGeneration>,
        present: Epoch,
    ) -> Result<Self, BadGenerations> {
        let mut generations = Self::of(present);
        let mut last: Option<EndedGeneration> = None;
        for next in ended {
            if last.is_some_and(|last| last.epoch >= next.epoch || last.end > next.end) {
                return Err(BadGenerations);
            }
            generations.push(next);
            last = Some(next);
        }
        let is_last = last.is_none_or(|last| last.epoch < present);
        match is_last && !present.as_str().starts_with(LAST_TIME) {
            true => Ok(generations),
            false => Err(BadGenerations),
        }
    }

    /// The ended generations, the oldest first. To be stored together with
    /// [`present`](Self::present), all of them whenever a generation has begun.
    pub(crate) fn ended(
        &self,
    ) -> impl DoubleEndedIterator<Item = EndedGeneration> + ExactSizeIterator {
        self.ended.iter().copied()
    }

    /// The generations that have begun since `epoch`, which has ended; each with the seq at
    /// which the one before it did.
    #[cfg(feature = "redis")]
    pub(crate) fn begun_after(&self, epoch: Epoch) -> Vec<(u64, Epoch)> {
        let epochs = self.ended.iter().map(|ended| ended.epoch);
        let next = epochs.chain([self.present]).skip(1);
        let pairs = self.ended.iter().zip(next);
        let later = pairs.skip_while(|(ended, _)| ended.epoch != epoch);
        later.map(|(ended, next)| (ended.end, next)).collect()
    }

    /// Ends the present generation at seq `end` and begins the next one. All entries
    /// after `end` are lost, also those of earlier generations. `now` is the time
    /// that the new epoch has, unless the clock went back.
    pub(crate) fn begin_next(&mut self, end: u64, now: SystemTime) {
        self.begin(end, self.present.after(now));
    }

    /// As [`Self::begin_next`], with the epoch of the next generation, which is later as
    /// text than the present one.
    pub(crate) fn begin(&mut self, end: u64, next: Epoch) {
        debug_assert!(next > self.present, "epochs increase as text");
        let epoch = std::mem::replace(&mut self.present, next);
        let later = self.ended.iter_mut().rev();
        later
            .take_while(|ended| ended.end > end)
            .for_each(|ended| ended.end = end);
        self.push(EndedGeneration { epoch, end });
    }

    fn push(&mut self, ended: EndedGeneration) {
        if self.ended.len() == MAX_ENDED {
            self.ended.pop_front();
        }
        self.ended.push_back(ended);
        self.first = ended.end + 1;
    }
}

/// The generations that have ended since the hub began, each with its place in the
/// channel. A reader has the entries of the generation that was present at its own place
/// in the channel.
#[derive(Debug, Default)]
pub(crate) struct GenerationEnds {
    /// The position of each end, and the epoch that ended there; the oldest first. One
    /// more than [`Generations`] knows: the oldest is foreign then, and so is everything
    /// before it.
    ends: VecDeque<(u64, Epoch)>,
}

impl GenerationEnds {
    /// The generation of this epoch ends at `position`.
    pub(crate) fn push(&mut self, position: u64, epoch: Epoch) {
        if self.ends.len() > MAX_ENDED {
            self.ends.pop_front();
        }
        self.ends.push_back((position, epoch));
    }

    /// The epoch that was present at `position`, if it has ended there or later.
    pub(crate) fn ended_since(&self, position: u64) -> Option<Epoch> {
        let index = self.ends.partition_point(|(end, _)| *end < position);
        self.ends.get(index).map(|(_, epoch)| *epoch)
    }
}

impl fmt::Display for BadGenerations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the epochs of the store are not in order")
    }
}

impl Error for BadGenerations {}

#[cfg(test)]
mod tests;
