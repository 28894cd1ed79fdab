//! Members that type.

use super::*;
use crate::chat::presence::typing::{MAX_TYPING, TYPING_TIME};

/// A room of these members, all announced, and free to send the next event.
fn room_of(members: &[&str]) -> Clock {
    let mut clock = Clock::new();
    members.iter().for_each(|name| clock.join(name));
    clock.flush();
    clock.wait(1);
    clock
}

/// The event that announces those who type alone.
fn typing(count: usize, names: &[&str]) -> Value {
    json!({"room": "lobby", "count": count, "joined": [], "left": [], "typing": names})
}

/// The next event, a second after the last one.
fn flush(clock: &mut Clock) -> Value {
    let event = clock.flush();
    clock.wait(1);
    event
}

#[test]
fn a_member_types_until_six_seconds_after_its_last_request() {
    let mut clock = room_of(&["Ada", "Bob"]);
    assert!(clock.begin_typing("Ada"));
    assert_eq!(flush(&mut clock), typing(2, &["Ada"]));
    assert!(!clock.begin_typing("Ada"), "nothing new");
    assert_eq!(flush(&mut clock), Value::Null);
    assert_eq!(
        clock.presence.due(clock.now),
        Some(clock.now - Duration::from_secs(1) + TYPING_TIME)
    );
    clock.wait(5);
    assert_eq!(flush(&mut clock), typing(2, &[]));
    assert_eq!(flush(&mut clock), Value::Null);
    assert!(clock.presence.typing.is_none());
    assert_eq!(clock.presence.due(clock.now), None);
}

#[test]
fn typing_ends_by_a_request_and_when_the_member_leaves() {
    let mut clock = room_of(&["Ada", "Bob", "Cleo"]);
    for name in ["Bob", "Ada", "Cleo"] {
        assert!(clock.begin_typing(name));
    }
    assert_eq!(flush(&mut clock), typing(3, &["Bob", "Ada", "Cleo"]));
    assert!(clock.end_typing("Ada"));
    assert!(!clock.end_typing("Ada"));
    assert_eq!(flush(&mut clock), typing(3, &["Bob", "Cleo"]));
    clock.leave("Bob");
    clock.rename("Bob", "Dora");
    assert_eq!(
        flush(&mut clock),
        json!({
            "room": "lobby", "count": 3, "joined": ["Dora"], "left": ["Bob is now Dora"],
            "typing": ["Cleo"]
        })
    );
}

#[test]
fn an_event_about_members_has_those_who_type() {
    let mut clock = room_of(&["Ada"]);
    clock.begin_typing("Ada");
    flush(&mut clock);
    clock.join("Bob");
    let joined = json!({
        "room": "lobby", "count": 2, "joined": ["Bob"], "left": [], "typing": ["Ada"]
    });
    assert_eq!(flush(&mut clock), joined);
    let list = json!({
        "room": "lobby", "count": 2, "members": ["Ada", "Bob"], "typing": ["Ada"]
    });
    assert_eq!(clock.snapshot(), list);
}

#[test]
fn a_snapshot_has_those_who_type_as_the_last_event_has() {
    let mut clock = room_of(&["Ada", "Bob"]);
    let before = clock.snapshot();
    assert_eq!(before.get("typing"), None);
    let version = clock.presence.version();
    clock.begin_typing("Ada");
    assert_eq!(clock.snapshot(), before);
    flush(&mut clock);
    assert_eq!(clock.snapshot()["typing"], json!(["Ada"]));
    assert_ne!(
        clock.presence.version(),
        version,
        "a list of before is void"
    );
    clock.end_typing("Ada");
    assert_eq!(clock.snapshot()["typing"], json!(["Ada"]));
    flush(&mut clock);
    assert_eq!(clock.snapshot(), before);
}

#[test]
fn typing_that_begins_and_ends_between_two_events_is_not_announced() {
    let mut clock = room_of(&["Ada", "Bob"]);
    assert!(clock.begin_typing("Ada") && clock.end_typing("Ada"));
    assert_eq!(flush(&mut clock), Value::Null);
    assert!(clock.presence.typing.is_none());
    clock.begin_typing("Ada");
    flush(&mut clock);
    assert!(clock.end_typing("Ada") && clock.begin_typing("Ada"));
    assert_eq!(flush(&mut clock), Value::Null);
}

