use super::*;

/// Follows, and says what it was told in short words.
#[derive(Default)]
struct Reader {
    follow: ResumeState,
    told: VecDeque<ClientEvent>,
}

impl Reader {
    fn of(cursor: Option<&str>, live_only: bool) -> Self {
        Self {
            follow: ResumeState::new(cursor.map(str::to_owned), live_only),
            told: VecDeque::new(),
        }
    }

    fn take(&mut self, event: &str, id: &str, data: &str) -> Result<Effect, String> {
        let event = Decoded {
            event: event.into(),
            data: data.into(),
            id: id.into(),
        };
        self.follow.take(&event, &mut self.told)
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

    fn told(&mut self) -> Vec<String> {
        self.told.drain(..).map(|told| told.to_string()).collect()
    }
}

#[test]
fn messages_in_order_are_told_and_move_the_cursor() {
    let mut reader = Reader::of(None, true);
    reader.hello("e-4", "a", 3);
    assert_eq!(reader.follow.cursor(), Some("e-4"));
    reader.update("e-5", "a", 3);
    reader.update("e-9", "a", 4);
    assert_eq!(reader.told(), ["hello", "a 3", "a 4"]);
    assert_eq!(reader.follow.cursor(), Some("e-9"));
}

#[test]
fn what_was_given_is_lifted_and_counted() {
    let mut reader = Reader::of(None, true);
    reader.hello("e-0", "a", 1);
    for id in ["e-1", "e-2", "e-1", "e-2"] {
        reader.update(id, "a", id[2..].parse().unwrap());
    }
    reader.update("e-3", "a", 3);
    assert_eq!(reader.told(), ["hello", "a 1", "a 2", "a 3"]);
    assert_eq!(reader.follow.duplicates(), 2);
    assert_eq!(reader.follow.cursor(), Some("e-3"));
}

#[test]
fn what_a_cursor_stands_for_was_given_too() {
    let mut reader = Reader::of(Some("e-5"), true);
    reader.hello("e-5", "a", 9);
    reader.update("e-5", "a", 5);
    reader.update("e-6", "a", 6);
    assert_eq!(reader.told(), ["hello", "a 6"]);
}

#[test]
fn a_cursor_that_the_server_never_gave_hides_nothing() {
    let mut reader = Reader::of(Some("e-99"), false);
    reader.hello("unknown-0", "a", 3);
    reader.gap("e-0", "a", "unknown", "null", 1);
    reader.update("e-1", "a", 1);
    reader.update("e-2", "a", 2);
    assert_eq!(reader.told()[2..], ["a 1", "a 2"]);
    assert_eq!(reader.follow.duplicates(), 0);
}

#[test]
fn a_number_that_does_not_follow_is_a_silent_loss_in_its_room_alone() {
    let mut reader = Reader::of(None, true);
    reader.hello("e-0", "a", 1);
    reader.update("e-1", "a", 1);
    reader.update("e-2", "b", 7);
    reader.update("e-4", "a", 4);
    reader.update("e-5", "b", 8);
    assert_eq!(
        reader.told(),
        ["hello", "a 1", "b 7", "missing a 1 4", "a 4", "b 8"]
    );
}

#[test]
fn a_live_reader_knows_the_first_number_from_hello_and_another_does_not() {
    let mut live = Reader::of(None, true);
    live.hello("e-0", "a", 3);
    live.update("e-9", "a", 5);
    assert_eq!(live.told(), ["hello", "missing a 2 5", "a 5"]);
    let mut backlog = Reader::of(None, false);
    backlog.hello("e-0", "a", 3);
    backlog.update("e-1", "a", 1);
    assert_eq!(backlog.told(), ["hello", "a 1"]);
}

#[test]
fn numbers_go_on_over_a_reconnect() {
    let mut reader = Reader::of(None, true);
    reader.hello("e-0", "a", 1);
    reader.update("e-1", "a", 1);
    reader.hello("e-1", "a", 9);
    reader.update("e-2", "a", 2);
    reader.hello("e-2", "a", 9);
    reader.update("e-4", "a", 4);
    assert_eq!(
        reader.told(),
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
fn after_a_gap_numbers_go_on_where_it_says() {
    let mut reader = Reader::of(None, true);
    reader.hello("e-0", "a", 1);
    reader.update("e-1", "a", 1);
    reader.gap("e-5", "a", "evicted", "3", 5);
    assert_eq!(reader.follow.cursor(), Some("e-5"));
    reader.update("e-6", "a", 5);
    reader.update("e-7", "a", 6);
    assert_eq!(
        reader.told(),
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
fn a_client_may_know_better_than_the_server_what_is_lost() {
    let mut reader = Reader::of(None, true);
    reader.hello("e-0", "a", 1);
    reader.update("e-1", "a", 1);
    reader.gap("e-5", "a", "lagged", "null", 5);
    reader.gap("e-5", "b", "lagged", "null", 5);
    assert_eq!(
        reader.told()[2..],
        [
            "gap a lagged lost ? after 1 counted 3",
            "gap b lagged lost ? after ? counted ?"
        ]
    );
}

#[test]
fn after_a_restart_ids_and_numbers_begin_anew() {
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
        reader.told()[3..],
        [
            "hello",
            "gap a restart lost ? after 2 counted ?",
            "a 1",
            "a 2"
        ]
    );
    assert_eq!(reader.follow.duplicates(), 1);
}

#[test]
fn history_that_is_told_again_after_a_gap_is_no_loss() {
    let mut reader = Reader::of(None, true);
    reader.hello("e-0", "a", 1);
    reader.update("e-1", "a", 1);
    reader.update("e-2", "a", 2);
    reader.gap("e-0", "a", "unknown", "null", 1);
    for number in 1..=3 {
        reader.update(&format!("e-{number}"), "a", number);
    }
    let told = reader.told();
    assert_eq!(told[3..], ["gap a unknown lost ? after 2 counted ?", "a 3"]);
}

#[test]
fn ends_say_whether_to_come_back() {
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
    assert_eq!(reader.take("close", "", "{}"), Ok(Effect::Close));
}

#[test]
fn unknown_events_are_ignored_and_broken_ones_are_errors() {
    let mut reader = Reader::default();
    assert_eq!(reader.take("typing", "", "whatever"), Ok(Effect::Continue));
    assert_eq!(reader.take("ping", "", ""), Ok(Effect::Continue));
    assert!(reader.told().is_empty());
    for event in ["hello", "update", "gap", "presence", "bye", "busy"] {
        for data in ["", "null", "[]", "{}", "{", r#"{"room":7}"#] {
            let error = reader.take(event, "", data).unwrap_err();
            assert!(error.contains(event), "{error}");
        }
    }
}

#[test]
fn numbers_at_their_end_do_not_overflow() {
    let mut reader = Reader::of(None, true);
    reader.hello("e-0", "a", u64::MAX);
    reader.update("e-1", "a", u64::MAX);
    reader.update("e-2", "a", 0);
    reader.gap("e-2", "a", "evicted", "0", 0);
    assert_eq!(reader.told().len(), 5);
}
