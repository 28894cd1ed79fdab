//! The cookie of a session: its attributes, where it is taken, and which pages may
//! use it.

use serde_json::json;
use sse_chat::config::{Access, Config};

use super::{JSON, SECRET, bearer, file, now, server, server_with, token, writer};
use crate::support::{Http, Response, TestServer};

const MESSAGES: &str = "/rooms/lobby/messages";
const PLAIN: &str = "sse_chat_token";
const SECURE: &str = "__Host-sse_chat_token";

async fn begin(server: &TestServer, token: &str, more: &[(&str, &str)]) -> Response {
    let bearer = bearer(token);
    let mut fields = vec![("authorization", &*bearer)];
    fields.extend(more);
    server.request("POST", "/session", &fields, "").await
}

/// The cookie's name and value, and its attributes in their order.
#[track_caller]
fn cookie_of(answer: &Response) -> (String, Vec<String>) {
    assert_eq!(answer.status, 204, "{answer:?}");
    let values = answer
        .headers
        .iter()
        .filter(|(name, _)| name == "set-cookie");
    let values: Vec<_> = values.map(|(_, value)| value).collect();
    let [value] = values[..] else {
        panic!("one cookie: {answer:?}")
    };
    let mut parts = value.split("; ").map(str::to_owned);
    (parts.next().unwrap(), parts.collect())
}

fn behind_a_proxy(config: &mut Config) {
    config.access = Access {
        trusted_proxies: vec!["127.0.0.1/32".parse().unwrap()],
        ..config.access.clone()
    };
}

#[tokio::test]
async fn a_session_sets_a_cookie_that_only_the_server_s_pages_send() {
    let server = server();
    let exp = now() + 3600;
    let token = token(json!({"rooms": {"write": ["*"]}, "exp": exp}));
    let before = now();
    let (cookie, mut attributes) = cookie_of(&begin(&server, &token, &[]).await);
    let after = now();
    assert_eq!(cookie, format!("{PLAIN}={token}"));
    let age = attributes.pop().unwrap();
    assert_eq!(attributes, ["HttpOnly", "SameSite=Strict", "Path=/"]);
    let age: u64 = age.strip_prefix("Max-Age=").unwrap().parse().unwrap();
    assert!((exp - after..=exp - before).contains(&age), "{age}");
    for method in ["GET", "HEAD"] {
        let answer = server
            .request(method, MESSAGES, &[("cookie", &cookie)], "")
            .await;
        assert_eq!(answer.status, 200);
    }
    let fields = [("cookie", &*cookie), JSON];
    let body = r#"{"name":"Ada","message":"hi"}"#;
    assert_eq!(
        server.request("POST", MESSAGES, &fields, body).await.status,
        201
    );
    let ticket = server
        .request("POST", "/tickets", &[("cookie", &cookie)], "")
        .await;
    assert_eq!(ticket.status, 201);
    // Not a cookie's own successor.
    let again = server
        .request("POST", "/session", &[("cookie", &cookie)], "")
        .await;
    again.assert_problem(401, "token_required");
    let ended = server
        .request("DELETE", "/session", &[("cookie", &cookie)], "")
        .await;
    let (cookie, attributes) = cookie_of(&ended);
    assert_eq!(cookie, format!("{PLAIN}="));
    assert_eq!(
        attributes,
        ["HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=0"]
    );
    // Also with a cookie that is not valid any more.
    let invalid = [("cookie", "sse_chat_token=a.b.c")];
    let ended = server.request("DELETE", "/session", &invalid, "").await;
    assert_eq!(cookie_of(&ended).0, format!("{PLAIN}="));
}

#[tokio::test]
async fn over_https_behind_a_trusted_proxy_the_cookie_is_of_this_host_only() {
    let server = server_with(behind_a_proxy);
    let token = writer();
    let https = ("x-forwarded-proto", "https");
    let (cookie, mut attributes) = cookie_of(&begin(&server, &token, &[https]).await);
    assert_eq!(cookie, format!("{SECURE}={token}"));
    assert!(attributes.remove(3).starts_with("Max-Age="));
    assert_eq!(
        attributes,
        ["HttpOnly", "SameSite=Strict", "Path=/", "Secure"]
    );
    let plain = format!("{PLAIN}={token}");
    for (cookie, more, status) in [
        (&cookie, Some(https), 200),
        (&cookie, Some(("x-forwarded-proto", "HTTPS")), 200),
        (&cookie, Some(("x-forwarded-proto", "http")), 401),
        (&cookie, None, 401),
        // A page over http, or of a sibling host, could have set this one.
        (&plain, Some(https), 401),
        (&plain, None, 200),
        (&plain, Some(("x-forwarded-proto", "http, https")), 200),
    ] {
        let fields: Vec<_> = [("cookie", &**cookie)].into_iter().chain(more).collect();
        let answer = server.request("GET", MESSAGES, &fields, "").await;
        assert_eq!(answer.status, status, "{fields:?}");
    }
    let ended = server.request("DELETE", "/session", &[https], "").await;
    let (cookie, attributes) = cookie_of(&ended);
    assert_eq!(cookie, format!("{SECURE}="));
    assert!(
        attributes.contains(&"Secure".to_owned()) && attributes.contains(&"Max-Age=0".to_owned())
    );
}

