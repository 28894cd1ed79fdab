//! A generation ends while the hub runs: where streams go on.

use super::*;
use crate::chat::SavedRooms;
use crate::chat::log::restored::RestoredRoom;

impl Chain {
    /// A history of one generation: 1, 2 and 3, in rooms a, b and a.
    pub(super) fn begin(limits: HubLimits) -> Self {
        let hub = Hub::new(limits);
        publish_all(&hub, &["a", "b", "a"]);
        let epochs = vec![hub.epoch()];
        Self { hub, epochs }
    }

    pub(super) fn publish(&self, rooms: &[&str]) {
        publish_all(&self.hub, rooms);
    }

    /// All after `saved` is lost.
    pub(super) fn lose_since(&mut self, saved: &SavedRooms) {
        self.hub.lose_since(saved);
        self.epochs.push(self.hub.epoch());
    }

    pub(super) fn end(&mut self, end: u64, reloaded: Vec<RestoredRoom>) {
        let next = self.hub.epoch().after(SystemTime::now());
        self.hub.begin_generation(end, next, reloaded);
        self.epochs.push(next);
        let [summed, counted] = self.hub.lock().held();
        assert_eq!(summed, counted, "the sizes of histories");
    }

    pub(super) fn subscribe(
        &self,
        rooms: &[&str],
        cursor: Option<&str>,
        backlog: Backlog,
    ) -> TestReader {
        let options = SubscribeOptions {
            cursor: cursor.map(|text| Cursor::Id(self.id(text))),
            backlog,
            ..options(rooms, None)
        };
        TestReader::of(&self.hub, self.hub.subscribe(options).unwrap())
    }

    /// A live reader.
    pub(super) fn live(&self, rooms: &[&str]) -> TestReader {
        let mut reader = self.subscribe(rooms, None, Backlog::Last(0));
        assert_eq!(self.rest(&mut reader), "");
        reader
    }

    pub(super) fn change(
        &self,
        room_name: &str,
        id: &str,
        change: &Change,
    ) -> Result<(), ChangeError> {
        let requester = Requester {
            author: author(),
            may_moderate: false,
        };
        let changed = self
            .hub
            .change(&room(room_name), self.id(id), change, &requester);
        changed.map(|_| ())
    }

    /// The texts of a room.
    pub(super) fn texts(&self, name: &str) -> Vec<String> {
        let whole = HistoryQuery {
            after: None,
            before: None,
            limit: 99,
        };
        let page = self.hub.page(&room(name), whole);
        let text = |entry: &Entry| {
            let json: serde_json::Value = serde_json::from_slice(&entry.json()).unwrap();
            json["message"].as_str().unwrap().to_owned()
        };
        page.entries.iter().map(text).collect()
    }
}

pub(super) fn edit(text: &str) -> Change {
    Change::Edit(MessageText::parse(text, 9).unwrap())
}

#[test]
fn a_reader_beyond_the_end_is_set_back_and_another_is_not() {
    let mut chain = Chain::begin(limits());
    let saved = chain.hub.save();
    let (mut one, mut both) = (chain.live(&["a"]), chain.live(&["a", "b"]));
    let mut quiet = chain.live(&["b"]);
    chain.publish(&["a", "a"]);
    let mut beyond = chain.live(&["b"]);
    assert_eq!(chain.rest(&mut one), "1-4 1-5");
    assert_eq!(chain.rest(&mut both), "1-4 1-5");
    chain.lose_since(&saved);
    let mut new = chain.live(&["a", "b"]);
    chain.publish(&["b", "a"]);
    assert_eq!(chain.rest(&mut one), "a:restart:3:2-3 2-5");
    let gaps = "a:restart:3:1-5 b:restart:2:2-3";
    assert_eq!(chain.rest(&mut both), format!("{gaps} 2-4 2-5"));
    assert_eq!(chain.rest(&mut quiet), "2-4");
    assert_eq!(chain.rest(&mut beyond), "2-4");
    assert_eq!(chain.rest(&mut new), "2-4 2-5");
    assert_eq!(
        chain.stream(Some("1-5"), Backlog::All),
        "1-5 a:restart:3:1-5 b:restart:2:2-3 2-4 2-5"
    );
    assert_eq!(chain.stream(Some("1-2"), Backlog::All), "1-2 1-3 2-4 2-5");
}

