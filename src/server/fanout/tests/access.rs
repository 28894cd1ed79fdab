//! Streams that end because their readers may not read any more: tokens that
//! expire, and bans.

use std::time::{SystemTime, UNIX_EPOCH};

use super::*;
use crate::chat::{Author, BanKey, Fingerprint, StreamAccess};

/// When the tokens of these tests expire, in seconds since 1970.
const EXPIRES_AT: u64 = 1_800_000_000;

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

fn author(subject: &str) -> Author {
    Author {
        subject: Some(Fingerprint::of_subject(b"key", subject)),
        ..Author::default()
    }
}

impl TestWorker {
    /// A reader with a token that expires.
    fn reader_with_token(&mut self, rooms: &[&str], subject: &str) -> (usize, FakeClient) {
        let mut subscription = self.subscribe(rooms, None);
        let key = BanKey::of(&author(subject));
        subscription.set_access(StreamAccess::new(key, Some(EXPIRES_AT)));
        let (token, client) = self.add(subscription);
        client.wire.borrow_mut().room = usize::MAX;
        (token, client)
    }

    fn publish_as(&self, subject: &str, text: &str) -> crate::protocol::EventId {
        let draft = Draft {
            author: author(subject),
            ..Draft::new(
                UserName::parse("Eve").unwrap(),
                MessageText::parse(text, 4096).unwrap(),
            )
        };
        let room = RoomName::parse("a").unwrap();
        match self.app.hub.publish(&room, draft).unwrap() {
            crate::chat::Published::New(entry) => entry.id(),
            other => panic!("{other:?}"),
        }
    }

    fn ban(&self, message: crate::protocol::EventId) {
        let room = RoomName::parse("a").unwrap();
        let until = SystemTime::now() + Duration::from_secs(3600);
        drop(self.app.hub.ban(&room, message, until).unwrap());
    }
}

#[test]
fn a_stream_gets_expiring_before_its_token_expires_and_then_ends() {
    let mut worker = TestWorker::new(|_| {});
    let (_, mut client) = worker.reader_with_token(&["a"], "ada");
    worker.work();
    assert!(text(&mut client).contains("event: hello\n"));
    let now = worker.now;
    let next = worker.readers.expire(now, at(EXPIRES_AT - 100));
    assert_eq!(next, Some(now + Duration::from_secs(70)));
    worker.work();
    assert_eq!(text(&mut client), "");
    worker.publish("a", "n 1");
    worker.readers.expire(now, at(EXPIRES_AT - 30));
    worker.publish("a", "n 2");
    worker.work();
    let received = text(&mut client);
    assert_eq!(numbers(&received), [1, 2]);
    let expiring = "event: expiring\ndata: {\"expires_at\":\"2027-01-15T08:00:00Z\"}\n\n";
    assert_eq!(received.matches(expiring).count(), 1, "{received}");
    // Once; and it is live again.
    let next = worker.readers.expire(now, at(EXPIRES_AT - 10));
    assert_eq!(next, Some(now + Duration::from_secs(10)));
    worker.publish("a", "n 3");
    worker.work();
    let received = text(&mut client);
    assert_eq!(numbers(&received), [3]);
    assert!(!received.contains("expiring"));
    // What is published in the second of the end is not for it.
    worker.publish("a", "n 4");
    assert_eq!(worker.readers.expire(now, at(EXPIRES_AT)), None);
    worker.work();
    assert_eq!(
        text(&mut client),
        "retry: 60000\nevent: close\ndata: {\"reason\":\"token_expired\"}\n\n"
    );
    assert!(worker.readers.is_empty());
}

