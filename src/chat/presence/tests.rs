use serde_json::{Value, json};

use super::*;

use super::pending::{CHANGE_BYTES, LIST_AGAIN_MEMBERS, MAX_LISTED_MEMBERS};
use crate::protocol::RoomName;

mod remote;
mod renames;
mod typing;

/// A room's presence with a clock that the test advances.
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

    /// A room of `members` members that are all announced.
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

    /// A stream of `new` begins, whose client had the name `old`.
    fn rename(&mut self, old: &str, new: &str) {
        self.join(new);
        let [old, new] = [old, new].map(|name| UserName::parse(name).unwrap());
        self.presence.rename(&old, &new, self.now);
    }

    /// A member types, in a room of which 50 members may.
    fn begin_typing(&mut self, name: &str) -> bool {
        let name = UserName::parse(name).unwrap();
        self.presence.begin_typing(&name, 50, self.now)
    }

    fn end_typing(&mut self, name: &str) -> bool {
        self.presence.end_typing(&UserName::parse(name).unwrap())
    }

    fn wait(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
    }

    /// The next event, if there is one, after a wait that covers any rate.
    fn event(&mut self) -> Option<Bytes> {
        self.wait(2);
        self.presence.remove_expired(self.now, usize::MAX);
        let event = self.presence.flush(&self.room, self.budget, self.now);
        event.map(|event| event.text())
    }

    /// The data of the next event, without the times. A member of `left` with a new
    /// name is `OLD is now NEW`.
    fn flush(&mut self) -> Value {
        self.presence.remove_expired(self.now, usize::MAX);
        let event = self.presence.flush(&self.room, self.budget, self.now);
        event.map_or(Value::Null, |event| names_only(&event.text()))
    }

    fn snapshot(&mut self) -> Value {
        names_only(&self.presence.snapshot(&self.room).event.text())
    }
}

/// A name of the maximal length in bytes.
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
            let names = members.as_array().unwrap().iter().map(|member| {
                let name = member["name"].as_str().unwrap();
                match member.get("now").and_then(Value::as_str) {
                    Some(now) => format!("{name} is now {now}").into(),
                    None => Value::from(name),
                }
            });
            *members = names.collect();
        }
    }
    data
}

#[test]
fn one_event_announces_all_joins_and_leaves_since_the_last_flush() {
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
fn a_page_reload_sends_no_event() {
    let mut clock = Clock::new();
    clock.join("Alice");
    clock.flush();
    clock.leave("Alice");
    clock.wait(4);
    assert_eq!(clock.flush(), Value::Null);
    assert!(
        clock.presence.due(clock.now).is_some(),
        "the grace period has yet to end"
    );
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
fn a_new_stream_gets_a_snapshot_of_all_members() {
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
    assert_eq!(
        clock.flush(),
        Value::Null,
        "the last event uses up the rate"
    );
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

/// Changes the room to each of `sizes`, one member and one event at a time.
/// Returns the bytes that each reader gets, the changes, and the lists among the
/// events.
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
fn a_join_or_a_leave_costs_each_reader_at_most_two_kibibytes_around_the_largest_list() {
    for readers in [1, 200, 10_000] {
        let mut clock = Clock::with_members(MAX_LISTED_MEMBERS - 1);
        clock.budget.readers = readers;
        let (bytes, changes, lists) = walk(&mut clock, &[203, 197, 201, 199]);
        assert_eq!(lists, 0, "{readers}");
        assert!(bytes <= changes * 512, "{bytes} for {changes} changes");

        let mut clock = Clock::with_members(MAX_LISTED_MEMBERS);
        clock.budget.readers = readers;
        let oscillation = [201, 200].repeat(100);
        let (bytes, changes, lists) = walk(&mut clock, &oscillation);
        assert_eq!((changes, lists), (200, 0), "{readers}");
        assert!(bytes <= 200 * 128, "{bytes}");
    }
}

#[test]
fn the_list_is_sent_again_when_the_room_is_well_below_the_largest_list() {
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
        let expected = Duration::from_secs_f64((bytes * readers) as f64 / f64::from(1 << 20));
        assert_eq!(wait, expected, "{readers}");
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
fn many_joins_and_leaves_in_a_room_of_very_many_readers_stay_within_the_rate_as_counts() {
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
    // The times of members are not counted here, and the last event may exceed
    // the rate.
    assert!(cost <= 130 * clock.budget.rate, "{cost}");
    assert!(counts > 10, "{counts}");
}

#[test]
fn changes_kept_by_name_are_bounded_however_long_the_wait() {
    let mut clock = Clock::with_members(100);
    for number in 1000..9000 {
        clock.join(&long_name(number));
        clock.leave(&long_name(number));
        clock.wait(1);
        clock.presence.remove_expired(clock.now, usize::MAX);
    }
    assert!(clock.presence.pending.joined_names().count() <= 400);
    assert!(clock.presence.pending.left_members().len() <= 400);
    clock.wait(600);
    let event = clock.flush();
    assert!(event.get("joined").is_none(), "{event}");
}

#[test]
fn a_join_and_leave_between_two_events_is_announced_only_after_a_snapshot() {
    for (has_snapshot, expected) in [
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
        if has_snapshot {
            clock.snapshot();
        }
        clock.leave("Bob");
        clock.wait(60);
        assert_eq!(clock.flush(), expected);
    }
}

#[test]
fn a_reader_that_began_with_the_count_alone_gets_a_list_later() {
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
        // A grace period ends before the next event, so that a list is possible.
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
fn a_leave_and_join_between_two_events_is_announced_as_both() {
    let mut clock = Clock::new();
    clock.join("Alice");
    clock.flush();
    clock.leave("Alice");
    clock.wait(60);
    clock.presence.remove_expired(clock.now, usize::MAX);
    clock.join("Alice");
    assert_eq!(
        clock.flush(),
        json!({"room": "lobby", "count": 1, "joined": ["Alice"], "left": ["Alice"]})
    );
}

#[test]
fn a_room_without_presence_readers_sends_no_event() {
    let mut clock = Clock::new();
    clock.budget.readers = 0;
    clock.join("Alice");
    assert_eq!(clock.flush(), Value::Null);
    clock.budget.readers = 1;
    assert_eq!(clock.flush(), Value::Null);
    assert_eq!(clock.presence.due(clock.now), None);
}

#[test]
fn members_are_encoded_once_for_all_requests_until_the_next_change() {
    let mut clock = Clock::new();
    clock.join("Alice");
    let room = clock.room.clone();
    let first = clock.presence.json(&room);
    assert_eq!(first.as_ptr(), clock.presence.json(&room).as_ptr());
    clock.join("Bob");
    assert_eq!(listed(&mut clock), 2);
    clock.leave("Bob");
    assert_eq!(listed(&mut clock), 2, "the grace period is not over");
    clock.wait(5);
    clock.presence.remove_expired(clock.now, usize::MAX);
    assert_eq!(listed(&mut clock), 1);
}

#[test]
fn a_member_has_the_time_of_its_join() {
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
