//! Changes of messages, and events of programs: slow readers, lagging workers, and
//! entries that wait as markers.

use super::*;
use crate::chat::{Author, Change, Entry, EventForm, Fingerprint, MAX_INLINE_BYTES, Requester};
use crate::protocol::{CustomEventName, EditKey, Emoji, EventPayload};
use crate::sse::{Decoder, Item};

/// The author of every message here.
fn author() -> Author {
    let key = EditKey::parse("0123456789abcdef").unwrap();
    Author {
        edit_key: Some(Fingerprint::of_edit_key(&key)),
        ..Author::default()
    }
}

fn room() -> RoomName {
    RoomName::parse("a").unwrap()
}

fn parsed(text: &str) -> MessageText {
    MessageText::parse(text, 1 << 20).unwrap()
}

/// Publishes a message in room `a`.
fn publish_own(worker: &TestWorker, text: &str) -> Entry {
    let draft = Draft {
        author: author(),
        ..Draft::new(UserName::parse("Alice").unwrap(), parsed(text))
    };
    let published = worker.app.hub.publish(&room(), draft).unwrap();
    published.entry().clone()
}

fn change(worker: &TestWorker, item: &Entry, change: &Change) {
    let requester = Requester {
        author: author(),
        ..Requester::default()
    };
    let changed = worker
        .app
        .hub
        .change(&room(), item.id(), change, &requester);
    changed.unwrap();
}

fn edit(worker: &TestWorker, item: &Entry, text: &str) {
    change(worker, item, &Change::Edit(parsed(text)));
}

/// Publishes an event of a program in room `a`.
fn publish_event(worker: &TestWorker, payload: &str) {
    let payload = EventPayload::parse(payload.to_owned(), 1 << 20).unwrap();
    let draft = Draft::event(CustomEventName::parse("tick").unwrap(), payload);
    worker.app.hub.publish(&room(), draft).unwrap();
}

/// The events of a stream: the name of each, and what it shows.
fn shown(text: &str) -> Vec<(String, String)> {
    let mut events = Vec::new();
    let each = |item: Item<'_>| {
        if let Item::Event(event) = item {
            let data: serde_json::Value = serde_json::from_str(&event.data).unwrap_or_default();
            let shown = match &data["message"] {
                serde_json::Value::String(text) => text.clone(),
                _ => data["lost"].to_string(),
            };
            events.push((event.event.into_owned(), shown));
        }
    };
    let mut decoder = Decoder::with_limit(usize::MAX);
    decoder.feed(text.as_bytes(), each).unwrap();
    events
}

/// Checks what a client has received since the last check.
#[track_caller]
fn assert_shown(client: &mut FakeClient, expected: &[(&str, &str)]) {
    let text = text(client);
    let text = match text.find("\r\n\r\n") {
        Some(head) => &text[head + 4..],
        None => &text,
    };
    let shown = shown(text);
    let shown: Vec<(&str, &str)> = shown
        .iter()
        .map(|(name, text)| (name.as_str(), text.as_str()))
        .collect();
    assert_eq!(shown, expected);
}

#[test]
fn a_live_reader_gets_each_change_and_a_slow_one_the_last_of_a_message() {
    let mut worker = TestWorker::new(|_| {});
    let mut fast = worker.reader("a").1;
    let (token, mut slow) = worker.reader("a");
    slow.wire.borrow_mut().room = 10;
    let (one, two) = (publish_own(&worker, "1"), publish_own(&worker, "2"));
    for text in ["1a", "1b", "1c"] {
        edit(&worker, &one, text);
    }
    edit(&worker, &two, "2a");
    worker.work();
    let both = [("update", "1"), ("update", "2")];
    let changes = [
        ("change", "1a"),
        ("change", "1b"),
        ("change", "1c"),
        ("change", "2a"),
    ];
    assert_shown(&mut fast, &[&both[..], &changes].concat());
    change(&worker, &two, &Change::Delete);
    worker.work();
    assert_shown(&mut fast, &[("change", "null")]);
    slow.wire.borrow_mut().room = usize::MAX;
    worker.readers.writable(token);
    worker.work();
    // The event in which the write broke off is as it was; the rest is the present
    // state: a deleted message is a change at its own place.
    assert_shown(
        &mut slow,
        &[
            ("update", "1"),
            ("change", "null"),
            ("change", "1c"),
            ("change", "null"),
        ],
    );
    edit(&worker, &one, "1d");
    worker.work();
    for client in [&mut fast, &mut slow] {
        assert_shown(client, &[("change", "1d")]);
    }
}

