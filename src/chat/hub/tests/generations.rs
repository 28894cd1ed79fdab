//! A history of several generations: streams, pages, changes and bans take ids of all
//! of them.

use std::net::{IpAddr, Ipv4Addr};

mod ends;
mod reloading;

use super::*;
use crate::chat::author::Fingerprint;
use crate::chat::delivery::Gap;
use crate::protocol::EditKey;

/// A history of four generations. In text, an id has the number of its generation.
///
/// | generation | entries | lost |
/// | --- | --- | --- |
/// | 1 | a1, a2, b3 | a4, b5 |
/// | 2 | a4, b5 | |
/// | 3 | | |
/// | 4 | a6 | |
struct Chain {
    hub: Arc<Hub>,
    epochs: Vec<Epoch>,
}

impl Chain {
    fn new(history: usize) -> Self {
        let first = Hub::new(HubLimits {
            history,
            ..limits()
        });
        publish_all(&first, &["a", "a", "b"]);
        let saved = first.save();
        publish_all(&first, &["a", "b"]);
        let second = first.reopen_older(&saved);
        publish_all(&second, &["a", "b"]);
        let third = second.reopen_older(&second.save());
        let fourth = third.reopen_older(&third.save());
        publish_all(&fourth, &["a"]);
        let epochs = [&first, &second, &third, &fourth].map(|hub| hub.epoch());
        assert!(epochs.is_sorted_by(|a, b| a < b));
        Self {
            hub: fourth,
            epochs: epochs.into(),
        }
    }

    fn id(&self, text: &str) -> EventId {
        let (generation, seq) = text.split_once('-').unwrap();
        let epoch = match generation.parse::<usize>() {
            Ok(generation) => self.epochs[generation - 1],
            Err(_) => generation.parse().unwrap(),
        };
        let seq = seq.parse().unwrap();
        EventId { epoch, seq }
    }

    fn text(&self, id: EventId) -> String {
        let known = self.epochs.iter().position(|&epoch| epoch == id.epoch);
        known.map_or(id.to_string(), |index| format!("{}-{}", index + 1, id.seq))
    }

    fn cursor(&self, cursor: Cursor) -> String {
        match cursor {
            Cursor::Id(id) => self.text(id),
            Cursor::Unknown => cursor.to_string(),
        }
    }

    /// The cursor of hello and all deliveries of a stream of both rooms, with spaces
    /// between them. A gap is `room:reason:next:cursor`.
    fn stream(&self, cursor: Option<&str>, backlog: Backlog) -> String {
        let options = SubscribeOptions {
            cursor: cursor.map(|text| Cursor::Id(self.id(text))),
            backlog,
            ..options(&["a", "b"], None)
        };
        let mut reader = TestReader::of(&self.hub, self.hub.subscribe(options).unwrap());
        let hello = reader.subscription().take_hello().unwrap();
        let rest = self.rest(&mut reader);
        format!("{} {rest}", self.cursor(hello.cursor))
            .trim()
            .to_owned()
    }

    /// The deliveries that a reader gets now.
    fn rest(&self, reader: &mut TestReader) -> String {
        let deliveries = std::iter::from_fn(|| reader.now());
        let all = deliveries.map(|delivery| match delivery {
            TestDelivery::Entry(entry) => self.text(entry.id()),
            TestDelivery::Gap(gap) => self.gap(&gap),
            other => panic!("{other:?}"),
        });
        all.collect::<Vec<_>>().join(" ")
    }

    fn gap(&self, gap: &Gap) -> String {
        let reason = format!("{:?}", gap.reason).to_lowercase();
        let cursor = self.cursor(gap.cursor);
        format!("{}:{reason}:{}:{cursor}", gap.room.as_str(), gap.next)
    }

    fn page(&self, room_name: &str, after: Option<&str>, before: Option<&str>) -> Vec<String> {
        let cursor = |text: Option<&str>| text.map(|text| Cursor::Id(self.id(text)));
        let query = HistoryQuery {
            after: cursor(after),
            before: cursor(before),
            limit: 9,
        };
        let page = self.hub.page(&room(room_name), query);
        let ids = page.entries.iter().map(|entry| self.text(entry.id()));
        ids.collect()
    }
}

