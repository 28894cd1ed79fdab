use serde_json::{Value, json};

use super::*;

use super::pending::{CHANGE_BYTES, LIST_AGAIN_MEMBERS};

/// A room's presence on a clock that the test moves.
struct Clock {
    presence: Presence,
    room: RoomName,
    now: Instant,
    budget: PresenceBudget,
}

impl Clock {
    fn new() -> Self {
        Self {
            presence: Presence::default(),
            room: RoomName::parse("lobby").unwrap(),
            now: Instant::now(),
            budget: PresenceBudget {
                readers: 100,
                rate: 1 << 20,
            },
        }
    }

    /// A room with so many members, of which all readers know.
    fn with_members(members: usize) -> Self {
        let mut clock = Self::new();
        (0..members).for_each(|number| clock.join(&long_name(number)));
        clock.event();
        clock
    }

    fn join(&mut self, name: &str) {
        self.presence.join(&UserName::parse(name).unwrap());
    }

    fn leave(&mut self, name: &str) {
        self.presence
            .leave(&UserName::parse(name).unwrap(), None, self.now);
    }

    fn wait(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
    }

    /// The next event, if there is one, after a wait that any rate pays for.
    fn event(&mut self) -> Option<Bytes> {
        self.wait(2);
        self.presence.end_stays(self.now, usize::MAX);
        let event = self.presence.flush(&self.room, self.budget, self.now);
        event.map(|event| event.text())
    }

    /// The data of the next event, without the times.
    fn flush(&mut self) -> Value {
        self.presence.end_stays(self.now, usize::MAX);
        let event = self.presence.flush(&self.room, self.budget, self.now);
        event.map_or(Value::Null, |event| names_only(&event.text()))
    }

    fn snapshot(&mut self) -> Value {
        names_only(&self.presence.snapshot(&self.room).event.text())
    }
}

/// A name of the most bytes.
fn long_name(number: usize) -> String {
    format!("{number:05}{}", "\u{20000}".repeat(27))
}

fn names_only(event: &[u8]) -> Value {
    let text = std::str::from_utf8(event).unwrap();
    let data = text
        .strip_prefix("event: presence\ndata: ")
        .unwrap()
        .strip_suffix("\n\n")
        .unwrap();
    let mut data: Value = serde_json::from_str(data).unwrap();
    for list in ["members", "joined", "left"] {
        if let Some(members) = data.get_mut(list) {
            let names = members
                .as_array()
                .unwrap()
                .iter()
                .map(|member| member["name"].clone());
            *members = names.collect();
        }
    }
    data
}

#[test]
fn who_came_and_who_left_since_the_last_flush_is_one_event() {
    let mut clock = Clock::new();
    clock.join("Alice");
    clock.join("Bob");
    assert_eq!(
        clock.flush(),
        json!({"room": "lobby", "count": 2, "joined": ["Alice", "Bob"], "left": []})
    );
    assert_eq!(clock.flush(), Value::Null);
    clock.leave("Alice");
    clock.join("Carol");
    clock.wait(5);
    assert_eq!(
        clock.flush(),
        json!({"room": "lobby", "count": 2, "joined": ["Carol"], "left": ["Alice"]})
    );
    assert_eq!(clock.presence.due(clock.now), None);
}

#[test]
fn a_reload_does_not_flap() {
    let mut clock = Clock::new();
    clock.join("Alice");
    clock.flush();
    clock.leave("Alice");
    clock.wait(4);
    assert_eq!(clock.flush(), Value::Null);
    assert!(clock.presence.due(clock.now).is_some(), "she may leave yet");
    clock.join("Alice");
    clock.wait(60);
    assert_eq!(clock.flush(), Value::Null);
    assert_eq!(clock.presence.count(), 1);
}

#[test]
fn two_streams_under_one_name_are_one_member() {
    let mut clock = Clock::new();
    clock.join("Alice");
    clock.join("Alice");
    assert_eq!(clock.flush()["count"], 1);
    clock.leave("Alice");
    clock.wait(60);
    assert_eq!(clock.flush(), Value::Null);
    clock.leave("Alice");
    clock.wait(5);
    assert_eq!(
        clock.flush(),
        json!({"room": "lobby", "count": 0, "joined": [], "left": ["Alice"]})
    );
}

#[test]
fn a_new_stream_is_told_of_everybody_at_once() {
    let mut clock = Clock::new();
    clock.join("Alice");
    assert_eq!(
        clock.snapshot(),
        json!({"room": "lobby", "count": 1, "members": ["Alice"]})
    );
}

