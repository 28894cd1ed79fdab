//! The ledger of one subscriber: losses, duplicates and order, for any server, from
//! the positions that payloads carry.
//!
//! A publisher sends each message after the answer to the one before. So the server
//! must keep the order of its messages in one room, its lane. Messages of two
//! publishers may overtake each other.

use std::collections::HashSet;
use std::ops::Range;

/// A message's position in the lane of its publisher.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct LanePosition {
    /// The publisher's index.
    pub(crate) publisher: u16,
    /// The index of the message among those of the publisher in the room.
    pub(crate) seq: u32,
}

/// The kind of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// The first delivery of the message, in order.
    New,
    /// The first delivery of the message, after a later one of its lane.
    Late,
    /// The message was delivered before.
    Duplicate,
}

/// The messages that one subscriber has received.
#[derive(Debug, Clone)]
pub(crate) struct Ledger {
    lanes: Box<[Lane]>,
    /// Received messages, each counted once.
    pub(crate) messages: u64,
}

#[derive(Debug, Clone, Default)]
struct Lane {
    /// The next position of the lane; none until the first message, if the
    /// subscriber connected in the middle of the run.
    next: Option<u32>,
    /// Holes below `next`; nearly always empty.
    missing: Vec<Range<u32>>,
}

impl Ledger {
    /// Of a subscriber that expects every message of the run.
    pub(crate) fn from_the_start(publishers: usize) -> Self {
        Self::with(publishers, Some(0))
    }

