//! What one subscriber has seen, and what it should have: loss, doubles and
//! order, for any server, from the places that messages carry with them.
//!
//! A publisher sends one message after the other, each when the one before it
//! was answered. So its messages in one room, its lane, have an order that the
//! server must keep, while messages of two publishers may overtake each other.

use std::collections::HashSet;
use std::ops::Range;

/// A message's place in the lane of its publisher.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Place {
    /// Which publisher, from 0.
    pub(super) publisher: u16,
    /// Which of its messages in the room, from 0.
    pub(super) seq: u32,
}

/// What a delivery is to its subscriber.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arrival {
    /// It has not seen it before.
    New,
    /// It has not seen it before, and has seen a later one of its lane.
    Late,
    /// It has seen it before.
    Again,
}

/// What one subscriber has seen of its room.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    lanes: Box<[Lane]>,
    /// How many messages it has seen, each counted once.
    pub(super) messages: u64,
}

#[derive(Debug, Clone, Default)]
struct Lane {
    /// Where the next message of the lane should be; none until a subscriber
    /// that came in the middle has seen one.
    next: Option<u32>,
    /// Holes below `next`. Nearly always empty.
    missing: Vec<Range<u32>>,
}

impl Seen {
    /// Of a subscriber that is there before the first message.
    pub(super) fn from_the_start(publishers: usize) -> Self {
        Self::with(publishers, Some(0))
    }

    /// Of a subscriber that comes in the middle: what was before is not its.
    pub(super) fn from_now_on(publishers: usize) -> Self {
        Self::with(publishers, None)
    }

    fn with(publishers: usize, next: Option<u32>) -> Self {
        let lane = Lane {
            next,
            missing: Vec::new(),
        };
        Self {
            lanes: vec![lane; publishers].into(),
            messages: 0,
        }
    }

    /// A message has come.
    pub(super) fn take(&mut self, place: Place) -> Arrival {
        let Some(lane) = self.lanes.get_mut(usize::from(place.publisher)) else {
            return Arrival::Again;
        };
        let arrival = lane.take(place.seq);
        self.messages += u64::from(arrival != Arrival::Again);
        arrival
    }

    /// Whether messages are missing between those that it has seen.
    pub(super) fn has_holes(&self) -> bool {
        self.lanes.iter().any(|lane| !lane.missing.is_empty())
    }

    /// How many messages are missing between those that it has seen, without
    /// those that were never accepted.
    pub(super) fn holes(&self, room: usize, sent: &Sent) -> u64 {
        self.missing(|_| 0, room, sent)
    }

    /// How many messages are missing of all that were sent and accepted.
    pub(super) fn lost(&self, room: usize, sent: &Sent) -> u64 {
        self.missing(|publisher| sent.in_lane(publisher, room), room, sent)
    }

    /// Counts holes, and what is missing at the end of lanes that are `long`.
    fn missing(&self, long: impl Fn(usize) -> u32, room: usize, sent: &Sent) -> u64 {
        let mut count = 0;
        for (publisher, lane) in self.lanes.iter().enumerate() {
            let end = lane.next.unwrap_or(u32::MAX)..long(publisher);
            for hole in lane.missing.iter().chain([&end]) {
                let not_accepted = sent.refused_in(publisher, room, hole);
                count += (hole.len() as u64).saturating_sub(not_accepted);
            }
        }
        count
    }
}

impl Lane {
    fn take(&mut self, seq: u32) -> Arrival {
        let next = *self.next.get_or_insert(seq);
        if seq >= next {
            if seq > next {
                self.missing.push(next..seq);
            }
            self.next = Some(seq.saturating_add(1));
            return Arrival::New;
        }
        match self.missing.iter().position(|hole| hole.contains(&seq)) {
            None => Arrival::Again,
            Some(at) => {
                let hole = self.missing.swap_remove(at);
                let parts = [hole.start..seq, seq + 1..hole.end];
                self.missing
                    .extend(parts.into_iter().filter(|part| !part.is_empty()));
                Arrival::Late
            }
        }
    }
}

/// What was sent: how long each lane is, and what of it was not accepted.
#[derive(Debug, Clone)]
pub(super) struct Sent {
    rooms: usize,
    lanes: Vec<u32>,
    /// Refused or not answered, so that nobody can expect it: by lane and place.
    not_accepted: HashSet<(usize, u32)>,
}

impl Sent {
    /// Nothing yet.
    pub(super) fn new(publishers: usize, rooms: usize) -> Self {
        Self {
            rooms,
            lanes: vec![0; publishers * rooms],
            not_accepted: HashSet::new(),
        }
    }

    /// The place of the next message of `publisher` in `room`.
    pub(super) fn next(&mut self, publisher: usize, room: usize) -> Place {
        let lane = &mut self.lanes[publisher * self.rooms + room];
        let seq = *lane;
        *lane += 1;
        Place {
            publisher: publisher as u16,
            seq,
        }
    }

