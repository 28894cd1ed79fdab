use super::*;
use crate::protocol::CloseReason;

/// A resume state and the events that it has produced, as lines.
#[derive(Default)]
struct Reader {
    resume: ResumeState,
    events: VecDeque<ClientEvent>,
}

impl Reader {
    fn of(cursor: Option<&str>, live_only: bool) -> Self {
        Self {
            resume: ResumeState::new(cursor.map(str::to_owned), live_only),
            events: VecDeque::new(),
        }
    }

    fn take(&mut self, event: &str, id: &str, data: &str) -> Result<Effect, String> {
        let event = Decoded {
            event: event.into(),
            data: data.into(),
            id: id.into(),
        };
        self.resume.take(&event, &mut self.events)
    }

    fn hello(&mut self, cursor: &str, room: &str, next: u64) {
        let data = format!(
            r#"{{"cursor":"{cursor}","ping_ms":15000,"rooms":[{{"room":"{room}","members":0,"oldest":null,"newest":null,"next":{next}}}]}}"#
        );
        self.take("hello", cursor, &data).unwrap();
    }

    fn update(&mut self, id: &str, room: &str, number: u64) {
        let data = format!(
            r#"{{"id":"{id}","room":"{room}","number":{number},"name":"A","message":"m","created_at":"2026-11-23T01:02:03.004Z"}}"#
        );
        assert_eq!(self.take("update", id, &data), Ok(Effect::Continue));
    }

