//! Requests that are not HTTP/1.1, or exceed a limit of the head or body: refused
//! without effect. The numbers are cases of tests/cases.md.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::support::{Response, TestServer, within};
use super::witness::{Witness, alive, assert_nosniff, statuses};

const GOOD: &str = r#"{"name":"Alice","message":"hi"}"#;
const START: &str = "POST /rooms/lobby/messages HTTP/1.1\r\n";
const FIELDS: &str = "host: a\r\ncontent-type: application/json\r\n";

/// A valid message, except for these fields.
fn post_with(fields: &str) -> String {
    post(START, &format!("host: a\r\n{fields}"))
}

/// A valid message, except for this start line and these fields.
fn post(start: &str, fields: &str) -> String {
    let length = GOOD.len();
    format!(
        "{start}{fields}content-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{GOOD}"
    )
}

/// A message in one chunk, without the last chunk.
fn chunked(body: &str) -> String {
    format!("{START}{FIELDS}transfer-encoding: chunked\r\n\r\n{body}")
}

/// Sends `bytes`, closes its half, and returns the response.
async fn send_and_finish(server: &TestServer, bytes: &[u8]) -> Vec<u8> {
    let mut stream = server.connect().await;
    // The server may answer and close before it has read everything.
    let _ = within(stream.write_all(bytes)).await;
    let _ = within(stream.shutdown()).await;
    super::support::read_to_close(&mut stream).await
}

#[tokio::test]
async fn the_unchanged_requests_are_valid() {
    let server = TestServer::start();
    let mut witness = Witness::of(&server, "lobby").await;
    let one_chunk = chunked(&format!("{:x}\r\n{GOOD}\r\n0\r\n\r\n", GOOD.len()));
    for request in [post_with(""), post_with(&"a: b\r\n".repeat(96)), one_chunk] {
        let answer = Response::parse(&send_and_finish(&server, request.as_bytes()).await);
        assert_eq!(answer.status, 201, "{answer:?}");
        witness.received(&answer.json()).await;
    }
}

#[tokio::test]
async fn a_head_that_is_malformed_is_refused() {
    let server = TestServer::start();
    let mut witness = Witness::of(&server, "lobby").await;
    let start = |line: &str| post(&format!("{line}\r\n"), "host: a\r\n");
    for (case, request) in [
        (
            "3: a method that is no token",
            start("PO(ST /rooms/lobby/messages HTTP/1.1"),
        ),
        ("3: no method", start(" /rooms/lobby/messages HTTP/1.1")),
        ("26: a space in a field's name", post_with("a b: c\r\n")),
        ("26: a space before the colon", post_with("a : c\r\n")),
        ("26: NUL in a field's name", post_with("a\0: c\r\n")),
        ("26: NUL in a field's value", post_with("a: b\0c\r\n")),
        ("26: a bare CR", post_with("a: b\rc: d\r\n")),
        ("26: a folded field", post_with("a: b\r\n c\r\n")),
        (
            "26: a fold before the first field",
            post(START, " a: b\r\nhost: a\r\n"),
        ),
        ("26: no colon", post_with("abc\r\n")),
        ("26: no name", post_with(": c\r\n")),
        (
            "27: NUL in the path",
            start("POST /rooms/lobby/messages\0 HTTP/1.1"),
        ),
        (
            "27: a space in the path",
            start("POST /rooms/lob by/messages HTTP/1.1"),
        ),
        ("27: no path", start("POST  HTTP/1.1")),
        ("two spaces", start("POST  /rooms/lobby/messages HTTP/1.1")),
        ("62: HTTP/0.9", start("POST /rooms/lobby/messages")),
        ("HTTP/1.2", start("POST /rooms/lobby/messages HTTP/1.2")),
        ("HTTP/2.0", start("POST /rooms/lobby/messages HTTP/2.0")),
        ("http/1.1", start("POST /rooms/lobby/messages http/1.1")),
    ] {
        let answer = send_and_finish(&server, request.as_bytes()).await;
        assert_eq!(statuses(&answer), [400], "{case}");
        let answer = Response::parse(&answer);
        answer.assert_problem(400, "invalid_request");
        assert_eq!(answer.header("connection"), Some("close"), "{case}");
        assert_nosniff(&answer);
        witness.saw_nothing(case).await;
    }
}

