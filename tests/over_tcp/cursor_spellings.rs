//! The cursor in a URL, in each spelling that clients use. The list with its
//! sources is in docs/protocol.md, "How clients send the cursor".

use serde_json::Value;

use super::support::{EventReader, TestServer};

const STREAM: &str = "/rooms/lobby/events";
const SPELLINGS: [&str; 7] = [
    "last_event_id",
    "lastEventId",
    "lastEventID",
    "Last-Event-ID",
    "Last-Event-Id",
    "last-event-id",
    "evs_last_event_id",
];

async fn publish_three(server: &TestServer) -> Vec<Value> {
    let mut messages = Vec::new();
    for text in ["one", "two", "three"] {
        messages.push(server.publish("lobby", text).await);
    }
    messages
}

fn id(message: &Value) -> &str {
    message["id"].as_str().unwrap()
}

/// Checks that the stream resumes behind `cursor` and delivers `expected`.
async fn assert_resumes(mut reader: EventReader, cursor: &str, expected: &[Value], case: &str) {
    let hello = reader.expect("hello").await;
    assert_eq!(hello.data["cursor"], cursor, "{case}");
    for message in expected {
        assert_eq!(&reader.expect("update").await.data, message, "{case}");
    }
}

#[tokio::test]
async fn a_stream_resumes_from_every_spelling_of_the_cursor() {
    let server = TestServer::start();
    let messages = publish_three(&server).await;
    let cursor = id(&messages[0]);
    for key in SPELLINGS {
        for path in [
            format!("{STREAM}?{key}={cursor}"),
            format!("/events?room=lobby&{key}={cursor}"),
            format!("/sse.php?{key}={cursor}"),
        ] {
            let reader = server.events(&path).await;
            assert_resumes(reader, cursor, &messages[1..], &path).await;
        }
    }
}

#[tokio::test]
async fn an_empty_cursor_is_no_cursor() {
    let server = TestServer::start();
    let messages = publish_three(&server).await;
    let newest = id(&messages[2]);
    for key in SPELLINGS {
        for path in [
            format!("{STREAM}?{key}="),
            format!("{STREAM}?{key}"),
            // Old releases of Yaffle's polyfill open the first stream this way.
            format!("{STREAM}?{key}=&r=123456789"),
        ] {
            let reader = server.events(&path).await;
            assert_resumes(reader, newest, &[], &path).await;
        }
        let path = format!("{STREAM}?backlog=2&{key}=");
        let mut reader = server.events(&path).await;
        reader.expect("hello").await;
        assert_eq!(reader.messages(2).await, ["two", "three"], "{path}");
    }
    let reader = server.events_with(STREAM, &[("last-event-id", "")]).await;
    assert_resumes(reader, newest, &[], "an empty header").await;
}

#[tokio::test]
async fn the_header_wins_over_every_spelling_and_an_empty_header_does_not() {
    let server = TestServer::start();
    let messages = publish_three(&server).await;
    let (old, new) = (id(&messages[0]), id(&messages[1]));
    for key in SPELLINGS {
        let path = format!("{STREAM}?{key}={old}");
        let reader = server.events_with(&path, &[("Last-Event-ID", new)]).await;
        assert_resumes(reader, new, &messages[2..], key).await;
        let reader = server.events_with(&path, &[("Last-Event-ID", "")]).await;
        assert_resumes(reader, old, &messages[1..], key).await;
    }
}

/// A page opens `?last_event_id=A`, and its polyfill appends the newer cursor.
/// Resuming from A would deliver messages twice.
#[tokio::test]
async fn of_several_cursors_in_a_query_the_last_that_is_not_empty_wins() {
    let server = TestServer::start();
    let messages = publish_three(&server).await;
    let (old, new) = (id(&messages[0]), id(&messages[1]));
    for (first, second) in [
        ("last_event_id", "lastEventId"),
        ("lastEventId", "lastEventId"),
        ("Last-Event-ID", "last_event_id"),
    ] {
        for query in [
            format!("{first}={old}&{second}={new}"),
            format!("{first}={new}&{second}="),
        ] {
            let reader = server.events(&format!("{STREAM}?{query}")).await;
            assert_resumes(reader, new, &messages[2..], &query).await;
        }
    }
}
