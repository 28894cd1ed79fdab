//! Reads from history for one stream: the entries that it has not got yet, in
//! the order of ids across its rooms, with a gap where entries were lost.
//!
//! A gap has the id of its last lost entry. So ids strictly increase over gaps
//! too, and one cursor is enough: a reader that got the gap resumes after it, any
//! other reader gets it again.
//!
//! What only the store holds is read from there before: a batch says what that is.

use std::collections::{VecDeque, vec_deque};
use std::iter::Peekable;

use super::delivery::{Delivery, Gap, GapReason};
use super::entry::Entry;
use super::log::reading::{MAX_READ, StoredId};
use super::older_entries::{OlderIter, OlderKey};
use super::place::Place;
use super::room::Room;
use super::rooms::Rooms;
use super::stored_entries::{StoredEntries, StoredEntry};
use crate::protocol::{Cursor, RoomName};

/// The approximate size of a batch in bytes. Events of it that the socket does
/// not take are read again.
pub(super) const BATCH_BYTES: usize = 64 * 1024;

/// One stream's position in one room.
#[derive(Debug)]
pub(super) struct RoomCursor {
    pub(super) room: RoomName,
    /// Entries up to this seq are not delivered: they are before the backlog, or
    /// covered by a gap at the start of the stream.
    pub(super) skip_through: u64,
    /// The place that the stream has reached, where known.
    pub(super) next: Option<Place>,
    /// The reason of the next gap.
    pub(super) gap_reason: GapReason,
    /// The version of the members that the reader has, if any.
    pub(super) members_version: Option<u64>,
}

impl RoomCursor {
    /// Moves the cursor past a delivery of this room.
    pub(super) fn advance(&mut self, delivery: &Delivery) {
        let next = match delivery {
            Delivery::Entry(entry) => {
                debug_assert!(
                    self.next.is_none_or(|next| next == entry.place()),
                    "no missing entries without a gap"
                );
                entry.place_after()
            }
            Delivery::Gap(_, place) => *place,
            Delivery::Members(snapshot) => {
                self.members_version = Some(snapshot.version);
                return;
            }
            Delivery::Expiring(_) | Delivery::Stale(_) | Delivery::Fresh => return,
        };
        self.next = Some(next);
        self.gap_reason = GapReason::Lagged;
    }
}

/// Consecutive deliveries from history.
#[derive(Debug)]
pub(super) struct Batch {
    /// Each with the index of its room cursor.
    pub(super) deliveries: VecDeque<(usize, Delivery)>,
    /// History has no more after these.
    pub(super) is_last: bool,
    /// What comes next and has to be read from the store. Empty if nothing has to be.
    pub(super) unread: Vec<StoredId>,
    /// The store does not give what comes next, up to this seq.
    pub(super) unreadable_through: Option<u64>,
    /// A gap is due behind the first delivery, or behind the batch: what is lost in it
    /// must not be in history again once the cursor is past a part of it.
    pub(super) skips_lost: bool,
}

/// What a stream reads from.
#[derive(Debug)]
pub(super) struct ReplaySource<'a> {
    pub(super) rooms: &'a Rooms,
    /// What was read from the store for this stream.
    pub(super) stored: &'a StoredEntries,
    /// What only the store holds up to this seq can't be read: the reader gets a gap
    /// instead.
    pub(super) unreadable_through: u64,
}

impl ReplaySource<'_> {
    /// The deliveries that follow `cursor` in history, about `max_bytes` of them.
    pub(super) fn read_batch(
        &self,
        room_cursors: &[RoomCursor],
        cursor: u64,
        max_bytes: usize,
    ) -> Batch {
        let replays = room_cursors.iter().enumerate();
        let mut replays: Vec<RoomReplay<'_>> = replays
            .filter_map(|(index, room_cursor)| RoomReplay::new(self, index, room_cursor, cursor))
            .collect();
        let mut batch = Batch {
            deliveries: VecDeque::new(),
            is_last: false,
            unread: Vec::new(),
            unreadable_through: None,
            skips_lost: has_later_gap(&mut replays),
        };
        let mut bytes = 0;
        while bytes < max_bytes {
            let Some(replay) = next_replay(&mut replays) else {
                batch.is_last = true;
                return batch;
            };
            match replay.take(&room_cursors[replay.index], self) {
                NextDelivery::Delivery(delivery) => {
                    bytes += delivery.bytes();
                    batch.deliveries.push_back((replay.index, delivery));
                }
                NextDelivery::Nothing => {}
                NextDelivery::Unreadable(through) => {
                    batch.unreadable_through = Some(through);
                    return batch;
                }
                NextDelivery::Unread => {
                    batch.unread = unread(&mut replays, max_bytes);
                    return batch;
                }
            }
        }
        batch
    }
}

/// The replay with the next delivery.
fn next_replay<'r, 'a>(replays: &'r mut [RoomReplay<'a>]) -> Option<&'r mut RoomReplay<'a>> {
    let next = replays
        .iter_mut()
        .filter_map(|replay| Some((replay.position()?, replay)))
        .min_by_key(|(seq, _)| *seq);
    next.map(|(_, replay)| replay)
}