// 26. RFC 9112, section 2.2, lets a server accept LF alone as a line end, and
// hyper does. It must not become part of the value: a proxy may see two fields
// where the server sees one.
#[tokio::test]
async fn a_line_feed_alone_is_never_a_part_of_a_value() {
    let server = TestServer::start();
    let mut witness = Witness::of(&server, "lobby").await;
    for fields in ["a: b\nhost: second\r\n", "a: b\ncontent-length: 1\r\n"] {
        let answer = send_and_finish(&server, post_with(fields).as_bytes()).await;
        assert_eq!(statuses(&answer), [400], "{fields:?}");
        witness.saw_nothing(fields).await;
    }
}

// 25
#[tokio::test]
async fn a_head_that_is_too_large_is_refused() {
    let server = TestServer::start();
    let mut witness = Witness::of(&server, "lobby").await;
    let long_path = format!(
        "POST /rooms/lobby/messages?{} HTTP/1.1\r\n",
        "x".repeat(70_000)
    );
    let too_large = (431, "headers_too_large");
    for (case, request, (status, code)) in [
        ("101 fields", post_with(&"a: b\r\n".repeat(97)), too_large),
        (
            "a field of 90 KB",
            post_with(&format!("a: {}\r\n", "x".repeat(90_000))),
            too_large,
        ),
        (
            "a name of 90 KB",
            post_with(&format!("{}: a\r\n", "x".repeat(90_000))),
            too_large,
        ),
        (
            "a name of 70 KB",
            post_with(&format!("{}: a\r\n", "x".repeat(70_000))),
            too_large,
        ),
        (
            "a URI of 70 KB",
            post(&long_path, "host: a\r\n"),
            (414, "uri_too_long"),
        ),
        (
            "a URI of 90 KB",
            post(&long_path.replace('?', &"?".repeat(20_000)), "host: a\r\n"),
            (414, "uri_too_long"),
        ),
    ] {
        let answer = send_and_finish(&server, request.as_bytes()).await;
        assert_eq!(statuses(&answer), [status], "{case}");
        Response::parse(&answer).assert_problem(status, code);
        witness.saw_nothing(case).await;
    }
}

#[tokio::test]
async fn a_body_of_unclear_length_is_refused() {
    let server = TestServer::start();
    let mut witness = Witness::of(&server, "lobby").await;
    let length = GOOD.len();
    let in_http_1_0 = format!(
        "POST /rooms/lobby/messages HTTP/1.0\r\n{FIELDS}transfer-encoding: chunked\r\n\r\n{length:x}\r\n{GOOD}\r\n0\r\n\r\n"
    );
    let of_length = |value: &str| format!("{START}{FIELDS}content-length: {value}\r\n\r\n{GOOD}");
    for (case, request) in [
        ("19: two lengths", post_with("content-length: 5\r\n")),
        ("19: a negative length", of_length("-1")),
        ("19: a length with a sign", of_length(&format!("+{length}"))),
        ("19: a length in hex", of_length("0x1f")),
        (
            "19: a length over 64 bits",
            of_length("99999999999999999999"),
        ),
        ("19: an empty length", of_length("")),
        ("20: chunks in HTTP/1.0", in_http_1_0),
        (
            "20: gzip, and no end",
            post_with("transfer-encoding: gzip\r\n"),
        ),
        (
            "20: chunks that are not the last coding",
            post_with("transfer-encoding: chunked, gzip\r\n"),
        ),
        ("20: identity", post_with("transfer-encoding: identity\r\n")),
        (
            "20: a coding that is almost chunked",
            post_with("transfer-encoding: xchunked\r\n"),
        ),
    ] {
        let answer = send_and_finish(&server, request.as_bytes()).await;
        assert_eq!(statuses(&answer), [400], "{case}");
        witness.saw_nothing(case).await;
    }
}

