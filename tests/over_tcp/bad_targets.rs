//! Invalid hosts, targets, paths and queries: refused, without effect. The numbers
//! are cases of tests/cases.md.

use super::support::{Response, TestServer};
use super::witness::{Witness, alive, statuses};

const GOOD: &str = r#"{"name":"Alice","message":"hi"}"#;

/// Sends a request for this target with these fields.
async fn ask(server: &TestServer, target: &str, fields: &str) -> Vec<u8> {
    let request = format!("GET {target} HTTP/1.1\r\n{fields}connection: close\r\n\r\n");
    server.raw(request.as_bytes()).await
}

// 22
#[tokio::test]
async fn a_request_has_one_host_and_it_is_a_host() {
    let server = TestServer::start();
    let mut witness = Witness::of(&server, "lobby").await;
    for (case, host) in [
        ("none", ""),
        ("two", "host: a\r\nhost: b\r\n"),
        ("the same twice", "host: a\r\nhost: a\r\n"),
        ("an empty one", "host:\r\n"),
        ("a user", "host: alice@example.org\r\n"),
        ("a user and a password", "host: alice:x@example.org\r\n"),
        ("a space", "host: a b\r\n"),
        ("a URL", "host: http://a\r\n"),
        ("a path", "host: a/b\r\n"),
        ("a query", "host: a?b\r\n"),
        ("a fragment", "host: a#b\r\n"),
        ("a backslash", "host: a\\b\r\n"),
        ("only a port", "host: :80\r\n"),
        ("half an address", "host: [::1\r\n"),
    ] {
        let length = GOOD.len();
        let request = format!(
            "POST /rooms/lobby/messages HTTP/1.1\r\n{host}content-type: application/json\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{GOOD}"
        );
        Response::parse(&server.raw(request.as_bytes()).await).assert_problem(400, "invalid_host");
        witness.saw_nothing(case).await;
    }
    let bytes = b"GET /healthz HTTP/1.1\r\nhost: \xFF\r\nconnection: close\r\n\r\n";
    Response::parse(&server.raw(bytes).await).assert_problem(400, "invalid_host");
}

// 22. RFC 9112, section 3.2: a Host that is not `host [":" digits]` is refused.
#[tokio::test]
async fn a_port_is_a_number() {
    let server = TestServer::start();
    for host in ["a:b", "a:8o", "[::1]:http", "a:80:80", "a:-1"] {
        let answer = ask(&server, "/healthz", &format!("host: {host}\r\n")).await;
        assert_eq!(statuses(&answer), [400], "{host}");
        Response::parse(&answer).assert_problem(400, "invalid_host");
    }
}

#[tokio::test]
async fn valid_hosts_are_accepted() {
    let server = TestServer::start();
    for host in [
        "a",
        "example.org",
        "EXAMPLE.org:8080",
        "127.0.0.1:1",
        "[::1]",
        "[::1]:8080",
        "xn--e1afmkfd.example",
    ] {
        let answer = ask(&server, "/healthz", &format!("host: {host}\r\n")).await;
        assert_eq!(statuses(&answer), [200], "{host}");
    }
    // HTTP/1.0 needs no Host.
    assert_eq!(
        statuses(&server.raw(b"GET /healthz HTTP/1.0\r\n\r\n").await),
        [200]
    );
}

// 24. The server has one site, so the path alone decides.
#[tokio::test]
async fn an_absolute_target_is_answered_by_its_path() {
    let server = TestServer::start();
    for target in [
        "http://a/healthz",
        "http://elsewhere.example/healthz",
        "HTTP://a:80/healthz?x",
    ] {
        let answer = Response::parse(&ask(&server, target, "host: a\r\n").await);
        assert_eq!((answer.status, &*answer.text()), (200, "ok"), "{target}");
    }
    let no_host = ask(&server, "http://a/healthz", "").await;
    Response::parse(&no_host).assert_problem(400, "invalid_host");
    let elsewhere = ask(&server, "http://elsewhere.example/passwd", "host: a\r\n").await;
    Response::parse(&elsewhere).assert_problem(404, "not_found");
}

#[tokio::test]
async fn other_forms_of_a_target_reach_nothing() {
    let server = TestServer::start();
    for (target, allowed) in [
        ("*", &[405][..]),
        ("healthz", &[404, 400]),
        ("a:80", &[404, 400]),
        ("?x", &[404, 400]),
        ("#x", &[404, 400]),
        ("//", &[404]),
        ("//healthz", &[404]),
        ("http://", &[400]),
        ("http:///healthz", &[400]),
        ("file:///etc/passwd", &[400, 404]),
    ] {
        let answer = statuses(&ask(&server, target, "host: a\r\n").await);
        assert!(
            matches!(&answer[..], [status] if allowed.contains(status)),
            "{target}: {answer:?}"
        );
    }
}

// 6, 27
#[tokio::test]
async fn an_unknown_path_is_not_found() {
    let server = TestServer::start();
    for path in [
        "/nope",
        "/%00",
        "/%zz",
        "/%",
        "/..",
        "/%2e%2e/",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/../etc/passwd",
        "/healthz/",
        "/HEALTHZ",
        "/health%7A",
        "/healthz%00",
        "/healthz/../readyz",
        "/./healthz",
        "/;/healthz",
        "/events/",
        "/rooms/",
        "/rooms/lobby",
        "/rooms/lobby/",
        "/rooms/lobby/events/",
        "/rooms/lobby/events/x",
        "/rooms//lobby/events",
        "/assets/../index.html",
        "/assets/..%2f..%2fCargo.toml",
        "/assets/%2e%2e%2f%2e%2e%2fCargo.toml",
        "/assets/..\\..\\Cargo.toml",
        "/assets/start.js%00.html",
        "/assets//start.js",
        "/.git/config",
        "/send.php/x",
    ] {
        let answer = ask(&server, path, "host: a\r\n").await;
        Response::parse(&answer).assert_problem(404, "not_found");
        let head = server
            .raw(format!("HEAD {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").as_bytes())
            .await;
        assert_eq!(statuses(&head), [404], "{path}");
    }
}