/// Whether a gap is due that is not next. The next delivery, if it is a gap, leaves out
/// nothing that is not announced by it.
fn has_later_gap(replays: &mut [RoomReplay<'_>]) -> bool {
    let last_gap = replays.iter().filter_map(|replay| replay.gap).max();
    let next = next_replay(replays).and_then(RoomReplay::position);
    last_gap > next
}

/// What comes next and only the store holds, about `max_bytes` of it.
fn unread(replays: &mut [RoomReplay<'_>], max_bytes: usize) -> Vec<StoredId> {
    let mut bytes = 0;
    let next = || {
        let replay = next_replay(replays).filter(|_| bytes < max_bytes)?;
        let entry = replay.take_older()?;
        bytes += entry.cost;
        Some(entry.id_in(&replay.room.name))
    };
    std::iter::from_fn(next).take(MAX_READ).collect()
}

/// The deliveries of one room: at most one gap, then what only the store holds, then
/// what memory holds.
struct RoomReplay<'a> {
    /// Of its room cursor.
    index: usize,
    room: &'a Room,
    /// The seq of the last lost entry.
    gap: Option<u64>,
    older: OlderIter<'a>,
    entries: Peekable<vec_deque::Iter<'a, Entry>>,
}

/// What comes next in a room.
enum NextDelivery {
    Delivery(Delivery),
    /// A change that a later one has replaced.
    Nothing,
    /// Entries up to this seq, which the store does not give.
    Unreadable(u64),
    /// An entry that has to be read from the store. It is still to be taken.
    Unread,
}

impl<'a> RoomReplay<'a> {
    fn new(
        source: &ReplaySource<'a>,
        index: usize,
        room_cursor: &RoomCursor,
        cursor: u64,
    ) -> Option<Self> {
        let room = source.rooms.get(&room_cursor.room)?;
        let after = cursor.max(room_cursor.skip_through);
        let history = &room.history;
        let unreadable = history.older_through().min(source.unreadable_through);
        let lost = history.evicted_through().max(unreadable);
        Some(Self {
            index,
            room,
            gap: (lost > after).then_some(lost),
            older: history.older().after(after.max(lost)),
            entries: history.since(after).peekable(),
        })
    }

    /// The seq of the next delivery.
    fn position(&mut self) -> Option<u64> {
        let older = self.older.peek().map(|key| key.seq);
        self.gap
            .or(older)
            .or_else(|| self.entries.peek().map(|entry| entry.seq()))
    }

    /// Takes what is next if only the store holds it.
    fn take_older(&mut self) -> Option<OlderKey> {
        match self.gap {
            Some(_) => None,
            None => self.older.next(),
        }
    }

    /// Takes the delivery at `position`. A gap comes first, so `room_cursor` is
    /// still unchanged when it counts what was lost.
    fn take(&mut self, room_cursor: &RoomCursor, source: &ReplaySource<'_>) -> NextDelivery {
        if let Some(seq) = self.gap.take() {
            return NextDelivery::Delivery(self.gap(seq, room_cursor, source));
        }
        let Some(older) = self.older.peek() else {
            let entry = self.entries.next();
            let entry = entry.expect("a position is a gap or an entry").clone();
            return NextDelivery::Delivery(Delivery::Entry(entry));
        };
        let taken = match source.stored.get(self.room, older.seq) {
            StoredEntry::Unread => return NextDelivery::Unread,
            StoredEntry::Found(entry) => NextDelivery::Delivery(Delivery::Entry(entry.clone())),
            StoredEntry::Missing if !older.is_item => NextDelivery::Nothing,
            StoredEntry::Missing | StoredEntry::Unreadable => {
                return NextDelivery::Unreadable(self.unreadable_through(source));
            }
        };
        self.older.next();
        taken
    }

    /// The seq of the last one of the next entries that the store does not give.
    fn unreadable_through(&mut self, source: &ReplaySource<'_>) -> u64 {
        let mut through = 0;
        while let Some(older) = self.older.peek()
            && let StoredEntry::Missing | StoredEntry::Unreadable =
                source.stored.get(self.room, older.seq)
        {
            through = older.seq;
            self.older.next();
        }
        through
    }

    /// The gap up to `seq`.
    fn gap(&self, seq: u64, room_cursor: &RoomCursor, source: &ReplaySource<'_>) -> Delivery {
        let history = &self.room.history;
        let next = history
            .place_after(seq)
            .unwrap_or_else(|| history.first_place());
        let reason = match seq > history.evicted_through() {
            true => GapReason::Evicted,
            false => room_cursor.gap_reason,
        };
        let lost = |reached: Place| next.counted.checked_sub(reached.counted);
        let gap = Gap {
            room: room_cursor.room.clone(),
            reason,
            lost: room_cursor.next.and_then(lost),
            next: next.number,
            cursor: Cursor::Id(source.rooms.id(seq)),
        };
        Delivery::Gap(gap, next)
    }
}