// 20. RFC 9112, section 6.1: a body in an unknown coding must not be read as if
// the coding were not there.
#[tokio::test]
async fn a_body_in_an_unknown_transfer_coding_is_refused() {
    let server = TestServer::start();
    let mut witness = Witness::of(&server, "lobby").await;
    for codings in [
        "gzip, chunked",
        "chunked, chunked",
        "gzip\r\ntransfer-encoding: chunked",
    ] {
        let body = format!("{:x}\r\n{GOOD}\r\n0\r\n\r\n", GOOD.len());
        let request = format!("{START}{FIELDS}transfer-encoding: {codings}\r\n\r\n{body}");
        let answer = String::from_utf8_lossy(&send_and_finish(&server, request.as_bytes()).await)
            .into_owned();
        let refused = answer.starts_with("HTTP/1.1 400 ") || answer.starts_with("HTTP/1.1 501 ");
        assert!(refused, "{codings}: {answer:?}");
        witness.saw_nothing(codings).await;
    }
}

// 19. RFC 9112, section 6.3: chunks win over a length. A proxy may have used the
// length, so the connection closes.
#[tokio::test]
async fn chunks_win_over_a_length_and_no_request_is_smuggled() {
    let server = TestServer::start();
    let mut witness = Witness::of(&server, "lobby").await;
    let hidden = post_with("");
    let chunks = format!("{:x}\r\n{GOOD}\r\n0\r\n\r\n{hidden}", GOOD.len());
    for fields in [
        "content-length: 5\r\ntransfer-encoding: chunked",
        "transfer-encoding: chunked\r\ncontent-length: 5",
    ] {
        let request = format!("{START}{FIELDS}{fields}\r\n\r\n{chunks}");
        let answer = server.raw(request.as_bytes()).await;
        assert_eq!(statuses(&answer), [201], "{fields}");
        let published = server.get("/rooms/lobby/messages?limit=1").await.json();
        witness.received(&published["messages"][0]).await;
        witness.saw_nothing(fields).await;
    }
}

// 21
#[tokio::test]
async fn chunks_that_are_malformed_are_refused() {
    let server = TestServer::start();
    let mut witness = Witness::of(&server, "lobby").await;
    let length = format!("{:x}", GOOD.len());
    for (case, body) in [
        (
            "a size over 64 bits",
            format!("FFFFFFFFFFFFFFFFF\r\n{GOOD}\r\n0\r\n\r\n"),
        ),
        (
            "a size of 64 bits",
            format!("FFFFFFFFFFFFFFFF\r\n{GOOD}\r\n0\r\n\r\n"),
        ),
        (
            "a size that is no number",
            format!("zz\r\n{GOOD}\r\n0\r\n\r\n"),
        ),
        (
            "a negative size",
            format!("-{length}\r\n{GOOD}\r\n0\r\n\r\n"),
        ),
        ("no size", format!("\r\n{GOOD}\r\n0\r\n\r\n")),
        (
            "a size with 0x",
            format!("0x{length}\r\n{GOOD}\r\n0\r\n\r\n"),
        ),
        (
            "a chunk longer than its size",
            format!("5\r\n{GOOD}\r\n0\r\n\r\n"),
        ),
        (
            "another end of a chunk",
            format!("{length}\r\n{GOOD}XX0\r\n\r\n"),
        ),
        (
            "a size that ends with LF",
            format!("{length}\n{GOOD}\r\n0\r\n\r\n"),
        ),
        (
            "an extension of 20 KB",
            format!("{length};{}\r\n{GOOD}\r\n0\r\n\r\n", "x".repeat(20_000)),
        ),
        (
            "30 KB of trailers",
            format!("{length}\r\n{GOOD}\r\n0\r\n{}\r\n", "a: b\r\n".repeat(5000)),
        ),
        ("no last chunk", format!("{length}\r\n{GOOD}\r\n")),
        ("half a chunk", format!("{length}\r\n{{")),
    ] {
        let answer = Response::parse(&send_and_finish(&server, chunked(&body).as_bytes()).await);
        answer.assert_problem(400, "invalid_json");
        witness.saw_nothing(case).await;
    }
}

