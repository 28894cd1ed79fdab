use serde_json::{Value, json};

use super::*;

/// A room's presence on a clock that the test moves.
struct Clock {
    presence: Presence,
    room: RoomName,
    now: Instant,
}

impl Clock {
    fn new() -> Self {
        Self {
            presence: Presence::default(),
            room: RoomName::parse("lobby").unwrap(),
            now: Instant::now(),
        }
    }

    fn join(&mut self, name: &str) {
        self.presence.join(&UserName::parse(name).unwrap());
    }

    fn leave(&mut self, name: &str) {
        self.presence
            .leave(&UserName::parse(name).unwrap(), self.now);
    }

    fn wait(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
    }

    /// The data of the next event, without the times.
    fn flush(&mut self) -> Value {
        let event = self.presence.flush(&self.room, self.now);
        event.map_or(Value::Null, |event| names_only(&event.text()))
    }

    fn snapshot(&mut self) -> Value {
        names_only(&self.presence.snapshot(&self.room).event.text())
    }
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
    assert!(!clock.presence.is_unsettled());
}

#[test]
fn a_reload_does_not_flap() {
    let mut clock = Clock::new();
    clock.join("Alice");
    clock.flush();
    clock.leave("Alice");
    clock.wait(4);
    assert_eq!(clock.flush(), Value::Null);
    assert!(clock.presence.is_unsettled(), "she may leave yet");
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
fn over_two_hundred_only_the_count_is_told_and_then_the_list_again() {
    let mut clock = Clock::new();
    let names: Vec<String> = (0..=MAX_LISTED_MEMBERS)
        .map(|n| format!("user {n}"))
        .collect();
    names.iter().for_each(|name| clock.join(name));
    assert_eq!(clock.flush(), json!({"room": "lobby", "count": 201}));
    assert_eq!(clock.snapshot(), json!({"room": "lobby", "count": 201}));
    assert_eq!(clock.presence.members().members.len(), MAX_LISTED_MEMBERS);
    clock.leave(&names[0]);
    clock.wait(5);
    let event = clock.flush();
    assert_eq!(
        (
            event["count"].as_u64(),
            event["members"].as_array().map(Vec::len)
        ),
        (Some(200), Some(200))
    );
    clock.leave(&names[1]);
    clock.wait(5);
    assert_eq!(
        clock.flush(),
        json!({"room": "lobby", "count": 199, "joined": [], "left": ["user 1"]})
    );
}

#[test]
fn a_member_has_the_time_since_which_it_is_here() {
    let mut clock = Clock::new();
    clock.join("Alice");
    let members = serde_json::to_value(clock.presence.members()).unwrap();
    let since = members["members"][0]["since"].as_str().unwrap();
    assert_eq!(
        (since.len(), &since[10..11], &since[23..]),
        (24, "T", "Z"),
        "{since}"
    );
}

#[test]
fn a_stream_that_begins_is_told_of_over_two_hundred_only_by_count() {
    let mut clock = Clock::new();
    let names: Vec<String> = (0..=MAX_LISTED_MEMBERS)
        .map(|n| format!("user {n}"))
        .collect();
    names.iter().for_each(|name| clock.join(name));
    assert_eq!(clock.snapshot(), json!({"room": "lobby", "count": 201}));
    clock.leave(&names[0]);
    clock.wait(5);
    let members = clock.flush()["members"].as_array().map(Vec::len);
    assert_eq!(members, Some(200), "who had only the count gets the list");
    assert_eq!(
        clock.snapshot()["members"].as_array().map(Vec::len),
        Some(200)
    );
    clock.join("late");
    assert_eq!(clock.snapshot(), json!({"room": "lobby", "count": 201}));
}