#[test]
fn only_members_type_and_at_most_five() {
    let names: Vec<String> = (0..50).map(|number| format!("name {number}")).collect();
    let mut clock = room_of(&names.iter().map(String::as_str).collect::<Vec<_>>());
    assert!(!clock.begin_typing("Eve"));
    assert!(clock.presence.typing.is_none());
    for (number, name) in names.iter().enumerate() {
        assert_eq!(clock.begin_typing(name), number < MAX_TYPING);
    }
    let event = flush(&mut clock);
    assert_eq!(event["typing"].as_array().map(Vec::len), Some(MAX_TYPING));
    clock.end_typing("name 0");
    assert!(clock.begin_typing("name 7"));
    clock.join("one more");
    assert!(!clock.begin_typing("name 8"), "the room is too large");
    assert!(clock.end_typing("name 7"), "an end is always possible");
}

#[test]
fn typing_costs_a_room_without_readers_no_event() {
    let mut clock = room_of(&["Ada"]);
    clock.budget.readers = 0;
    clock.begin_typing("Ada");
    assert_eq!(flush(&mut clock), Value::Null);
    assert!(clock.presence.due(clock.now).unwrap() > clock.now);
    clock.wait(6);
    assert_eq!(flush(&mut clock), Value::Null);
    assert!(clock.presence.typing.is_none());
}

#[test]
fn typing_waits_for_the_rate_and_does_not_delay_other_changes_by_long() {
    let mut clock = room_of(&["Ada"]);
    clock.budget.readers = 10_000;
    clock.begin_typing("Ada");
    let event = clock.event().expect("it is below the rate of a second");
    let wait = clock.presence.pending.free_at(clock.now) - clock.now;
    assert!(
        wait < Duration::from_secs(1) && wait > Duration::from_millis(500),
        "{wait:?} for {event:?}"
    );
    clock.begin_typing("Ada");
    clock.end_typing("Ada");
    assert_eq!(
        clock.flush(),
        Value::Null,
        "the last event uses up the rate"
    );
    clock.wait(1);
    assert_eq!(flush(&mut clock), typing(1, &[]));
    // More readers than a second of the rate pays for.
    clock.budget.readers = 20_000;
    clock.begin_typing("Ada");
    assert_eq!(flush(&mut clock), Value::Null);
    assert!(clock.presence.typing.is_none());
    clock.join("Bob");
    assert_eq!(flush(&mut clock)["joined"], json!(["Bob"]));
}

#[test]
fn typing_does_not_make_a_void_list_valid() {
    let mut clock = Clock::with_members(MAX_LISTED_MEMBERS);
    let (.., lists) = walk(&mut clock, &[201, 161]);
    assert_eq!(lists, 0);
    let name = UserName::parse(&long_name(3)).unwrap();
    assert!(clock.presence.begin_typing(&name, usize::MAX, clock.now));
    clock.wait(1);
    let event = clock.flush();
    assert_eq!(event["typing"].as_array().map(Vec::len), Some(1));
    assert_eq!(event["joined"], json!([]));
    clock.leave(&long_name(160));
    clock.wait(600);
    let event = clock.flush();
    let members = event["members"].as_array().map(Vec::len);
    assert_eq!(members, Some(LIST_AGAIN_MEMBERS), "as without typing");
}

#[test]
fn the_count_alone_shows_none_who_types() {
    let mut clock = Clock::with_members(MAX_LISTED_MEMBERS);
    let name = UserName::parse(&long_name(3)).unwrap();
    assert!(clock.presence.begin_typing(&name, usize::MAX, clock.now));
    clock.join("one more");
    clock.wait(60);
    assert_eq!(clock.flush(), json!({"room": "lobby", "count": 201}));
    assert!(clock.presence.typing.is_none());
}

#[test]
fn typing_costs_a_room_one_pointer() {
    assert_eq!(size_of::<Option<Box<Typing>>>(), size_of::<usize>());
}
