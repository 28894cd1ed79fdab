//! Invalid bodies, names and texts: refused by their code, without effect. The
//! numbers are cases of tests/cases.md.

use std::io::Write as _;

use serde_json::json;

use super::support::{Response, TestServer};
use super::witness::Witness;

const GOOD: &str = r#"{"name":"Alice","message":"hi"}"#;
const PATH: &str = "/rooms/lobby/messages";

#[tokio::test]
async fn a_body_is_json_or_a_form_as_declared() {
    let server = TestServer::start();
    let mut witness = Witness::of(&server, "lobby").await;
    // 7, 9
    for content_type in [
        "",
        "text/html",
        "application/jsonx",
        "application/json-patch+json",
        "json",
        "text/json",
        "*/*",
        "multipart/form-data; boundary=x",
        "application/json; charset=utf-16",
        "application/json; charset=\"latin1\"",
        "application/x-www-form-urlencoded; charset=iso-8859-1",
        "\u{e9}",
    ] {
        let response = server
            .request("POST", PATH, &[("content-type", content_type)], GOOD)
            .await;
        response.assert_problem(415, "unsupported_media_type");
        witness.saw_nothing(content_type).await;
    }
    let none = server.request("POST", PATH, &[], GOOD).await;
    none.assert_problem(415, "unsupported_media_type");
    witness.saw_nothing("no type at all").await;
    // 1, 8
    for content_type in [
        "application/json",
        "application/json; charset=utf-8",
        "Application/JSON;Charset=\"UTF-8\"",
        "application/json; x=y",
    ] {
        let response = server
            .request("POST", PATH, &[("content-type", content_type)], GOOD)
            .await;
        assert_eq!(response.status, 201, "{content_type}: {response:?}");
        witness.received(&response.json()).await;
    }
}