#[test]
fn two_hundred_members_of_the_longest_names_are_one_list() {
    let mut clock = Clock::with_members(MAX_LISTED_MEMBERS);
    let snapshot = clock.snapshot();
    assert_eq!(
        snapshot["members"].as_array().map(Vec::len),
        Some(MAX_LISTED_MEMBERS)
    );
    let one_more = long_name(MAX_LISTED_MEMBERS);
    clock.join(&one_more);
    let count = json!({"room": "lobby", "count": 201});
    assert_eq!(clock.flush(), Value::Null, "the last event is not paid for");
    clock.wait(60);
    assert_eq!(clock.flush(), count);
    assert_eq!(clock.snapshot(), count);
    assert_eq!(listed(&mut clock), MAX_LISTED_MEMBERS);
}

fn listed(clock: &mut Clock) -> usize {
    let json = clock.presence.json(&clock.room);
    let members: Value = serde_json::from_slice(&json).unwrap();
    assert_eq!(members["count"], clock.presence.count());
    members["members"].as_array().unwrap().len()
}

/// Bytes that one reader gets while the room is led from one size to the next.
/// Each join and each leave has the time for an event of its own.
fn walk(clock: &mut Clock, sizes: &[usize]) -> (usize, usize, usize) {
    let (mut bytes, mut changes, mut lists) = (0, 0, 0);
    for &size in sizes {
        while clock.presence.count() != size {
            let count = clock.presence.count();
            match count < size {
                true => clock.join(&long_name(count)),
                false => {
                    clock.leave(&long_name(count - 1));
                    clock.wait(5);
                }
            }
            clock.wait(600);
            changes += 1;
            let event = clock.event().expect("a change is announced");
            lists += usize::from(names_only(&event).get("members").is_some());
            bytes += event.len();
            assert!(bytes <= changes * CHANGE_BYTES, "{bytes} for {changes}");
        }
    }
    (bytes, changes, lists)
}

#[test]
fn a_join_or_a_leave_costs_each_reader_at_most_two_kibibytes_across_the_border() {
    for readers in [1, 200, 10_000] {
        let mut clock = Clock::with_members(MAX_LISTED_MEMBERS - 1);
        clock.budget.readers = readers;
        let (bytes, changes, lists) = walk(&mut clock, &[203, 197, 201, 199]);
        assert_eq!(lists, 0, "{readers}");
        assert!(bytes <= changes * 512, "{bytes} for {changes} changes");

        let mut clock = Clock::with_members(MAX_LISTED_MEMBERS);
        clock.budget.readers = readers;
        let swings = [201, 200].repeat(100);
        let (bytes, changes, lists) = walk(&mut clock, &swings);
        assert_eq!((changes, lists), (200, 0), "{readers}");
        assert!(bytes <= 200 * 128, "{bytes}");
    }
}

#[test]
fn the_list_comes_again_when_the_room_is_well_below_the_border() {
    let mut clock = Clock::with_members(MAX_LISTED_MEMBERS);
    let (.., lists) = walk(&mut clock, &[201, LIST_AGAIN_MEMBERS + 1, 180]);
    assert_eq!(lists, 0);
    let (.., lists) = walk(&mut clock, &[201, LIST_AGAIN_MEMBERS]);
    assert_eq!(lists, 1);
    clock.wait(600);
    clock.join("late");
    clock.wait(600);
    assert_eq!(
        clock.flush(),
        json!({"room": "lobby", "count": 161, "joined": ["late"], "left": []})
    );
}

#[test]
fn the_wait_between_events_grows_with_the_readers_and_the_bytes() {
    let mut waits = Vec::new();
    for readers in [1, 10_000, 100_000] {
        let mut clock = Clock::new();
        clock.budget.readers = readers;
        clock.join("Alice");
        let bytes = clock.event().unwrap().len();
        clock.join("Bob");
        let due = clock.presence.due(clock.now).unwrap();
        let wait = due.saturating_duration_since(clock.now);
        let paid = Duration::from_secs_f64((bytes * readers) as f64 / f64::from(1 << 20));
        assert_eq!(wait, paid, "{readers}");
        clock.now = due - Duration::from_millis(1);
        assert_eq!(clock.flush(), Value::Null);
        clock.now = due;
        assert_ne!(clock.flush(), Value::Null);
        waits.push(wait);
    }
    assert!(
        waits.is_sorted() && waits[2] > Duration::from_secs(4),
        "{waits:?}"
    );
}