fn author() -> Author {
    let key = EditKey::parse("0123456789abcdef").unwrap();
    Author {
        edit_key: Some(Fingerprint::of_edit_key(&key)),
        address: Some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        ..Author::default()
    }
}

fn publish_all(hub: &Hub, rooms: &[&str]) {
    for name in rooms {
        let draft = Draft {
            author: author(),
            ..draft("x", None)
        };
        hub.publish(&room(name), draft).unwrap();
    }
}

#[test]
fn a_cursor_of_any_generation_goes_on_where_it_is() {
    let chain = Chain::new(1000);
    let all = "1-1 1-2 1-3 2-4 2-5 4-6";
    let cases = [
        ("1-0", format!("1-0 {all}")),
        ("1-2", "1-2 1-3 2-4 2-5 4-6".into()),
        ("1-3", "1-3 2-4 2-5 4-6".into()),
        // Beyond the end of its generation.
        (
            "1-4",
            "1-4 a:restart:3:1-4 b:restart:2:2-3 2-4 2-5 4-6".into(),
        ),
        (
            "1-99",
            "1-99 a:restart:3:1-99 b:restart:2:2-3 2-4 2-5 4-6".into(),
        ),
        ("2-0", format!("2-0 {all}")),
        // The cursor of that last gap.
        ("2-3", "2-3 2-4 2-5 4-6".into()),
        ("2-5", "2-5 4-6".into()),
        ("2-6", "2-6 a:restart:4:2-6 b:restart:3:3-5 4-6".into()),
        ("3-5", "3-5 4-6".into()),
        ("3-6", "3-6 a:restart:4:3-6 b:restart:3:4-5 4-6".into()),
        ("4-5", "4-5 4-6".into()),
        ("4-6", "4-6".into()),
        // Beyond the newest.
        (
            "4-7",
            format!("unknown-0 a:unknown:1:unknown-0 b:unknown:1:1-0 {all}"),
        ),
        ("4-0", format!("4-0 {all}")),
        // Of no generation.
        (
            "other-2",
            format!("other-2 a:restart:1:other-2 b:restart:1:1-0 {all}"),
        ),
    ];
    for (cursor, expected) in cases {
        assert_eq!(
            chain.stream(Some(cursor), Backlog::All),
            expected,
            "{cursor}"
        );
    }
    assert_eq!(chain.stream(None, Backlog::All), format!("1-0 {all}"));
    assert_eq!(chain.stream(None, Backlog::Last(1)), "2-4 2-5 4-6");
    assert_eq!(chain.stream(None, Backlog::Last(0)), "4-6");
}

#[test]
fn a_gap_has_the_epoch_of_the_last_entry_lost() {
    let chain = Chain::new(1);
    let cases = [
        ("1-0", "1-0 b:evicted:2:1-3 a:evicted:4:2-4 2-5 4-6"),
        ("1-3", "1-3 a:evicted:4:2-4 2-5 4-6"),
        ("1-4", "1-4 a:restart:4:1-4 b:restart:2:2-3 2-5 4-6"),
        ("2-3", "2-3 a:evicted:4:2-4 2-5 4-6"),
        ("2-4", "2-4 2-5 4-6"),
        (
            "other-2",
            "other-2 a:restart:4:other-2 b:restart:2:1-3 2-5 4-6",
        ),
    ];
    for (cursor, expected) in cases {
        assert_eq!(
            chain.stream(Some(cursor), Backlog::All),
            expected,
            "{cursor}"
        );
    }
}