#[tokio::test]
async fn a_json_body_is_one_object_of_the_known_fields() {
    let server = TestServer::start();
    let mut witness = Witness::of(&server, "lobby").await;
    let deep = format!(r#"{{"name":{}{}}}"#, "[".repeat(10_000), "]".repeat(10_000));
    let deeper = "{\"name\":".repeat(3000);
    for (case, body) in [
        // 10
        ("empty", ""),
        ("white space", " \r\n"),
        ("null", "null"),
        ("an array", "[]"),
        ("an array of the fields", r#"["Alice","hi",null]"#),
        ("a string", r#""x""#),
        ("a number", "1"),
        ("true", "true"),
        // 11
        ("cut short", r#"{"name":"Alice","message":"hi""#),
        ("cut in a string", r#"{"name":"Alice","message":"h"#),
        ("more after it", r#"{"name":"Alice","message":"hi"}x"#),
        (
            "two of them",
            r#"{"name":"Alice","message":"hi"}{"name":"Alice","message":"hi"}"#,
        ),
        ("a comma too many", r#"{"name":"Alice","message":"hi",}"#),
        (
            "a byte order mark",
            "\u{FEFF}{\"name\":\"Alice\",\"message\":\"hi\"}",
        ),
        ("a comment", r#"{"name":"Alice","message":"hi"/**/}"#),
        ("single quotes", "{'name':'Alice','message':'hi'}"),
        // 12
        (
            "a lone high surrogate",
            r#"{"name":"Alice","message":"\ud800"}"#,
        ),
        (
            "a lone low surrogate",
            r#"{"name":"\udc00","message":"hi"}"#,
        ),
        (
            "a raw control character",
            "{\"name\":\"Alice\",\"message\":\"a\u{1}\"}",
        ),
        (
            "a raw line feed",
            "{\"name\":\"Alice\",\"message\":\"a\nb\"}",
        ),
        // 13
        (
            "a field twice",
            r#"{"name":"Alice","name":"Bob","message":"hi"}"#,
        ),
        (
            "the same field twice",
            r#"{"name":"Alice","message":"hi","message":"hi"}"#,
        ),
        (
            "an escaped field twice",
            r#"{"name":"Alice","message":"hi","m\u0065ssage":"x"}"#,
        ),
        (
            "an unknown field",
            r#"{"name":"Alice","message":"hi","nick":"A"}"#,
        ),
        ("a field in capitals", r#"{"Name":"Alice","message":"hi"}"#),
        ("an empty field", r#"{"name":"Alice","message":"hi","":1}"#),
        // 14
        ("10,000 arrays", &deep),
        ("3,000 objects", &deeper),
        (
            "a number beyond all bounds",
            r#"{"name":1e400,"message":"hi"}"#,
        ),
        ("a number for a name", r#"{"name":1,"message":"hi"}"#),
        ("a number for a message", r#"{"name":"Alice","message":0}"#),
        (
            "a list for a message",
            r#"{"name":"Alice","message":["hi"]}"#,
        ),
        (
            "an object for an id",
            r#"{"name":"Alice","message":"hi","client_id":{}}"#,
        ),
    ] {
        let response = server
            .request("POST", PATH, &[("content-type", "application/json")], body)
            .await;
        response.assert_problem(400, "invalid_json");
        witness.saw_nothing(case).await;
    }
}

// 12
#[tokio::test]
async fn a_body_that_is_not_utf_8_is_refused() {
    let server = TestServer::start();
    let mut witness = Witness::of(&server, "lobby").await;
    for (content_type, code, before, after) in [
        (
            "application/json",
            "invalid_json",
            r#"{"name":"Alice","message":""#,
            "\"}",
        ),
        (
            "application/x-www-form-urlencoded",
            "invalid_form",
            "name=Alice&message=",
            "",
        ),
    ] {
        for bad in [
            &b"\xFF"[..],
            b"\xC3",
            b"\xC0\xAF",
            b"\xED\xA0\x80",
            b"\xF4\x90\x80\x80",
        ] {
            let body = [before.as_bytes(), bad, after.as_bytes()].concat();
            let head = format!(
                "POST {PATH} HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-type: {content_type}\r\ncontent-length: {}\r\n\r\n",
                body.len()
            );
            let bytes = server.raw(&[head.as_bytes(), &body].concat()).await;
            Response::parse(&bytes).assert_problem(400, code);
            witness.saw_nothing(code).await;
        }
    }
}

/// Posts a message to `path` with these header fields.
async fn send(server: &TestServer, path: &str, fields: &str, body: &[u8]) -> Response {
    let length = body.len();
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n{fields}content-length: {length}\r\n\r\n"
    );
    Response::parse(&server.raw(&[head.as_bytes(), body].concat()).await)
}

#[tokio::test]
async fn a_body_in_a_content_coding_is_refused_whatever_is_in_it() {
    let server = TestServer::start();
    let mut witness = Witness::of(&server, "lobby").await;
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(GOOD.as_bytes()).unwrap();
    let (gzip, form) = (gzip.finish().unwrap(), b"name=Alice&message=hi");
    for coding in [
        "gzip",
        "br",
        "identity, gzip",
        "identity\r\ncontent-encoding: x",
    ] {
        for (content_type, body) in [
            ("application/json", &*gzip),
            ("application/json", GOOD.as_bytes()),
            ("application/x-www-form-urlencoded", form),
        ] {
            let fields = format!("content-type: {content_type}\r\ncontent-encoding: {coding}\r\n");
            let refused = send(&server, PATH, &fields, body).await;
            refused.assert_problem(415, "unsupported_media_type");
            let demo = send(&server, "/send.php?name=A&message=b", &fields, body).await;
            assert_eq!(demo.text(), r#"{"code":-1,"msg":"fail"}"#);
        }
        let fields = format!("content-encoding: {coding}\r\n");
        let demo = send(&server, "/send.php?name=A&message=b", &fields, b"").await;
        assert_eq!(demo.text(), r#"{"code":-1,"msg":"fail"}"#, "{coding}");
        witness.saw_nothing(coding).await;
    }
    let identity = "content-type: application/json\r\ncontent-encoding: Identity\r\n";
    let published = send(&server, PATH, identity, GOOD.as_bytes()).await;
    assert_eq!(published.status, 201);
    witness.received(&published.json()).await;
}

#[tokio::test]
async fn headers_that_change_the_meaning_of_a_body_are_refused() {
    let server = TestServer::start();
    let mut witness = Witness::of(&server, "lobby").await;
    let json = "content-type: application/json\r\n";
    for (fields, status, code) in [
        (format!("{json}{json}"), 415, "unsupported_media_type"),
        (
            format!("{json}content-type: text/plain\r\n"),
            415,
            "unsupported_media_type",
        ),
        (
            "content-type: application/json; charset=utf-8; charset=utf-16\r\n".to_owned(),
            415,
            "unsupported_media_type",
        ),
        (
            "content-type: multipart/form-data; boundary=x\r\n".to_owned(),
            415,
            "unsupported_media_type",
        ),
        (
            format!("{json}content-range: bytes 0-30/31\r\n"),
            400,
            "invalid_request",
        ),
    ] {
        let refused = send(&server, PATH, &fields, GOOD.as_bytes()).await;
        refused.assert_problem(status, code);
        witness.saw_nothing(&fields).await;
    }
}

#[tokio::test]
async fn json_sent_as_a_form_gets_the_header_to_send() {
    let server = TestServer::start();
    let form = ("content-type", "application/x-www-form-urlencoded");
    for body in [GOOD, &format!(" \r\n{GOOD}")] {
        let refused = server.request("POST", PATH, &[form], body).await;
        refused.assert_problem(400, "invalid_form");
        let detail = refused.json()["detail"].as_str().unwrap().to_owned();
        assert!(
            detail.contains("Content-Type: application/json"),
            "{detail}"
        );
    }
}

#[tokio::test]
async fn a_form_has_the_known_fields_each_once() {
    let server = TestServer::start();
    let mut witness = Witness::of(&server, "lobby").await;
    for (form, code) in [
        ("", "invalid_name"),
        ("message=hi", "invalid_name"),
        ("name=&message=hi", "invalid_name"),
        ("name=Alice", "invalid_message"),
        ("name=Alice&message=+", "invalid_message"),
        ("name=Alice&message=hi&client_id=", "invalid_client_id"),
        ("name=Alice&message=hi&client_id=a%2Fb", "invalid_client_id"),
        ("name=Alice&message=hi&x=1", "invalid_form"),
        ("name=Alice&message=hi&message=hi", "invalid_form"),
        ("Name=Alice&message=hi", "invalid_form"),
        ("name=Alice&message=%C3", "invalid_form"),
        (GOOD, "invalid_form"),
    ] {
        let content_type = ("content-type", "application/x-www-form-urlencoded");
        let response = server.request("POST", PATH, &[content_type], form).await;
        response.assert_problem(400, code);
        witness.saw_nothing(form).await;
    }
}

// 30, 36
#[tokio::test]
async fn a_name_that_hides_or_turns_text_is_refused_here_and_on_a_stream() {
    let server = TestServer::start();
    let mut witness = Witness::of(&server, "lobby").await;
    let (long, zalgo) = ("a".repeat(33), format!("a{}", "\u{301}\u{302}".repeat(500)));
    let five_marks = "q\u{301}\u{302}\u{303}\u{304}\u{305}";
    for name in [
        "",
        " ",
        "\t\n",
        "\u{3000}",
        "\u{a0}",
        &long,
        &zalgo,
        five_marks,
        "a\0b",
        "\u{1b}[1m",
        "a\u{7f}",
        "a\u{85}\u{80}b",
        "\u{61c}a",
        "a\u{200b}b",
        "\u{200b}",
        "\u{200e}a",
        "a\u{200f}",
        "\u{202a}a",
        "\u{202e}ecila",
        "\u{2066}a",
        "a\u{2069}",
        "a\u{2060}b",
        "\u{feff}a",
    ] {
        let response = server
            .post("lobby", &json!({"name": name, "message": "hi"}))
            .await;
        response.assert_problem(400, "invalid_name");
        let encoded: String = name.bytes().map(|byte| format!("%{byte:02X}")).collect();
        for path in [
            "/rooms/lobby/events?name=",
            "/events?room=lobby&name=",
            "/sse.php?name=",
        ] {
            let stream = server.get(&format!("{path}{encoded}")).await;
            stream.assert_problem(400, "invalid_name");
        }
        witness.saw_nothing(name).await;
    }
    assert_eq!(server.get("/rooms/lobby/members").await.json()["count"], 0);
    assert_eq!(server.app().hub.readers(), 1, "only the witness");
}

// 31: there are no accounts, so no name is special.
#[tokio::test]
async fn no_name_is_reserved() {
    let server = TestServer::start();
    let mut witness = Witness::of(&server, "lobby").await;
    for name in ["admin", "system", "sse-chat", "\u{430}dmin"] {
        let published = server
            .post("lobby", &json!({"name": name, "message": "hi"}))
            .await;
        assert_eq!(
            (published.status, &published.json()["name"]),
            (201, &json!(name))
        );
        witness.received(&published.json()).await;
    }
}

#[tokio::test]
async fn a_name_is_trimmed_folded_and_composed() {
    let server = TestServer::start();
    for (sent, name) in [
        ("  Alice \t Bob ", "Alice Bob"),
        ("Ame\u{301}lie", "Am\u{e9}lie"),
        ("0", "0"),
        ("<b>", "<b>"),
        (
            "q\u{301}\u{302}\u{303}\u{304}",
            "q\u{301}\u{302}\u{303}\u{304}",
        ),
        ("\u{1F469}\u{200d}\u{1F680}", "\u{1F469}\u{200d}\u{1F680}"),
    ] {
        let published = server
            .post("lobby", &json!({"name": sent, "message": "hi"}))
            .await;
        assert_eq!(
            (published.status, published.json()["name"].as_str()),
            (201, Some(name))
        );
    }
    let longest = "\u{5b57}".repeat(32);
    let published = server
        .post("lobby", &json!({"name": longest, "message": "hi"}))
        .await;
    assert_eq!(published.json()["name"], longest);
}

// 32
#[tokio::test]
async fn an_invalid_message_is_refused() {
    let server = TestServer::start();
    let mut witness = Witness::of(&server, "lobby").await;
    let (long, wide) = ("x".repeat(4097), "\u{e9}".repeat(2049));
    for (text, status, code) in [
        ("", 400, "invalid_message"),
        (" \t\r\n\u{3000}", 400, "invalid_message"),
        ("a\0b", 400, "invalid_message"),
        ("\u{1b}[2J", 400, "invalid_message"),
        ("a\u{8}b", 400, "invalid_message"),
        ("a\u{c}b", 400, "invalid_message"),
        ("a\u{1f}b", 400, "invalid_message"),
        (&long, 413, "message_too_large"),
        (&wide, 413, "message_too_large"),
    ] {
        let response = server
            .post("lobby", &json!({"name": "Alice", "message": text}))
            .await;
        response.assert_problem(status, code);
        witness.saw_nothing(text).await;
    }
    for client_id in ["", " ", "a b", "a.b", "\u{e9}", "a\n", &"x".repeat(65)] {
        let body = json!({"name": "Alice", "message": "hi", "client_id": client_id});
        server
            .post("lobby", &body)
            .await
            .assert_problem(400, "invalid_client_id");
        witness.saw_nothing(client_id).await;
    }
}

// 32
#[tokio::test]
async fn a_message_may_have_as_many_bytes_as_the_limit_however_it_is_escaped() {
    let server = TestServer::start();
    let text = "\u{e9}".repeat(2048);
    assert_eq!(server.publish("lobby", &text).await["message"], text);
    assert_eq!(
        server.publish("lobby", &format!("{text} \r\n")).await["message"],
        text
    );
    // Every byte as `\u00XX` makes the body six times as long.
    let escaped = format!(
        r#"{{"name":"Alice","message":"{}"}}"#,
        r"\u0041".repeat(4096)
    );
    let published = server
        .request(
            "POST",
            PATH,
            &[("content-type", "application/json")],
            &escaped,
        )
        .await;
    assert_eq!(published.status, 201, "{published:?}");
    assert_eq!(published.json()["message"], "A".repeat(4096));
    let small = TestServer::start_with(|config| config.max_message_bytes = 3);
    small.publish("lobby", "abc").await;
    small
        .post("lobby", &json!({"name": "Alice", "message": "abcd"}))
        .await
        .assert_problem(413, "message_too_large");
}