#[tokio::test]
async fn over_a_tls_listener_the_cookie_is_of_this_host_only() {
    for http in [Http::V1_1Tls, Http::V2Tls] {
        let server = http.start_with(|config| config.tokens.keys = vec![file("key", SECRET)]);
        let token = writer();
        // What a client claims changes nothing.
        let http = ("x-forwarded-proto", "http");
        let (cookie, attributes) = cookie_of(&begin(&server, &token, &[http]).await);
        assert_eq!(cookie, format!("{SECURE}={token}"));
        assert!(attributes.contains(&"Secure".to_owned()));
        for (name, status) in [(SECURE, 200), (PLAIN, 401)] {
            let cookie = format!("{name}={token}");
            let fields = [("cookie", &*cookie)];
            let answer = server.request("GET", MESSAGES, &fields, "").await;
            assert_eq!(answer.status, status, "{name}");
        }
    }
}

#[tokio::test]
async fn x_forwarded_proto_of_an_untrusted_client_is_ignored() {
    let server = server();
    let token = writer();
    let https = ("x-forwarded-proto", "https");
    let (cookie, attributes) = cookie_of(&begin(&server, &token, &[https]).await);
    assert_eq!(cookie, format!("{PLAIN}={token}"));
    assert!(!attributes.contains(&"Secure".to_owned()));
    let secure = format!("{SECURE}={token}");
    let fields = [https, ("cookie", &*secure)];
    let answer = server.request("GET", MESSAGES, &fields, "").await;
    answer.assert_problem(401, "token_required");
}

#[tokio::test]
async fn a_token_of_a_session_fits_into_a_cookie() {
    let server = server();
    let exp = 9_999_999_999_u64;
    let of_length = |bytes: usize| {
        let with = |padding: usize| token(json!({"exp": exp, "padding": "x".repeat(padding)}));
        let mut tokens = (2700..2850).map(with);
        tokens.find(|token| token.len() == bytes)
    };
    let begin = async |token: &str| begin(&server, token, &[]).await;
    assert_eq!(begin(&of_length(3800).unwrap()).await.status, 204);
    // The algorithm decides which lengths there are.
    let longer = [3801, 3802, 3803].map(of_length);
    assert!(longer.iter().any(Option::is_some));
    for token in longer.into_iter().flatten() {
        let answer = begin(&token).await;
        answer.assert_problem(400, "invalid_request");
        assert!(answer.header("set-cookie").is_none());
        // In the header it is still a token.
        assert_eq!(super::get_as(&server, MESSAGES, &token).await.status, 403);
    }
}

#[tokio::test]
async fn a_page_of_another_origin_neither_begins_nor_ends_nor_uses_a_session() {
    let server = server();
    let token = writer();
    let cookie = format!("{PLAIN}={token}");
    let bearer = bearer(&token);
    for foreign in [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("origin", "https://elsewhere.example"),
        ("origin", "null"),
    ] {
        for (method, path, body) in [
            ("POST", "/session", ""),
            ("DELETE", "/session", ""),
            ("POST", "/tickets", ""),
            ("POST", MESSAGES, r#"{"name":"Ada","message":"hi"}"#),
            ("GET", MESSAGES, ""),
            ("GET", "/rooms/lobby/events", ""),
            ("GET", "/send.php?name=Ada&message=hi", ""),
        ] {
            let fields = [
                foreign,
                JSON,
                ("authorization", &*bearer),
                ("cookie", &*cookie),
            ];
            let answer = server.request(method, path, &fields, body).await;
            if path.starts_with("/send.php") {
                assert_eq!(answer.json()["code"], -1);
            } else {
                answer.assert_problem(403, "cross_origin");
            }
            assert!(answer.header("set-cookie").is_none());
        }
    }
    assert_eq!(server.app().hub.totals().messages, 0);
}