#[test]
fn a_reader_that_catches_up_ends_without_the_rest_of_history() {
    let mut worker = TestWorker::new(|_| {});
    (1..=100).for_each(|n| worker.publish("a", &format!("n {n} {}", "x".repeat(1000))));
    let mut subscription = from_the_start(&worker.app);
    subscription.set_access(StreamAccess::new(None, Some(EXPIRES_AT)));
    let (_, mut client) = worker.add(subscription);
    client.wire.borrow_mut().room = 20_000;
    worker.work();
    let first = text(&mut client);
    assert!(!numbers(&first).is_empty() && numbers(&first).len() < 30);
    worker.readers.expire(worker.now, at(EXPIRES_AT));
    client.wire.borrow_mut().room = usize::MAX;
    worker.readers.writable(0);
    worker.work();
    let rest = text(&mut client);
    assert!(rest.ends_with("event: close\ndata: {\"reason\":\"token_expired\"}\n\n"));
    assert!(numbers(&rest).len() <= 1, "at most the rest of one event");
    assert!(worker.readers.is_empty());
}

#[test]
fn a_stream_that_begins_with_an_expired_token_gets_hello_and_close() {
    let mut worker = TestWorker::new(|_| {});
    worker.publish("a", "n 1");
    let (_, mut client) = worker.reader_with_token(&["a"], "ada");
    worker.readers.expire(worker.now, at(EXPIRES_AT + 5));
    worker.work();
    let received = text(&mut client);
    assert!(received.contains("event: hello\n") && received.contains("event: close\n"));
    assert!(!received.contains("expiring") && worker.readers.is_empty());
}

#[test]
fn a_token_of_the_far_future_is_looked_at_never() {
    let mut worker = TestWorker::new(|_| {});
    let mut subscription = worker.subscribe(&["a"], None);
    subscription.set_access(StreamAccess::new(None, Some(253_402_300_799)));
    let (_, mut client) = worker.add(subscription);
    client.wire.borrow_mut().room = usize::MAX;
    worker.readers.expire(worker.now, at(5_000_000_000));
    worker.work();
    assert!(!text(&mut client).contains("close"));
}

#[test]
fn readers_that_leave_are_not_looked_at_again() {
    let mut worker = TestWorker::new(|_| {});
    let readers: Vec<_> = (0..5)
        .map(|_| worker.reader_with_token(&["a"], "ada"))
        .collect();
    worker.work();
    worker.readers.expire(worker.now, at(EXPIRES_AT - 20));
    for (token, client) in &readers {
        worker.hang_up(*token, client);
    }
    assert!(worker.readers.is_empty());
    assert_eq!(worker.readers.expire(worker.now, at(EXPIRES_AT - 20)), None);
}

#[test]
fn a_ban_ends_the_streams_of_the_author_in_that_room_and_no_others() {
    let mut worker = TestWorker::new(|_| {});
    let (_, mut eve) = worker.reader_with_token(&["a", "b"], "eve");
    let (_, mut elsewhere) = worker.reader_with_token(&["b"], "eve");
    let (_, mut ada) = worker.reader_with_token(&["a"], "ada");
    worker.work();
    let message = worker.publish_as("eve", "n 1");
    worker.work();
    for client in [&mut eve, &mut ada, &mut elsewhere] {
        text(client);
    }
    worker.ban(message);
    worker.publish("a", "n 2");
    worker.work();
    assert_eq!(
        text(&mut eve),
        "retry: 60000\nevent: close\ndata: {\"reason\":\"forbidden\",\"rooms\":[\"a\"]}\n\n"
    );
    assert_eq!(numbers(&text(&mut ada)), [2]);
    worker.publish("b", "n 7");
    worker.work();
    assert_eq!(numbers(&text(&mut elsewhere)), [7]);
    // A ban that is lifted lets the author in again.
    let room = RoomName::parse("a").unwrap();
    assert!(worker.app.hub.is_banned(&room, &author("eve")));
    let lifted = worker.app.hub.lift_ban(&room, message).unwrap();
    assert!(lifted.is_some());
    let (_, mut eve) = worker.reader_with_token(&["a"], "eve");
    worker.work();
    assert!(!text(&mut eve).contains("close"));
}