#[tokio::test]
async fn entries_published_after_a_restart_follow() {
    let chain = Chain::new(1000);
    let cursor = Cursor::Id(chain.id("1-4"));
    let mut reader = reader(&chain.hub, "a", Some(cursor));
    let gap = reader.next().await;
    assert!(matches!(&gap, TestDelivery::Gap(gap) if gap.lost.is_none()));
    publish_all(&chain.hub, &["a"]);
    for expected in ["2-4", "4-6", "4-7"] {
        match reader.next().await {
            TestDelivery::Entry(entry) => assert_eq!(chain.text(entry.id()), expected),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn pages_go_over_generations() {
    let chain = Chain::new(1000);
    let all = ["1-1", "1-2", "2-4", "4-6"];
    let cases: &[(Option<&str>, Option<&str>, &[&str])] = &[
        (None, None, &all),
        (Some("1-0"), None, &all),
        (Some("4-0"), None, &all),
        (None, Some("1-0"), &[]),
        (None, Some("3-0"), &[]),
        (Some("1-1"), None, &all[1..]),
        (Some("1-2"), Some("4-6"), &all[2..3]),
        (None, Some("2-4"), &all[..2]),
        // Lost ones stand for the end of their generation.
        (Some("1-4"), None, &all[2..]),
        (None, Some("1-4"), &all[..2]),
        (Some("2-99"), None, &all[3..]),
        (None, Some("2-6"), &all[..3]),
        (Some("3-6"), None, &all[3..]),
        // As today, beyond the newest.
        (Some("4-99"), None, &[]),
        (None, Some("4-99"), &all),
        (Some("other-9"), None, &all),
        (None, Some("other-9"), &[]),
    ];
    for (after, before, expected) in cases {
        let page = chain.page("a", *after, *before);
        assert_eq!(page, *expected, "{after:?} {before:?}");
    }
    assert_eq!(chain.page("b", None, Some("1-4")), ["1-3"]);
    let whole = HistoryQuery {
        after: None,
        before: None,
        limit: 1,
    };
    for (name, oldest, newest) in [("a", "1-1", "4-6"), ("b", "1-3", "2-5")] {
        let page = chain.hub.page(&room(name), whole);
        assert_eq!(page.oldest, Some(chain.id(oldest)));
        assert_eq!(page.newest, Some(chain.id(newest)));
    }
}

#[test]
fn entries_of_all_generations_can_be_changed_and_keep_their_ids() {
    let chain = Chain::new(1000);
    let requester = Requester {
        author: author(),
        may_moderate: false,
    };
    let change = |id: &str, change: &Change| {
        let changed = chain
            .hub
            .change(&room("a"), chain.id(id), change, &requester);
        changed.map(|changed| {
            let entry = changed.entry();
            (chain.text(entry.id()), entry.json())
        })
    };
    let edit = Change::Edit(MessageText::parse("y", 9).unwrap());
    for (id, own) in [("1-1", "4-7"), ("2-4", "4-8"), ("4-6", "4-9")] {
        let (own_id, json) = change(id, &edit).unwrap();
        assert_eq!(own_id, own);
        let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
        assert_eq!(json["id"], chain.id(id).to_string());
    }
    assert_eq!(change("1-1", &Change::Delete).unwrap().0, "4-10");
    assert_eq!(chain.page("a", None, None), ["1-1", "1-2", "2-4", "4-6"]);
    // These are ids of no entry, or of lost ones.
    for id in ["1-4", "2-1", "2-2", "3-4", "4-1", "4-4", "other-1", "1-0"] {
        assert_eq!(
            change(id, &edit).unwrap_err(),
            ChangeError::NotFound,
            "{id}"
        );
    }
}

#[test]
fn authors_of_all_generations_can_be_banned() {
    let chain = Chain::new(1000);
    let until = SystemTime::now() + Duration::from_secs(60);
    let (hub, a) = (&chain.hub, room("a"));
    for id in ["1-1", "2-4", "4-6"].map(|id| chain.id(id)) {
        assert!(hub.ban(&a, id, until).is_ok());
        assert_eq!(hub.bans(&a)[0].message, id);
        assert!(hub.lift_ban(&a, id).unwrap().is_some());
    }
    for id in ["1-4", "2-1", "3-4", "other-1"].map(|id| chain.id(id)) {
        assert_eq!(hub.ban(&a, id, until).unwrap_err(), BanError::NotFound);
        assert!(hub.lift_ban(&a, id).unwrap().is_none());
    }
}