#[tokio::test]
async fn a_body_that_ends_early_is_refused() {
    let server = TestServer::start();
    let mut witness = Witness::of(&server, "lobby").await;
    // The part that arrived is valid, but shorter than announced.
    let request = format!(
        "{START}{FIELDS}content-length: {}\r\n\r\n{GOOD}",
        GOOD.len() + 1
    );
    let answer = Response::parse(&send_and_finish(&server, request.as_bytes()).await);
    answer.assert_problem(400, "invalid_json");
    witness.saw_nothing("a byte is missing").await;
}

// 16
#[tokio::test]
async fn a_body_without_an_end_is_cut_at_the_limit() {
    let server = TestServer::start();
    let mut witness = Witness::of(&server, "lobby").await;
    let (mut from, mut to) = server.connect().await.into_split();
    let sender = tokio::spawn(async move {
        let mut sent = to.write_all(chunked("").as_bytes()).await;
        let chunk = format!("400\r\n{}\r\n", " ".repeat(1024));
        while sent.is_ok() {
            sent = to.write_all(chunk.as_bytes()).await;
        }
    });
    let mut answer = Vec::new();
    // May end in a reset, since more bytes are on their way.
    let _ = within(from.read_to_end(&mut answer)).await;
    Response::parse(&answer).assert_problem(413, "body_too_large");
    within(sender).await.unwrap();
    witness.saw_nothing("an endless body").await;
}

// 18
#[tokio::test]
async fn a_body_that_is_too_large_gets_no_100_continue() {
    let server = TestServer::start();
    let mut witness = Witness::of(&server, "lobby").await;
    for length in [28_673, 1_000_000, 99_999_999_999_u64] {
        let request =
            format!("{START}{FIELDS}expect: 100-continue\r\ncontent-length: {length}\r\n\r\n");
        let bytes = server.raw(request.as_bytes()).await;
        assert_eq!(statuses(&bytes), [413], "no 100 before it");
        Response::parse(&bytes).assert_problem(413, "body_too_large");
        witness.saw_nothing("a body that never came").await;
    }
}

// 62
#[tokio::test]
async fn input_that_is_not_http_is_refused_or_closed() {
    let server = TestServer::start();
    let mut tls = b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03".to_vec();
    tls.extend((0..=255).cycle().take(506));
    let noise: Vec<u8> = (0..4096_u32)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    for (case, bytes) in [
        ("nothing", &b""[..]),
        ("one letter", b"P"),
        ("HTTP/0.9", b"GET /healthz\r\n"),
        ("HTTP/0.9 and a line", b"GET /healthz\r\n\r\n"),
        ("TLS", &tls),
        ("SSH", b"SSH-2.0-OpenSSH_9.2\r\n"),
        ("SMTP", b"EHLO example.org\r\n"),
        ("zeros", &[0; 100_000]),
        ("line ends", &b"\r\n".repeat(100_000)),
        ("noise", &noise),
        ("an answer", b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"),
    ] {
        let answer = statuses(&send_and_finish(&server, bytes).await);
        assert!(
            matches!(answer[..], [] | [400] | [431]),
            "{case}: {answer:?}"
        );
        alive(&server).await;
    }
    assert_eq!(server.app().hub.readers(), 0);
}
