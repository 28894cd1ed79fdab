//! Access rules: hosts, origins, proxies. The numbers are cases of
//! tests/cases.md.

use std::num::NonZeroU32;
use std::time::Duration;

use serde_json::json;
use sse_chat::config::{ForwardedHeader, Origin, Rate};

use super::support::{Response, TestServer};
use super::witness::Witness;

const HI: &str = r#"{"name":"Alice","message":"hi"}"#;
const JSON: (&str, &str) = ("content-type", "application/json");
const MESSAGES: &str = "/rooms/lobby/messages";
const EVENTS: &str = "/rooms/lobby/events";

async fn ask(server: &TestServer, host: &str, path: &str) -> Response {
    let request = format!("GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
    Response::parse(&server.raw(request.as_bytes()).await)
}

// 23
#[tokio::test]
async fn at_loopback_the_server_refuses_foreign_host_names() {
    let server = TestServer::start_with(|config| {
        config.access.allowed_hosts = vec!["chat.example".to_owned()];
    });
    let mut witness = Witness::of(&server, "lobby").await;
    for host in [
        "evil.example",
        "evil.example:8080",
        "localhost.evil.example",
        "chat.example.evil.example",
        "192.0.2.1",
        "[2001:db8::1]",
    ] {
        for path in [
            "/",
            MESSAGES,
            EVENTS,
            "/rooms/lobby/members",
            "/send.php?name=a&message=b",
        ] {
            let answer = ask(&server, host, path).await;
            answer.assert_problem(403, "cross_origin");
            assert!(!answer.text().contains("evil"), "{answer:?}");
        }
        let post = format!(
            "POST {MESSAGES} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{HI}",
            HI.len()
        );
        let answer = Response::parse(&server.raw(post.as_bytes()).await);
        answer.assert_problem(403, "cross_origin");
        witness.saw_nothing(host).await;
    }
    for host in [
        "localhost",
        "LOCALHOST:8080",
        "chat.localhost",
        "127.0.0.1",
        "127.1.2.3:80",
        "[::1]:8080",
        "chat.example",
        "Chat.Example:8443",
        "chat.example.",
    ] {
        assert_eq!(ask(&server, host, MESSAGES).await.status, 200, "{host}");
    }
    // Health probes may use any name.
    assert_eq!(ask(&server, "10.1.2.3:8080", "/healthz").await.text(), "ok");
    // 24: the host of an absolute target is checked as well.
    let target = format!("http://evil.example{MESSAGES}");
    ask(&server, "localhost", &target)
        .await
        .assert_problem(403, "cross_origin");
}

// 37
#[tokio::test]
async fn a_page_of_another_origin_writes_nothing() {
    let server = TestServer::start();
    let mut witness = Witness::of(&server, "lobby").await;
    let foreign: [&[(&str, &str)]; 6] = [
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-site"), ("origin", "http://a:81")],
        &[("origin", "https://evil.example")],
        &[("origin", "null")],
        &[("origin", "http://127.0.0.1:1")],
        &[("referer", "https://evil.example/page")],
    ];
    for fields in foreign {
        let mut with_type = fields.to_vec();
        with_type.push(JSON);
        let answer = server.request("POST", MESSAGES, &with_type, HI).await;
        answer.assert_problem(403, "cross_origin");
        for method in ["GET", "POST"] {
            let demo = server
                .request(method, "/send.php?name=a&message=b", fields, "")
                .await;
            assert_eq!(demo.json(), json!({"code": -1, "msg": "fail"}));
        }
        witness.saw_nothing(&format!("{fields:?}")).await;
    }
    let ahead = [("sec-fetch-site", "none"), ("sec-purpose", "prefetch")];
    let demo = server
        .request("GET", "/send.php?name=a&message=b", &ahead, "")
        .await;
    assert_eq!(demo.json(), json!({"code": -1, "msg": "fail"}));
    witness.saw_nothing("what is only fetched ahead").await;
}

// 38
#[tokio::test]
async fn pages_of_this_server_and_programs_may_write() {
    let server = TestServer::start();
    let own = format!("http://{}", server.address());
    let fields: [&[(&str, &str)]; 4] = [
        &[],
        &[("sec-fetch-site", "same-origin"), ("origin", &own)],
        &[("origin", &own)],
        &[("sec-fetch-site", "none")],
    ];
    for fields in fields {
        let mut with_type = fields.to_vec();
        with_type.push(JSON);
        let answer = server.request("POST", MESSAGES, &with_type, HI).await;
        assert_eq!(answer.status, 201, "{fields:?}");
        let demo = server
            .request("GET", "/send.php?name=a&message=b", fields, "")
            .await;
        assert_eq!(demo.json()["code"], 0, "{fields:?}");
    }
}

fn cors(answer: &Response) -> Vec<(&str, &str)> {
    // A refusal also varies by `Accept`, which has nothing to do with origins.
    let of_cors = |name: &str, value: &str| {
        name.starts_with("access-control-") || name == "vary" && value != "accept"
    };
    let mut fields: Vec<(&str, &str)> = answer
        .headers
        .iter()
        .filter(|(name, value)| of_cors(name, value))
        .map(|(name, value)| (&**name, &**value))
        .collect();
    fields.sort_unstable();
    fields
}

// 39, 40
#[tokio::test]
async fn another_origin_reads_only_if_it_is_allowed() {
    let server = TestServer::start_with(|config| {
        config.access.allowed_origins = vec![Origin::parse("https://app.example").unwrap()];
    });
    let from = |origin: &'static str| [("origin", origin), ("sec-fetch-site", "cross-site")];
    let allowed = [
        ("access-control-allow-credentials", "true"),
        ("access-control-allow-origin", "https://app.example"),
        ("access-control-expose-headers", "retry-after"),
        ("vary", "origin"),
    ];
    let mut reader = server
        .events_with(EVENTS, &from("https://app.example"))
        .await;
    assert_eq!(cors(&reader.head), allowed);
    reader.expect("hello").await;
    for path in [MESSAGES, "/rooms/a%20b/messages", "/healthz"] {
        let answer = server
            .request("GET", path, &from("https://app.example"), "")
            .await;
        assert_eq!(cors(&answer), allowed, "{path}");
        for origin in ["https://other.example", "http://app.example", "null"] {
            let answer = server.request("GET", path, &from(origin), "").await;
            assert_eq!(cors(&answer), [("vary", "origin")], "{path} {origin}");
        }
    }
    let answer = server.request("GET", MESSAGES, &[], "").await;
    assert_eq!(cors(&answer), [("vary", "origin")]);
    // It may write as well.
    let mut fields = from("https://app.example").to_vec();
    fields.push(JSON);
    let published = server.request("POST", MESSAGES, &fields, HI).await;
    assert_eq!(published.status, 201);
    assert_eq!(reader.expect("update").await.data, published.json());
}

#[tokio::test]
async fn a_preflight_lists_the_allowed_methods_and_headers() {
    let server = TestServer::start_with(|config| {
        config.access.allowed_origins = vec![Origin::parse("https://app.example").unwrap()];
        config.access.any_origin_reads = true;
    });
    let preflight = |origin: &'static str, path: &'static str| {
        let fields = [
            ("origin", origin),
            ("access-control-request-method", "POST"),
            (
                "access-control-request-headers",
                "content-type,last-event-id",
            ),
        ];
        let server = &server;
        async move { server.request("OPTIONS", path, &fields, "").await }
    };
    let answer = preflight("https://app.example", MESSAGES).await;
    assert_eq!(answer.status, 204);
    let field = |answer: &Response, name: &str| answer.header(name).map(str::to_owned);
    let methods = "access-control-allow-methods";
    assert_eq!(
        field(&answer, methods).as_deref(),
        Some("GET, HEAD, POST, OPTIONS")
    );
    let headers = field(&answer, "access-control-allow-headers").unwrap();
    assert!(headers.contains("last-event-id") && headers.contains("content-type"));
    assert_eq!(answer.header("access-control-max-age"), Some("7200"));
    // Every origin may read; this one may write as well.
    let answer = preflight("https://other.example", MESSAGES).await;
    assert_eq!(
        field(&answer, methods).as_deref(),
        Some("GET, HEAD, OPTIONS")
    );
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    assert_eq!(answer.header("access-control-allow-credentials"), None);
    let fields = [("origin", "https://other.example"), JSON];
    server
        .request("POST", MESSAGES, &fields, HI)
        .await
        .assert_problem(403, "cross_origin");
    let fields = [("origin", "https://other.example")];
    let reader = server.events_with(EVENTS, &fields).await;
    assert_eq!(reader.head.header("access-control-allow-origin"), Some("*"));
}

// 73, 74
#[tokio::test]
async fn only_a_trusted_proxy_may_forward_client_addresses() {
    let one_each = |config: &mut sse_chat::config::Config| {
        config.limits.publish_burst = NonZeroU32::MIN;
        config.limits.publish_rate = Some(Rate {
            count: NonZeroU32::MIN,
            per: Duration::from_secs(3600),
        });
        config.limits.limit_loopback = true;
    };
    let publish = async |server: &TestServer, name: &str, value: &str| {
        let fields = [JSON, (name, value)];
        server.request("POST", MESSAGES, &fields, HI).await.status
    };

    // No proxy is trusted: all of these count as this machine.
    let server = TestServer::start_with(one_each);
    assert_eq!(publish(&server, "x-forwarded-for", "192.0.2.1").await, 201);
    assert_eq!(publish(&server, "x-forwarded-for", "192.0.2.2").await, 429);

    let server = TestServer::start_with(|config| {
        one_each(config);
        config.access.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()];
    });
    let long = "192.0.2.9,".repeat(1000);
    for (value, status) in [
        ("192.0.2.1", 201),
        ("192.0.2.1", 429),
        // The client itself wrote the left part.
        ("203.0.113.7, 192.0.2.1", 429),
        ("192.0.2.1, 127.0.0.1", 429),
        ("192.0.2.2", 201),
        // All malformed addresses share one limit.
        ("garbage", 201),
        ("192.0.2.3, garbage", 429),
        ("192.0.2.3%eth0", 429),
        (&long, 429),
    ] {
        assert_eq!(
            publish(&server, "x-forwarded-for", value).await,
            status,
            "{value}"
        );
    }
    // The client may write the other header: this counts as the proxy.
    assert_eq!(publish(&server, "forwarded", "for=192.0.2.77").await, 201);
    assert_eq!(publish(&server, "forwarded", "for=192.0.2.78").await, 429);

    let server = TestServer::start_with(|config| {
        one_each(config);
        config.access.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()];
        config.access.forwarded_header = ForwardedHeader::Forwarded;
    });
    assert_eq!(publish(&server, "forwarded", "for=192.0.2.1").await, 201);
    assert_eq!(
        publish(&server, "forwarded", "for=\"192.0.2.1:80\";proto=https").await,
        429
    );
    assert_eq!(publish(&server, "forwarded", "for=192.0.2.2").await, 201);
    assert_eq!(publish(&server, "x-forwarded-for", "192.0.2.77").await, 201);
    assert_eq!(publish(&server, "x-forwarded-for", "192.0.2.78").await, 429);
}