#[test]
fn readers_of_a_worker_that_lags_get_the_present_states_and_no_gap() {
    let mut worker = TestWorker::new(|config| config.fanout_queue = 4);
    let item = publish_own(&worker, "0");
    let mut clients = [worker.reader("a").1, worker.reader("a").1];
    for number in 1..=20 {
        edit(&worker, &item, &number.to_string());
    }
    publish_event(&worker, "{\"message\":\"payload\"}");
    worker.work();
    assert!(worker.counters.worker_lags.get() > 0);
    for client in &mut clients {
        assert_shown(client, &[("change", "20"), ("tick", "payload")]);
    }
}

#[test]
fn a_slow_reader_that_lost_only_changes_gets_a_gap_of_none() {
    let mut worker = TestWorker::new(|config| config.history = 3);
    let items: Vec<Entry> = ["1", "2", "3"]
        .map(|text| publish_own(&worker, text))
        .into();
    let (token, mut slow) = worker.reader("a");
    slow.wire.borrow_mut().room = 0;
    for item in &items {
        edit(&worker, item, "x");
    }
    // The three changes are all that history holds; a fourth message evicts one.
    worker.work();
    publish_own(&worker, "4");
    slow.wire.borrow_mut().room = usize::MAX;
    worker.readers.writable(token);
    worker.work();
    assert_shown(
        &mut slow,
        &[
            ("gap", "0"),
            ("change", "x"),
            ("change", "x"),
            ("update", "4"),
        ],
    );
}

#[test]
fn a_large_change_that_was_replaced_while_it_waited_is_no_loss() {
    let mut worker = TestWorker::new(|config| config.fanout_large = 1);
    let item = publish_own(&worker, "0");
    let mut client = worker.reader("a").1;
    let large = |number: usize| format!("{number}{}", "x".repeat(MAX_INLINE_BYTES));
    (1..=5).for_each(|number| edit(&worker, &item, &large(number)));
    worker.work();
    let text = text(&mut client);
    let shown = shown(&text);
    // The channel holds the first, since it is empty; markers of the others lead to
    // history, which has the last.
    let first: Vec<&str> = shown.iter().map(|(_, text)| &text[..1]).collect();
    assert_eq!(first, ["1", "5"]);
    assert!(shown.iter().all(|(name, _)| name == "change"), "no gap");
    assert_eq!(worker.app.hub.totals().gaps, [0; 4]);
    edit(&worker, &item, "the end");
    worker.work();
    assert_shown(&mut client, &[("change", "the end")]);
}

/// The forms of an event, and the owners of reactions, count for the channel: not
/// only what the readers of one room get.
#[test]
fn all_content_of_an_entry_counts_for_the_bytes_in_the_channel() {
    let mut worker = TestWorker::new(|config| config.fanout_large = 100_000);
    let item = publish_own(&worker, "0");
    let mut raw = worker.reader("a").1;
    let options = SubscribeOptions {
        form: EventForm::Json,
        ..SubscribeOptions::to(room())
    };
    let subscription = worker.app.hub.subscribe(options).unwrap();
    let (_, mut as_json) = worker.add(subscription);
    as_json.wire.borrow_mut().room = usize::MAX;
    worker.work();
    text(&mut as_json);
    // Each NUL is six bytes of JSON.
    let payload = "\0".repeat(MAX_INLINE_BYTES / 2);
    (0..50).for_each(|_| publish_event(&worker, &payload));
    worker.work();
    for (client, length) in [(&mut raw, payload.len()), (&mut as_json, 6 * payload.len())] {
        let text = text(client);
        assert_eq!(text.matches("event: tick\n").count(), 50);
        assert!(text.len() > 50 * length);
    }
    let thumb = Emoji::parse("👍").unwrap();
    for number in 0..500 {
        let key = EditKey::parse(&format!("{number:016}")).unwrap();
        let requester = Requester {
            author: Author {
                edit_key: Some(Fingerprint::of_edit_key(&key)),
                ..Author::default()
            },
            ..Requester::default()
        };
        let name = UserName::parse(&"n".repeat(32)).unwrap();
        let reaction = Change::React(thumb, name);
        let changed = worker
            .app
            .hub
            .change(&room(), item.id(), &reaction, &requester);
        changed.unwrap();
    }
    worker.work();
    let text = text(&mut raw);
    assert!(text.contains("\"count\":500"), "{text}");
    assert!(!text.contains("event: gap"), "replaced, not lost");
}