    /// Of a subscriber that connects in the middle of the run, and expects nothing
    /// from before its first message.
    pub(crate) fn from_now_on(publishers: usize) -> Self {
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

    /// Records a delivery. A position of an unknown publisher is a duplicate.
    pub(crate) fn record(&mut self, position: LanePosition) -> Arrival {
        let Some(lane) = self.lanes.get_mut(usize::from(position.publisher)) else {
            return Arrival::Duplicate;
        };
        let arrival = lane.record(position.seq);
        self.messages += u64::from(arrival != Arrival::Duplicate);
        arrival
    }

    /// Whether messages between the received ones are missing.
    pub(crate) fn has_holes(&self) -> bool {
        self.lanes.iter().any(|lane| !lane.missing.is_empty())
    }

    /// How many accepted messages between the received ones are missing.
    pub(crate) fn holes(&self, room: usize, sent: &SentLog) -> u64 {
        self.missing(|_| 0, room, sent)
    }

    /// How many of all accepted messages are missing.
    pub(crate) fn lost(&self, room: usize, sent: &SentLog) -> u64 {
        self.missing(|publisher| sent.in_lane(publisher, room), room, sent)
    }

    /// Counts the holes, and what is missing at the end of each lane, whose length
    /// is `length`.
    fn missing(&self, length: impl Fn(usize) -> u32, room: usize, sent: &SentLog) -> u64 {
        let mut count = 0;
        for (publisher, lane) in self.lanes.iter().enumerate() {
            let end = lane.next.unwrap_or(u32::MAX)..length(publisher);
            for hole in lane.missing.iter().chain([&end]) {
                let not_accepted = sent.refused_in(publisher, room, hole);
                count += (hole.len() as u64).saturating_sub(not_accepted);
            }
        }
        count
    }
}

impl Lane {
    fn record(&mut self, seq: u32) -> Arrival {
        let next = *self.next.get_or_insert(seq);
        if seq >= next {
            if seq > next {
                self.missing.push(next..seq);
            }
            self.next = Some(seq.saturating_add(1));
            return Arrival::New;
        }
        match self.missing.iter().position(|hole| hole.contains(&seq)) {
            None => Arrival::Duplicate,
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

/// What was sent: the length of each lane, and which messages were not accepted.
#[derive(Debug, Clone)]
pub(crate) struct SentLog {
    rooms: usize,
    lanes: Vec<u32>,
    /// Messages refused or not answered, which no subscriber can expect: by lane and
    /// sequence number.
    not_accepted: HashSet<(usize, u32)>,
}

impl SentLog {
    /// An empty log.
    pub(crate) fn new(publishers: usize, rooms: usize) -> Self {
        Self {
            rooms,
            lanes: vec![0; publishers * rooms],
            not_accepted: HashSet::new(),
        }
    }

    /// Adds a message of `publisher` in `room`, and returns its position.
    pub(crate) fn next(&mut self, publisher: usize, room: usize) -> LanePosition {
        let lane = &mut self.lanes[publisher * self.rooms + room];
        let seq = *lane;
        *lane += 1;
        LanePosition {
            publisher: publisher as u16,
            seq,
        }
    }

    /// Marks a message as not accepted by the server.
    pub(crate) fn not_accepted(&mut self, room: usize, position: LanePosition) {
        let lane = usize::from(position.publisher) * self.rooms + room;
        self.not_accepted.insert((lane, position.seq));
    }

    /// How many messages of `room` were accepted.
    pub(crate) fn accepted(&self, room: usize) -> u64 {
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
    pub(crate) fn accepted_in_all(&self) -> u64 {
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

    fn position(publisher: u16, seq: u32) -> LanePosition {
        LanePosition { publisher, seq }
    }

    fn sent(lanes: &[u32]) -> SentLog {
        let mut sent = SentLog::new(lanes.len(), 1);
        for (publisher, messages) in lanes.iter().enumerate() {
            for _ in 0..*messages {
                sent.next(publisher, 0);
            }
        }
        sent
    }

    #[test]
    fn two_publishers_may_overtake_each_other() {
        let mut ledger = Ledger::from_the_start(2);
        for (publisher, seq) in [(0, 0), (1, 0), (1, 1), (0, 1)] {
            assert_eq!(ledger.record(position(publisher, seq)), Arrival::New);
        }
        assert_eq!(ledger.lost(0, &sent(&[2, 2])), 0);
    }

    #[test]
    fn a_hole_is_a_loss_until_it_is_filled() {
        let mut ledger = Ledger::from_the_start(1);
        for seq in [0, 3] {
            assert_eq!(ledger.record(position(0, seq)), Arrival::New);
        }
        assert_eq!(ledger.lost(0, &sent(&[5])), 3);
        assert_eq!(ledger.holes(0, &sent(&[5])), 2);
        assert_eq!(ledger.record(position(0, 1)), Arrival::Late);
        assert_eq!(ledger.record(position(0, 1)), Arrival::Duplicate);
        assert_eq!(ledger.lost(0, &sent(&[5])), 2);
    }

    #[test]
    fn a_message_that_was_not_accepted_is_not_lost() {
        let mut sent = sent(&[4]);
        for seq in [1, 3] {
            sent.not_accepted(0, position(0, seq));
        }
        let mut ledger = Ledger::from_the_start(1);
        ledger.record(position(0, 0));
        ledger.record(position(0, 2));
        assert_eq!((ledger.lost(0, &sent), sent.accepted(0)), (0, 2));
    }

    #[test]
    fn a_late_subscriber_misses_nothing_from_before() {
        let mut ledger = Ledger::from_now_on(2);
        for seq in [7, 8, 10] {
            ledger.record(position(0, seq));
        }
        assert_eq!(ledger.holes(0, &sent(&[20, 20])), 1);
    }

    #[test]
    fn an_unknown_publisher_is_a_duplicate() {
        assert_eq!(
            Ledger::from_the_start(1).record(position(9, 0)),
            Arrival::Duplicate
        );
    }

    proptest! {
        /// Compared with a plain list of deliveries.
        #[test]
        fn the_ledger_counts_as_a_plain_list_does(came in prop::collection::vec(0_u32..20, 0..60)) {
            let mut ledger = Ledger::from_the_start(1);
            let mut list: Vec<u32> = Vec::new();
            for seq in came {
                let expected = match (list.contains(&seq), list.iter().any(|other| *other > seq)) {
                    (true, _) => Arrival::Duplicate,
                    (false, true) => Arrival::Late,
                    (false, false) => Arrival::New,
                };
                prop_assert_eq!(ledger.record(position(0, seq)), expected);
                list.push(seq);
            }
            let lost = (0..20).filter(|seq| !list.contains(seq)).count() as u64;
            prop_assert_eq!(ledger.lost(0, &sent(&[20])), lost);
            prop_assert_eq!(ledger.messages, 20 - lost);
        }
    }
}