// 28
#[tokio::test]
async fn an_invalid_room_is_refused_in_every_path_and_query() {
    let server = TestServer::start();
    let mut witness = Witness::of(&server, "lobby").await;
    let long = "a".repeat(65);
    for room in [
        "",
        ".",
        "..",
        "%2E%2e",
        "a%20b",
        "%20lobby",
        "lobby%20",
        "..%2Fx",
        "a%0D%0Ab",
        "a%00",
        "%FF",
        "%C3",
        "a%ED%A0%80",
        "a%zz",
        "%E2%80%AEa",
        "%F0%9F%98%80",
        "%3Cb%3E",
        "a%22b",
        "a%2Bb",
        "a@b",
        "a;b",
        &long,
    ] {
        for path in [
            format!("/rooms/{room}/messages"),
            format!("/rooms/{room}/events"),
            format!("/rooms/{room}/members"),
            format!("/r/{room}"),
        ] {
            server.get(&path).await.assert_problem(400, "invalid_room");
        }
        let path = format!("/rooms/{room}/messages");
        let post = server
            .request("POST", &path, &[("content-type", "application/json")], GOOD)
            .await;
        post.assert_problem(400, "invalid_room");
        let many = server.get(&format!("/events?room=lobby&room={room}")).await;
        let code = many.json()["code"].clone();
        // In a query, bytes that are not UTF-8 are an invalid query.
        assert!(
            many.status == 400 && (code == "invalid_room" || code == "invalid_query"),
            "{room}: {many:?}"
        );
        witness.saw_nothing(room).await;
    }
    assert_eq!(server.app().hub.readers(), 1, "only the witness");
}

// 28: é counts as a letter.
#[tokio::test]
async fn a_room_may_have_letters_of_any_script_and_64_of_them() {
    let server = TestServer::start_with(|config| config.list_rooms = true);
    let long = "a".repeat(64);
    for (sent, room) in [
        ("%C3%A9", "\u{e9}"),
        ("e%CC%81", "\u{e9}"),
        ("%E8%81%8A%E5%A4%A9", "聊天"),
        ("...", "..."),
        ("_", "_"),
        ("a-b.c", "a-b.c"),
        (&long, &long),
    ] {
        assert_eq!(server.publish(sent, "hi").await["room"], room);
        let mut reader = server.events(&format!("/events?room={sent}")).await;
        assert_eq!(reader.expect("hello").await.data["rooms"][0]["room"], room);
    }
    let rooms = server.get("/rooms").await.json();
    assert_eq!(
        rooms["rooms"].as_array().unwrap().len(),
        6,
        "both kinds of \u{e9} are one: {rooms}"
    );
}

// 29: `/events` takes several rooms.
#[tokio::test]
async fn a_stream_s_query_is_checked() {
    let server = TestServer::start();
    let hundred: String = (0..100).map(|n| format!("&room=r{n}")).collect();
    for (path, code) in [
        ("/events", "invalid_query"),
        ("/events?", "invalid_query"),
        ("/events?rooms=lobby", "invalid_query"),
        ("/events?room=%FF", "invalid_query"),
        (&format!("/events?room=one{hundred}"), "invalid_query"),
        ("/rooms/lobby/events?backlog=", "invalid_query"),
        ("/rooms/lobby/events?backlog=-1", "invalid_query"),
        ("/rooms/lobby/events?backlog=%2B1", "invalid_query"),
        ("/rooms/lobby/events?backlog=501", "invalid_query"),
        ("/rooms/lobby/events?backlog=ALL", "invalid_query"),
        ("/rooms/lobby/events?backlog=1&backlog=1", "invalid_query"),
        (
            "/rooms/lobby/events?backlog=99999999999999999999",
            "invalid_query",
        ),
        ("/rooms/lobby/events?presence=2", "invalid_query"),
        ("/rooms/lobby/events?presence=yes", "invalid_query"),
        ("/rooms/lobby/events?name=Alice&name=Bob", "invalid_query"),
        ("/rooms/lobby/events?name=%FF", "invalid_query"),
        ("/rooms/lobby/events?was=Alice", "invalid_query"),
        ("/rooms/lobby/events?was=", "invalid_name"),
        ("/rooms/lobby/events?name=Bob&was=", "invalid_name"),
        ("/rooms/lobby/events?name=Bob&was=a%00", "invalid_name"),
        ("/rooms/lobby/events?name=Bob&was=%FF", "invalid_query"),
        ("/rooms/lobby/events?name=Bob&was=a&was=a", "invalid_query"),
    ] {
        server.get(path).await.assert_problem(400, code);
        let head = server.request("HEAD", path, &[], "").await;
        assert_eq!((head.status, &*head.body), (400, &b""[..]), "{path}");
    }
    assert_eq!(server.app().hub.readers(), 0);
    let mut reader = server.events(&format!("/events?room=r0{hundred}")).await;
    let hello = reader.expect("hello").await;
    assert_eq!(
        hello.data["rooms"].as_array().unwrap().len(),
        100,
        "each once"
    );
    let mut reader = server
        .events("/rooms/lobby/events?unknown=1&x&=&backlog=500")
        .await;
    reader.expect("hello").await;
    alive(&server).await;
}
