//! A stream answers any cursor: it is never an error, and no message is lost
//! without a gap. The numbers are cases of tests/cases.md.

use serde_json::{Value, json};

use super::support::{EventReader, Http, TestServer};
use super::witness::seq;

const STREAM: &str = "/rooms/lobby/events";

/// A reader with an unknown cursor: a gap without a count, the whole history,
/// then live messages.
async fn assert_unknown(
    server: &TestServer,
    mut reader: EventReader,
    published: &[Value],
    case: &str,
) {
    reader.expect("hello").await;
    let gap = reader.expect("gap").await;
    let next = &published[0]["number"];
    let expected = json!({"room": "lobby", "reason": "unknown", "lost": null, "next": next});
    assert_eq!(gap.data, expected, "{case}");
    for message in published {
        assert_eq!(&reader.expect("update").await.data, message, "{case}");
    }
    let live = server.publish("lobby", "live").await;
    let update = reader.expect("update").await;
    assert_eq!(
        (&update.data, update.id.as_str()),
        (&live, live["id"].as_str().unwrap()),
        "{case}"
    );
}

fn percent(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("%{byte:02X}")).collect()
}

async fn three(server: &TestServer) -> Vec<Value> {
    let mut published = Vec::new();
    for text in ["one", "two", "three"] {
        published.push(server.publish("lobby", text).await);
    }
    published
}

fn id(message: &Value) -> &str {
    message["id"].as_str().unwrap()
}

// 41, 42
async fn a_cursor_in_history_gives_what_came_after_it_and_no_more(http: Http) {
    let server = http.start();
    let published = three(&server).await;
    for have in 1..=3 {
        let have_id = id(&published[have - 1]);
        let mut by_header = server
            .events_with(STREAM, &[("last-event-id", have_id)])
            .await;
        let mut by_query = server
            .events(&format!("{STREAM}?last_event_id={have_id}"))
            .await;
        for reader in [&mut by_header, &mut by_query] {
            assert_eq!(reader.expect("hello").await.data["cursor"], have_id);
            for message in &published[have..] {
                assert_eq!(&reader.expect("update").await.data, message);
            }
        }
        let aside = server.publish("other", "not here").await;
        assert!(seq(&aside) > 0);
    }
    let mut reader = server
        .events_with(STREAM, &[("last-event-id", id(&published[2]))])
        .await;
    assert_eq!(reader.expect("hello").await.id, id(&published[2]));
    let live = server.publish("lobby", "live").await;
    assert_eq!(
        reader.expect("update").await.data,
        live,
        "nothing was repeated before it"
    );
}

// 43
async fn a_cursor_older_than_history_gives_a_gap_and_what_is_left(http: Http) {
    let server = http.start_with(|config| config.history = 2);
    let first = server.publish("lobby", "zero").await;
    let published = three(&server).await;
    let mut reader = server
        .events_with(STREAM, &[("last-event-id", id(&first))])
        .await;
    reader.expect("hello").await;
    let gap = reader.expect("gap").await;
    assert_eq!(
        gap.data,
        json!({"room": "lobby", "reason": "evicted", "lost": 1, "next": 3})
    );
    assert_eq!(gap.id, id(&published[0]), "the last that was lost");
    for message in &published[1..] {
        assert_eq!(&reader.expect("update").await.data, message);
    }
}

// 44
async fn a_cursor_that_is_none_is_unknown_and_never_an_error(http: Http) {
    let server = http.start();
    let mut published = three(&server).await;
    let epoch = server.app().hub.epoch();
    let (long, digits) = ("x".repeat(10_000), "9".repeat(60));
    let texts = [
        "0".into(),
        "1".into(),
        "-1".into(),
        "NaN".into(),
        "null".into(),
        "undefined".into(),
        "-".into(),
        format!("{epoch}"),
        format!("{epoch}-"),
        format!("{epoch}--1"),
        format!("{epoch}-+1"),
        format!("{epoch}-01"),
        format!("{epoch}-1.5"),
        format!("{epoch}-0x1"),
        format!("{epoch}-1-1"),
        format!("{epoch}-1,{epoch}-2"),
        format!("{epoch}-1 x"),
        format!("{epoch}-NaN"),
        format!("{epoch}-999999"),
        format!("{epoch}-18446744073709551615"),
        format!("{epoch}-18446744073709551616"),
        format!("{epoch}-{digits}"),
        format!("{}-1", epoch.to_string().to_uppercase()),
        format!("{epoch}{epoch}-1"),
        "unknown-0".into(),
        "unknown-1".into(),
        "<script>".into(),
        "../../etc/passwd".into(),
        "%00".into(),
        long,
    ];
    for text in &texts {
        let reader = server.events_with(STREAM, &[("last-event-id", text)]).await;
        assert_unknown(&server, reader, &published, text).await;
        published = history(&server).await;
        let path = format!("{STREAM}?last_event_id={}", percent(text.as_bytes()));
        if path.len() < 15_000 {
            assert_unknown(&server, server.events(&path).await, &published, text).await;
            published = history(&server).await;
        }
    }
}

async fn history(server: &TestServer) -> Vec<Value> {
    let page = server.get("/rooms/lobby/messages?limit=500").await.json();
    page["messages"].as_array().unwrap().clone()
}