    /// The server has not said that it took this message.
    pub(super) fn not_accepted(&mut self, room: usize, place: Place) {
        let lane = usize::from(place.publisher) * self.rooms + room;
        self.not_accepted.insert((lane, place.seq));
    }

    /// How many messages of `room` were accepted.
    pub(super) fn accepted(&self, room: usize) -> u64 {
        let sent: u64 = (0..self.publishers())
            .map(|publisher| u64::from(self.in_lane(publisher, room)))
            .sum();
        let not = self
            .not_accepted
            .iter()
            .filter(|(lane, _)| lane % self.rooms == room);
        sent - not.count() as u64
    }

    /// How many messages were accepted in all rooms.
    pub(super) fn accepted_in_all(&self) -> u64 {
        (0..self.rooms).map(|room| self.accepted(room)).sum()
    }

    fn publishers(&self) -> usize {
        self.lanes.len() / self.rooms
    }

    fn in_lane(&self, publisher: usize, room: usize) -> u32 {
        self.lanes[publisher * self.rooms + room]
    }

    fn refused_in(&self, publisher: usize, room: usize, hole: &Range<u32>) -> u64 {
        if self.not_accepted.is_empty() || hole.is_empty() {
            return 0;
        }
        let lane = publisher * self.rooms + room;
        let within = |(of, seq): &&(usize, u32)| *of == lane && hole.contains(seq);
        self.not_accepted.iter().filter(within).count() as u64
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn place(publisher: u16, seq: u32) -> Place {
        Place { publisher, seq }
    }

    fn sent(lanes: &[u32]) -> Sent {
        let mut sent = Sent::new(lanes.len(), 1);
        for (publisher, messages) in lanes.iter().enumerate() {
            for _ in 0..*messages {
                sent.next(publisher, 0);
            }
        }
        sent
    }

    #[test]
    fn two_publishers_may_overtake_each_other() {
        let mut seen = Seen::from_the_start(2);
        for (publisher, seq) in [(0, 0), (1, 0), (1, 1), (0, 1)] {
            assert_eq!(seen.take(place(publisher, seq)), Arrival::New);
        }
        assert_eq!(seen.lost(0, &sent(&[2, 2])), 0);
    }

    #[test]
    fn a_hole_is_a_loss_until_it_is_filled() {
        let mut seen = Seen::from_the_start(1);
        for seq in [0, 3] {
            assert_eq!(seen.take(place(0, seq)), Arrival::New);
        }
        assert_eq!(seen.lost(0, &sent(&[5])), 3);
        assert_eq!(seen.holes(0, &sent(&[5])), 2);
        assert_eq!(seen.take(place(0, 1)), Arrival::Late);
        assert_eq!(seen.take(place(0, 1)), Arrival::Again);
        assert_eq!(seen.lost(0, &sent(&[5])), 2);
    }

    #[test]
    fn what_was_not_accepted_is_not_lost() {
        let mut sent = sent(&[4]);
        for seq in [1, 3] {
            sent.not_accepted(0, place(0, seq));
        }
        let mut seen = Seen::from_the_start(1);
        seen.take(place(0, 0));
        seen.take(place(0, 2));
        assert_eq!((seen.lost(0, &sent), sent.accepted(0)), (0, 2));
    }

    #[test]
    fn who_comes_in_the_middle_misses_nothing_of_before() {
        let mut seen = Seen::from_now_on(2);
        for seq in [7, 8, 10] {
            seen.take(place(0, seq));
        }
        assert_eq!(seen.holes(0, &sent(&[20, 20])), 1);
    }

    #[test]
    fn a_publisher_that_is_none_of_ours_is_nothing_new() {
        assert_eq!(Seen::from_the_start(1).take(place(9, 0)), Arrival::Again);
    }

    proptest! {
        /// Against a plain list of what came.
        #[test]
        fn it_counts_as_a_plain_list_would(came in prop::collection::vec(0_u32..20, 0..60)) {
            let mut seen = Seen::from_the_start(1);
            let mut list: Vec<u32> = Vec::new();
            for seq in came {
                let expected = match (list.contains(&seq), list.iter().any(|other| *other > seq)) {
                    (true, _) => Arrival::Again,
                    (false, true) => Arrival::Late,
                    (false, false) => Arrival::New,
                };
                prop_assert_eq!(seen.take(place(0, seq)), expected);
                list.push(seq);
            }
            let lost = (0..20).filter(|seq| !list.contains(seq)).count() as u64;
            prop_assert_eq!(seen.lost(0, &sent(&[20])), lost);
            prop_assert_eq!(seen.messages, 20 - lost);
        }
    }
}