#[test]
fn a_storm_of_names_in_a_room_of_very_many_readers_costs_its_rate_and_is_told_by_count() {
    let mut clock = Clock::new();
    clock.budget.readers = 8_200;
    let (mut cost, mut counts) = (0, 0);
    for second in 0..120 {
        for name in 0..15 {
            clock.join(&long_name(second * 100 + name));
            clock.leave(&long_name(second * 100 + name));
        }
        clock.wait(1);
        let event = clock.flush();
        counts += usize::from(!event.is_null() && event.get("joined").is_none());
        cost += match event {
            Value::Null => 0,
            event => event.to_string().len() * clock.budget.readers,
        };
    }
    // Times are not counted here, and one event may be paid for afterwards.
    assert!(cost <= 130 * clock.budget.rate, "{cost}");
    assert!(counts > 10, "{counts}");
}

#[test]
fn changes_by_name_are_bounded_however_long_the_wait() {
    let mut clock = Clock::with_members(100);
    for number in 1000..9000 {
        clock.join(&long_name(number));
        clock.leave(&long_name(number));
        clock.wait(1);
        clock.presence.end_stays(clock.now, usize::MAX);
    }
    assert!(clock.presence.pending.joined_names().count() <= 400);
    assert!(clock.presence.pending.left_members().len() <= 400);
    clock.wait(600);
    let event = clock.flush();
    assert!(event.get("joined").is_none(), "{event}");
}

#[test]
fn a_member_that_joins_and_leaves_between_two_events_leaves_those_who_saw_it() {
    for (is_shown, expected) in [
        (false, Value::Null),
        (
            true,
            json!({"room": "lobby", "count": 1, "joined": [], "left": ["Bob"]}),
        ),
    ] {
        let mut clock = Clock::new();
        clock.join("Alice");
        clock.flush();
        clock.join("Bob");
        if is_shown {
            clock.snapshot();
        }
        clock.leave("Bob");
        clock.wait(60);
        assert_eq!(clock.flush(), expected);
    }
}

#[test]
fn a_reader_that_began_with_the_count_alone_gets_a_list_once_there_is_one() {
    for has_readers in [true, false] {
        let mut clock = Clock::with_members(MAX_LISTED_MEMBERS);
        clock.leave(&long_name(0));
        clock.wait(4);
        clock.join(&long_name(MAX_LISTED_MEMBERS));
        if !has_readers {
            clock.budget.readers = 0;
            assert_eq!(clock.flush(), Value::Null);
            clock.budget.readers = 100;
        }
        let snapshot = clock.snapshot();
        assert_eq!(snapshot, json!({"room": "lobby", "count": 201}));
        // A grace ends before the next event, so that a list has room again.
        clock.wait(1);
        assert_eq!(clock.flush(), json!({"room": "lobby", "count": 200}));
        (1..=40).for_each(|number| clock.leave(&long_name(number)));
        clock.wait(60);
        let event = clock.flush();
        let members = event["members"].as_array().map(Vec::len);
        assert_eq!(members, Some(LIST_AGAIN_MEMBERS), "{event}");
    }
}

#[test]
fn a_member_that_leaves_and_joins_between_two_events_is_left_first() {
    let mut clock = Clock::new();
    clock.join("Alice");
    clock.flush();
    clock.leave("Alice");
    clock.wait(60);
    clock.presence.end_stays(clock.now, usize::MAX);
    clock.join("Alice");
    assert_eq!(
        clock.flush(),
        json!({"room": "lobby", "count": 1, "joined": ["Alice"], "left": ["Alice"]})
    );
}

#[test]
fn a_room_without_readers_of_presence_owes_nobody_an_event() {
    let mut clock = Clock::new();
    clock.budget.readers = 0;
    clock.join("Alice");
    assert_eq!(clock.flush(), Value::Null);
    clock.budget.readers = 1;
    assert_eq!(clock.flush(), Value::Null);
    assert_eq!(clock.presence.due(clock.now), None);
}

#[test]
fn members_are_encoded_once_for_all_requests_until_one_joins_or_leaves() {
    let mut clock = Clock::new();
    clock.join("Alice");
    let room = clock.room.clone();
    let first = clock.presence.json(&room);
    assert_eq!(first.as_ptr(), clock.presence.json(&room).as_ptr());
    clock.join("Bob");
    assert_eq!(listed(&mut clock), 2);
    clock.leave("Bob");
    assert_eq!(listed(&mut clock), 2, "the grace is not over");
    clock.wait(5);
    clock.presence.end_stays(clock.now, usize::MAX);
    assert_eq!(listed(&mut clock), 1);
}

#[test]
fn a_member_has_the_time_since_which_it_is_here() {
    let mut clock = Clock::new();
    clock.join("Alice");
    let members: Value = serde_json::from_slice(&clock.presence.json(&clock.room)).unwrap();
    let since = members["members"][0]["since"].as_str().unwrap();
    assert_eq!(
        (since.len(), &since[10..11], &since[23..]),
        (24, "T", "Z"),
        "{since}"
    );
}
