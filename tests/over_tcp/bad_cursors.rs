//! Whatever a client says about where it was, a stream is the answer: never an
//! error, and never a message lost without a word. The numbers are cases of
//! the list of bad inputs.

use serde_json::{Value, json};

use super::support::{EventReader, Http, TestServer};
use super::witness::seq;

const STREAM: &str = "/rooms/lobby/events";

/// A reader whose cursor can't be understood: a gap without a count, all that
/// history holds, and then what is said.
async fn assert_unknown(server: &TestServer, mut reader: EventReader, said: &[Value], case: &str) {
    reader.expect("hello").await;
    let gap = reader.expect("gap").await;
    let next = &said[0]["number"];
    let expected = json!({"room": "lobby", "reason": "unknown", "lost": null, "next": next});
    assert_eq!(gap.data, expected, "{case}");
    for message in said {
        assert_eq!(&reader.expect("update").await.data, message, "{case}");
    }
    let live = server.say("lobby", "live").await;
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
    let mut said = Vec::new();
    for text in ["one", "two", "three"] {
        said.push(server.say("lobby", text).await);
    }
    said
}

fn id(message: &Value) -> &str {
    message["id"].as_str().unwrap()
}

// 41, 42
async fn a_cursor_in_history_gives_what_came_after_it_and_no_more(http: Http) {
    let server = http.start();
    let said = three(&server).await;
    for have in 1..=3 {
        let have_id = id(&said[have - 1]);
        let mut by_header = server
            .events_with(STREAM, &[("last-event-id", have_id)])
            .await;
        let mut by_query = server
            .events(&format!("{STREAM}?last_event_id={have_id}"))
            .await;
        for reader in [&mut by_header, &mut by_query] {
            assert_eq!(reader.expect("hello").await.data["cursor"], have_id);
            for message in &said[have..] {
                assert_eq!(&reader.expect("update").await.data, message);
            }
        }
        let aside = server.say("other", "not here").await;
        assert!(seq(&aside) > 0);
    }
    let mut reader = server
        .events_with(STREAM, &[("last-event-id", id(&said[2]))])
        .await;
    assert_eq!(reader.expect("hello").await.id, id(&said[2]));
    let live = server.say("lobby", "live").await;
    assert_eq!(
        reader.expect("update").await.data,
        live,
        "nothing was repeated before it"
    );
}

// 43
async fn a_cursor_older_than_history_gives_a_gap_and_what_is_left(http: Http) {
    let server = http.start_with(|config| config.history = 2);
    let first = server.say("lobby", "zero").await;
    let said = three(&server).await;
    let mut reader = server
        .events_with(STREAM, &[("last-event-id", id(&first))])
        .await;
    reader.expect("hello").await;
    let gap = reader.expect("gap").await;
    assert_eq!(
        gap.data,
        json!({"room": "lobby", "reason": "evicted", "lost": 1, "next": 3})
    );
    assert_eq!(gap.id, id(&said[0]), "the last that was lost");
    for message in &said[1..] {
        assert_eq!(&reader.expect("update").await.data, message);
    }
}

// 44
async fn a_cursor_that_is_none_is_unknown_and_never_an_error(http: Http) {
    let server = http.start();
    let mut said = three(&server).await;
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
        assert_unknown(&server, reader, &said, text).await;
        said = history(&server).await;
        let path = format!("{STREAM}?last_event_id={}", percent(text.as_bytes()));
        if path.len() < 15_000 {
            assert_unknown(&server, server.events(&path).await, &said, text).await;
            said = history(&server).await;
        }
    }
}

async fn history(server: &TestServer) -> Vec<Value> {
    let page = server.get("/rooms/lobby/messages?limit=500").await.json();
    page["messages"].as_array().unwrap().clone()
}

// 44: bytes that no text has.
async fn a_cursor_may_be_any_bytes(http: Http) {
    let server = http.start();
    server.say("lobby", "one").await;
    for bytes in [&b"\xFF"[..], b"e-\xFF", b"\xC3\xA9-1", b"\x80\x81", b"a\tb"] {
        let said = history(&server).await;
        let mut request = http.ask(STREAM);
        request.truncate(request.len() - 2);
        request.extend(b"last-event-id: ");
        request.extend(bytes);
        request.extend(b"\r\n\r\n");
        let reader = EventReader::open(server.connect().await, &request).await;
        assert_unknown(&server, reader, &said, &format!("{bytes:?}")).await;
    }
    // In a query there is more that can be said.
    for bytes in [
        &b"\0"[..],
        b"a-1\0",
        b"\r\nid: x",
        b"\n\n",
        b"\xFF\xFE",
        b" ",
        b"&=#?",
    ] {
        let said = history(&server).await;
        let path = format!("{STREAM}?last_event_id={}", percent(bytes));
        assert_unknown(&server, server.events(&path).await, &said, &path).await;
    }
}

// 44: another epoch.
async fn a_cursor_of_another_life_of_the_server_says_restart(http: Http) {
    let server = http.start();
    let said = three(&server).await;
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
        for message in &said {
            assert_eq!(&reader.expect("update").await.data, message);
        }
    }
}

// 45: on a reconnect a browser sends the old URL and the new header.
async fn the_header_wins_over_the_query(http: Http) {
    let server = http.start();
    let said = three(&server).await;
    let stale = format!("{STREAM}?last_event_id={}", id(&said[0]));
    let mut reader = server
        .events_with(&stale, &[("Last-Event-ID", id(&said[1]))])
        .await;
    assert_eq!(reader.expect("hello").await.data["cursor"], said[1]["id"]);
    assert_eq!(reader.expect("update").await.data, said[2]);

    // Even one that says nothing: the query is still older.
    let reader = server
        .events_with(&stale, &[("last-event-id", "garbage")])
        .await;
    assert_unknown(&server, reader, &said, "a header that is none").await;
    // And a cursor wins over a backlog.
    let path = format!("{STREAM}?backlog=all&last_event_id={}", id(&said[2]));
    let mut reader = server.events(&path).await;
    reader.expect("hello").await;
    assert_eq!(reader.expect("update").await.data["message"], "live");
}

// 46: whichever of them counts, nothing is lost without a word.
async fn two_cursors_are_no_error_and_lose_nothing(http: Http) {
    let server = http.start();
    let said = three(&server).await;
    let (first, second) = (id(&said[0]), id(&said[1]));
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
                known || said.contains(&event.data),
                "{headers:?}: {event:?}"
            );
        };
        assert_eq!(third.data, said[2], "{headers:?}");
    }
}

// 47, 48, 49
async fn a_stream_is_a_stream_whatever_else_is_asked(http: Http) {
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
        let said = server.say("lobby", "hi").await;
        assert_eq!(reader.expect("update").await.data, said, "{header:?}");
    }
}

over_both! {
    a_cursor_in_history_gives_what_came_after_it_and_no_more
    a_cursor_older_than_history_gives_a_gap_and_what_is_left
    a_cursor_that_is_none_is_unknown_and_never_an_error
    a_cursor_may_be_any_bytes
    a_cursor_of_another_life_of_the_server_says_restart
    the_header_wins_over_the_query
    two_cursors_are_no_error_and_lose_nothing
    a_stream_is_a_stream_whatever_else_is_asked
}