    fn gap(&mut self, id: &str, room: &str, reason: &str, lost: &str, next: u64) {
        let data =
            format!(r#"{{"room":"{room}","reason":"{reason}","lost":{lost},"next":{next}}}"#);
        assert_eq!(self.take("gap", id, &data), Ok(Effect::Continue));
    }

    fn lines(&mut self) -> Vec<String> {
        let events = self.events.drain(..);
        events.map(|event| event.to_string()).collect()
    }
}

#[test]
fn messages_in_order_are_delivered_and_move_the_cursor() {
    let mut reader = Reader::of(None, true);
    reader.hello("e-4", "a", 3);
    assert_eq!(reader.resume.cursor(), Some("e-4"));
    reader.update("e-5", "a", 3);
    reader.update("e-9", "a", 4);
    assert_eq!(reader.lines(), ["hello", "a 3", "a 4"]);
    assert_eq!(reader.resume.cursor(), Some("e-9"));
}

#[test]
fn duplicates_are_dropped_and_counted() {
    let mut reader = Reader::of(None, true);
    reader.hello("e-0", "a", 1);
    for id in ["e-1", "e-2", "e-1", "e-2"] {
        reader.update(id, "a", id[2..].parse().unwrap());
    }
    reader.update("e-3", "a", 3);
    assert_eq!(reader.lines(), ["hello", "a 1", "a 2", "a 3"]);
    assert_eq!(reader.resume.duplicates(), 2);
    assert_eq!(reader.resume.cursor(), Some("e-3"));
}

#[test]
fn messages_up_to_the_callers_cursor_are_duplicates() {
    let mut reader = Reader::of(Some("e-5"), true);
    reader.hello("e-5", "a", 9);
    reader.update("e-5", "a", 5);
    reader.update("e-6", "a", 6);
    assert_eq!(reader.lines(), ["hello", "a 6"]);
}

#[test]
fn a_cursor_that_the_server_did_not_issue_drops_no_message() {
    let mut reader = Reader::of(Some("e-99"), false);
    reader.hello("unknown-0", "a", 3);
    reader.gap("e-0", "a", "unknown", "null", 1);
    reader.update("e-1", "a", 1);
    reader.update("e-2", "a", 2);
    assert_eq!(reader.lines()[2..], ["a 1", "a 2"]);
    assert_eq!(reader.resume.duplicates(), 0);
}

#[test]
fn a_number_that_does_not_follow_is_missing_in_its_room_only() {
    let mut reader = Reader::of(None, true);
    reader.hello("e-0", "a", 1);
    reader.update("e-1", "a", 1);
    reader.update("e-2", "b", 7);
    reader.update("e-4", "a", 4);
    reader.update("e-5", "b", 8);
    assert_eq!(
        reader.lines(),
        ["hello", "a 1", "b 7", "missing a 1 4", "a 4", "b 8"]
    );
}

#[test]
fn only_without_a_backlog_hello_tells_the_first_number() {
    let mut live = Reader::of(None, true);
    live.hello("e-0", "a", 3);
    live.update("e-9", "a", 5);
    assert_eq!(live.lines(), ["hello", "missing a 2 5", "a 5"]);
    let mut backlog = Reader::of(None, false);
    backlog.hello("e-0", "a", 3);
    backlog.update("e-1", "a", 1);
    assert_eq!(backlog.lines(), ["hello", "a 1"]);
}

#[test]
fn numbers_continue_over_a_reconnect() {
    let mut reader = Reader::of(None, true);
    reader.hello("e-0", "a", 1);
    reader.update("e-1", "a", 1);
    reader.hello("e-1", "a", 9);
    reader.update("e-2", "a", 2);
    reader.hello("e-2", "a", 9);
    reader.update("e-4", "a", 4);
    assert_eq!(
        reader.lines(),
        [
            "hello",
            "a 1",
            "hello",
            "a 2",
            "hello",
            "missing a 2 4",
            "a 4"
        ]
    );
}

#[test]
fn a_gap_tells_the_next_number() {
    let mut reader = Reader::of(None, true);
    reader.hello("e-0", "a", 1);
    reader.update("e-1", "a", 1);
    reader.gap("e-5", "a", "evicted", "3", 5);
    assert_eq!(reader.resume.cursor(), Some("e-5"));
    reader.update("e-6", "a", 5);
    reader.update("e-7", "a", 6);
    assert_eq!(
        reader.lines(),
        [
            "hello",
            "a 1",
            "gap a evicted lost 3 after 1 counted 3",
            "a 5",
            "a 6"
        ]
    );
}

#[test]
fn the_client_counts_a_loss_that_the_server_does_not_know() {
    let mut reader = Reader::of(None, true);
    reader.hello("e-0", "a", 1);
    reader.update("e-1", "a", 1);
    reader.gap("e-5", "a", "lagged", "null", 5);
    reader.gap("e-5", "b", "lagged", "null", 5);
    assert_eq!(
        reader.lines()[2..],
        [
            "gap a lagged lost ? after 1 counted 3",
            "gap b lagged lost ? after ? counted ?"
        ]
    );
}

#[test]
fn after_a_restart_ids_and_numbers_start_over() {
    let mut reader = Reader::of(None, true);
    reader.hello("e-0", "a", 1);
    reader.update("e-1", "a", 1);
    reader.update("e-2", "a", 2);
    reader.hello("e-2", "a", 2);
    reader.gap("f-0", "a", "restart", "null", 1);
    reader.update("f-1", "a", 1);
    reader.update("f-2", "a", 2);
    reader.update("f-2", "a", 2);
    assert_eq!(
        reader.lines()[3..],
        [
            "hello",
            "gap a restart lost ? after 2 counted ?",
            "a 1",
            "a 2"
        ]
    );
    assert_eq!(reader.resume.duplicates(), 1);
}

#[test]
fn the_next_generation_of_a_store_goes_on_without_a_gap() {
    let mut reader = Reader::of(None, true);
    reader.hello("e-0", "a", 1);
    reader.update("e-1", "a", 1);
    reader.hello("e-1", "a", 4);
    reader.update("e-2", "a", 2);
    reader.update("f-3", "a", 3);
    reader.update("f-4", "a", 4);
    reader.update("f-4", "a", 4);
    assert_eq!(
        reader.lines(),
        ["hello", "a 1", "hello", "a 2", "a 3", "a 4"]
    );
    assert_eq!(reader.resume.duplicates(), 1);
    assert_eq!(reader.resume.cursor(), Some("f-4"));
}

#[test]
fn a_store_that_lost_what_was_delivered_uses_its_numbers_again() {
    let mut reader = Reader::of(None, true);
    reader.hello("e-0", "a", 1);
    for (id, number) in [("e-1", 1), ("e-2", 2), ("e-3", 3)] {
        reader.update(id, "a", number);
    }
    reader.hello("e-3", "a", 3);
    reader.gap("f-1", "a", "restart", "null", 2);
    assert_eq!(reader.resume.cursor(), Some("f-1"));
    reader.update("f-2", "a", 2);
    reader.update("f-3", "a", 3);
    reader.update("f-4", "a", 4);
    assert_eq!(
        reader.lines()[4..],
        [
            "hello",
            "gap a restart lost ? after 3 counted ?",
            "a 2",
            "a 3",
            "a 4"
        ]
    );
    assert_eq!(reader.resume.duplicates(), 0);
}

#[test]
fn history_that_is_replayed_after_a_gap_is_no_loss() {
    let mut reader = Reader::of(None, true);
    reader.hello("e-0", "a", 1);
    reader.update("e-1", "a", 1);
    reader.update("e-2", "a", 2);
    reader.gap("e-0", "a", "unknown", "null", 1);
    for number in 1..=3 {
        reader.update(&format!("e-{number}"), "a", number);
    }
    let lines = reader.lines();
    assert_eq!(
        lines[3..],
        ["gap a unknown lost ? after 2 counted ?", "a 3"]
    );
}

#[test]
fn busy_and_bye_ask_for_a_reconnect_and_close_forbids_it() {
    let mut reader = Reader::default();
    assert_eq!(
        reader.take("bye", "", r#"{"reason":"shutdown","retry_ms":7}"#),
        Ok(Effect::Reconnect {
            reason: "the server is shutting down".into(),
            retry: Duration::from_millis(7)
        })
    );
    assert_eq!(
        reader.take("busy", "", r#"{"reason":"readers","retry_ms":9}"#),
        Ok(Effect::Reconnect {
            reason: "the server is busy: readers".into(),
            retry: Duration::from_millis(9)
        })
    );
    assert_eq!(
        reader.take("close", "", r#"{"reason":"forbidden"}"#),
        Ok(Effect::Close(Close::new(CloseReason::Forbidden)))
    );
}

#[test]
fn stale_and_fresh_do_not_move_the_cursor() {
    let mut reader = Reader::of(None, true);
    reader.hello("e-4", "a", 3);
    let since = r#"{"since":"2026-11-28T01:02:03.004Z"}"#;
    for (event, data) in [("stale", since), ("fresh", "")] {
        assert_eq!(reader.take(event, "", data), Ok(Effect::Continue));
    }
    let lines = ["hello", "stale 2026-11-28T01:02:03.004Z", "fresh"];
    assert_eq!(reader.lines(), lines);
    assert_eq!(reader.resume.cursor(), Some("e-4"));
}

#[test]
fn unknown_events_are_ignored_and_malformed_ones_are_errors() {
    let mut reader = Reader::default();
    assert_eq!(reader.take("typing", "", "whatever"), Ok(Effect::Continue));
    assert_eq!(reader.take("ping", "", ""), Ok(Effect::Continue));
    assert!(reader.lines().is_empty());
    for event in ["hello", "update", "gap", "presence", "bye", "busy"] {
        for data in ["", "null", "[]", "{}", "{", r#"{"room":7}"#] {
            let error = reader.take(event, "", data).unwrap_err();
            assert!(error.contains(event), "{error}");
        }
    }
}

#[test]
fn the_largest_numbers_do_not_overflow() {
    let mut reader = Reader::of(None, true);
    reader.hello("e-0", "a", u64::MAX);
    reader.update("e-1", "a", u64::MAX);
    reader.update("e-2", "a", 0);
    reader.gap("e-2", "a", "evicted", "0", 0);
    assert_eq!(reader.lines().len(), 5);
}