#[test]
fn ends_in_a_row_set_a_reader_back_once() {
    let mut chain = Chain::begin(limits());
    let saved = chain.hub.save();
    let mut one = chain.live(&["a"]);
    let mut quiet = chain.live(&["b"]);
    chain.publish(&["a", "a"]);
    assert_eq!(chain.rest(&mut one), "1-4 1-5");
    chain.lose_since(&saved);
    chain.publish(&["a"]);
    chain.lose_since(&saved);
    chain.lose_since(&saved);
    chain.publish(&["b", "a"]);
    assert_eq!(chain.rest(&mut one), "a:restart:3:2-3 4-5");
    assert_eq!(chain.rest(&mut quiet), "4-4");
}

#[test]
fn an_earlier_end_sets_back_further() {
    let mut chain = Chain::begin(limits());
    let earlier = chain.hub.save();
    chain.publish(&["a"]);
    let later = chain.hub.save();
    let mut reader = chain.live(&["a"]);
    chain.publish(&["a"]);
    assert_eq!(chain.rest(&mut reader), "1-5");
    chain.lose_since(&later);
    assert_eq!(chain.rest(&mut reader), "a:restart:4:2-4");
    chain.lose_since(&earlier);
    chain.publish(&["a"]);
    assert_eq!(chain.rest(&mut reader), "a:restart:3:3-3 3-4");
}

#[test]
fn a_reader_that_catches_up_is_set_back_only_if_it_took_what_is_lost() {
    for taken in 0..=4 {
        let mut chain = Chain::begin(limits());
        let saved = chain.hub.save();
        chain.publish(&["a", "b"]);
        let mut reader = chain.subscribe(&["a"], Some("1-0"), Backlog::All);
        let subscription = reader.subscription();
        subscription.catch_up(std::time::Instant::now());
        let ids = std::iter::from_fn(|| subscription.pop_ready()).take(taken);
        assert_eq!(ids.count(), taken.min(3));
        subscription.rewind();
        chain.lose_since(&saved);
        chain.publish(&["b", "a"]);
        let rest = ["1-1 1-3 2-5", "1-3 2-5", "2-5", "a:restart:3:2-3 2-5"];
        assert_eq!(chain.rest(&mut reader), rest[taken.min(3)], "{taken} taken");
    }
}

#[test]
fn a_room_without_backlog_goes_on_at_the_end() {
    let mut chain = Chain::begin(limits());
    chain.publish(&["b"]);
    let saved = chain.hub.save();
    chain.publish(&["b", "b"]);
    // It begins at entry 3 of room a, and behind entry 6 in room b.
    let mut reader = chain.subscribe(&["a", "c"], None, Backlog::Last(1));
    chain.lose_since(&saved);
    chain.publish(&["c", "a"]);
    assert_eq!(chain.rest(&mut reader), "1-3 2-5 2-6");
}

#[test]
fn gaps_that_were_not_taken_are_made_anew() {
    for taken in 0..=2 {
        let mut chain = Chain::begin(limits());
        let saved = chain.hub.save();
        let mut reader = chain.subscribe(&["a", "b"], Some("other-9"), Backlog::All);
        let subscription = reader.subscription();
        subscription.catch_up(std::time::Instant::now());
        let gaps = std::iter::from_fn(|| subscription.pop_ready());
        assert_eq!(gaps.take(taken).count(), taken);
        subscription.rewind();
        chain.publish(&["a"]);
        chain.lose_since(&saved);
        chain.publish(&["b"]);
        reader.subscription().catch_up(std::time::Instant::now());
        let entries = "1-1 1-2 1-3 2-4";
        let expected = match taken {
            2 => entries.to_owned(),
            _ => format!("a:restart:1:other-9 b:restart:1:1-0 {entries}"),
        };
        assert_eq!(chain.rest(&mut reader), expected, "{taken} taken");
    }
}

#[test]
fn a_reader_that_misses_the_end_is_set_back_by_its_place_in_the_channel() {
    let mut chain = Chain::begin(HubLimits {
        channel_slots: 4,
        ..limits()
    });
    let saved = chain.hub.save();
    let (mut one, mut quiet) = (chain.live(&["a"]), chain.live(&["b"]));
    chain.publish(&["a"]);
    assert_eq!(chain.rest(&mut one), "1-4");
    chain.lose_since(&saved);
    chain.publish(&["a", "a", "a", "a", "a", "b"]);
    let after = "2-4 2-5 2-6 2-7 2-8";
    assert_eq!(chain.rest(&mut one), format!("a:restart:3:2-3 {after}"));
    assert_eq!(chain.rest(&mut quiet), "2-9");
}