// 44: bytes that are not UTF-8.
async fn a_cursor_may_be_any_bytes(http: Http) {
    let server = http.start();
    server.publish("lobby", "one").await;
    for bytes in [&b"\xFF"[..], b"e-\xFF", b"\xC3\xA9-1", b"\x80\x81", b"a\tb"] {
        let published = history(&server).await;
        let mut request = http.ask(STREAM);
        request.truncate(request.len() - 2);
        request.extend(b"last-event-id: ");
        request.extend(bytes);
        request.extend(b"\r\n\r\n");
        let reader = EventReader::open(server.open().await, &request).await;
        assert_unknown(&server, reader, &published, &format!("{bytes:?}")).await;
    }
    // A query can carry bytes that a header can't.
    for bytes in [
        &b"\0"[..],
        b"a-1\0",
        b"\r\nid: x",
        b"\n\n",
        b"\xFF\xFE",
        b" ",
        b"&=#?",
    ] {
        let published = history(&server).await;
        let path = format!("{STREAM}?last_event_id={}", percent(bytes));
        assert_unknown(&server, server.events(&path).await, &published, &path).await;
    }
}

// 44: another epoch.
async fn a_cursor_of_another_epoch_gets_a_gap_with_restart(http: Http) {
    let server = http.start();
    let published = three(&server).await;
    for cursor in [
        "mfz3k1q8-1042",
        "a-0",
        "0-18446744073709551615",
        "abcdefghijklmnop-2",
    ] {
        let mut reader = server
            .events_with(STREAM, &[("last-event-id", cursor)])
            .await;
        reader.expect("hello").await;
        let gap = reader.expect("gap").await;
        assert_eq!(
            gap.data,
            json!({"room": "lobby", "reason": "restart", "lost": null, "next": 1}),
            "{cursor}"
        );
        for message in &published {
            assert_eq!(&reader.expect("update").await.data, message);
        }
    }
}

// 45: on a reconnect a browser sends the old URL and the new header.
async fn the_header_wins_over_the_query(http: Http) {
    let server = http.start();
    let published = three(&server).await;
    let stale = format!("{STREAM}?last_event_id={}", id(&published[0]));
    let mut reader = server
        .events_with(&stale, &[("Last-Event-ID", id(&published[1]))])
        .await;
    assert_eq!(
        reader.expect("hello").await.data["cursor"],
        published[1]["id"]
    );
    assert_eq!(reader.expect("update").await.data, published[2]);

    // Even an unknown one: the query is still older.
    let reader = server
        .events_with(&stale, &[("last-event-id", "garbage")])
        .await;
    assert_unknown(&server, reader, &published, "a header that is none").await;
    // A cursor wins over a backlog.
    let path = format!("{STREAM}?backlog=all&last_event_id={}", id(&published[2]));
    let mut reader = server.events(&path).await;
    reader.expect("hello").await;
    assert_eq!(reader.expect("update").await.data["message"], "live");
}

// 46: whichever one counts, nothing is lost without a gap.
async fn two_cursors_are_no_error_and_lose_nothing(http: Http) {
    let server = http.start();
    let published = three(&server).await;
    let (first, second) = (id(&published[0]), id(&published[1]));
    for headers in [
        [first, second],
        [second, first],
        [first, "garbage"],
        ["garbage", first],
    ] {
        let headers = headers.map(|value| ("last-event-id", value));
        let mut reader = server.events_with(STREAM, &headers).await;
        reader.expect("hello").await;
        let third = loop {
            let event = reader.next().await;
            if event.data["message"] == "three" {
                break event;
            }
            let known = event.event == "gap" && event.data["lost"].is_null();
            assert!(
                known || published.contains(&event.data),
                "{headers:?}: {event:?}"
            );
        };
        assert_eq!(third.data, published[2], "{headers:?}");
    }
}

// 47, 48, 49
async fn a_stream_ignores_conditional_and_negotiation_headers(http: Http) {
    let server = http.start();
    for header in [
        ("accept", "text/html"),
        ("accept", "application/json;q=1, text/event-stream;q=0"),
        ("accept-encoding", "gzip, br, zstd"),
        ("accept-encoding", "identity;q=0, gzip"),
        ("range", "bytes=0-10"),
        ("if-none-match", "*"),
        ("if-match", "\"a\""),
        ("if-modified-since", "Fri, 01 Jan 2100 00:00:00 GMT"),
        ("upgrade", "websocket"),
        ("te", "trailers, gzip"),
        ("connection", "keep-alive, upgrade"),
    ] {
        let mut reader = server.events_with(STREAM, &[header]).await;
        for absent in [
            "content-encoding",
            "content-range",
            "etag",
            "content-length",
            "last-modified",
        ] {
            assert_eq!(reader.head.header(absent), None, "{header:?}");
        }
        reader.expect("hello").await;
        let published = server.publish("lobby", "hi").await;
        assert_eq!(reader.expect("update").await.data, published, "{header:?}");
    }
}

over_each! {
    a_cursor_in_history_gives_what_came_after_it_and_no_more
    a_cursor_older_than_history_gives_a_gap_and_what_is_left
    a_cursor_that_is_none_is_unknown_and_never_an_error
    a_cursor_may_be_any_bytes
    a_cursor_of_another_epoch_gets_a_gap_with_restart
    the_header_wins_over_the_query
    two_cursors_are_no_error_and_lose_nothing
    a_stream_ignores_conditional_and_negotiation_headers
}
