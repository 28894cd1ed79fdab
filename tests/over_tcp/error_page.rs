//! Refusals as pages for browsers, and the links on them.

use std::num::NonZeroU32;
use std::time::Duration;

use sse_chat::config::Rate;

use super::support::{Response, TestServer};
use super::witness::assert_nosniff;

/// The headers of Chromium when it opens an address.
const BROWSER: (&str, &str) = (
    "accept",
    "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
);

async fn open(server: &TestServer, path: &str) -> Response {
    server.request("GET", path, &[BROWSER], "").await
}

/// Checks that it is an error page with this code; returns its text.
#[track_caller]
fn assert_page(answer: &Response, status: u16, code: &str) -> String {
    assert_eq!(answer.status, status, "{answer:?}");
    for (name, value) in [
        ("content-type", "text/html; charset=utf-8"),
        ("cache-control", "no-store"),
        ("vary", "accept, accept-language"),
        ("referrer-policy", "no-referrer"),
    ] {
        assert_eq!(answer.header(name), Some(value), "{answer:?}");
    }
    let policy = answer.header("content-security-policy").unwrap();
    assert!(policy.contains("default-src 'none'"), "{policy}");
    assert_nosniff(answer);
    let html = answer.text();
    assert!(html.contains(&format!("{status} {code}")), "{html}");
    assert!(html.starts_with("<!doctype html>") && html.ends_with("</html>\n"));
    for never in ["<script", "<style", " style=", "{{", " onclick="] {
        assert!(!html.contains(never), "{never}: {html}");
    }
    html
}

#[tokio::test]
async fn a_refusal_is_a_page_for_people_and_json_for_programs() {
    let server = TestServer::start();
    for (path, status, code) in [
        ("/r/my%20bad%20room", 400, "invalid_room"),
        ("/r/", 400, "invalid_room"),
        ("/r/%FF", 400, "invalid_room"),
        ("/r/my%20bad%20room/", 400, "invalid_room"),
        ("/r", 404, "not_found"),
        ("/r/lobby/x", 404, "not_found"),
        ("/nothing/here", 404, "not_found"),
        ("/rooms", 404, "not_found"),
        ("/assets/x", 404, "not_found"),
        ("/events", 400, "invalid_query"),
        ("/rooms/lobby/messages?limit=0", 400, "invalid_query"),
        ("/rooms/lobby/events?name=%E3%85%A4", 400, "invalid_name"),
    ] {
        assert_page(&open(&server, path).await, status, code);
        for accept in ["*/*", "application/json", "text/html;q=0.5, */*"] {
            let answer = server.request("GET", path, &[("accept", accept)], "").await;
            answer.assert_problem(status, code);
            assert_eq!(answer.header("vary"), Some("accept"), "{path} {accept}");
        }
        let answer = server.get(path).await;
        answer.assert_problem(status, code);
        assert_eq!(answer.header("vary"), Some("accept"), "{path}");
        let head = server.request("HEAD", path, &[BROWSER], "").await;
        assert_eq!((head.status, head.body.len()), (status, 0), "{path}");
    }
}

#[tokio::test]
async fn a_page_leads_to_the_default_room_from_every_depth() {
    let server = TestServer::start_with(|config| config.default_room = "Größe".to_owned());
    for (path, root) in [
        ("/nothing", "./"),
        ("/r/a%20b", "../"),
        ("/r/a/b", "../../"),
        ("/rooms/a/b/c", "../../../"),
    ] {
        let html = assert_any_page(&open(&server, path).await);
        let home = format!("<a href=\"{root}\">Go to the room Größe</a>");
        assert!(html.contains(&home), "{path}: {html}");
        for file in ["assets/error.css", "assets/icon.svg"] {
            assert!(html.contains(&format!("href=\"{root}{file}\"")), "{html}");
            let file = server.get(&format!("/{file}")).await;
            assert_eq!(file.status, 200);
        }
    }
    let deep = open(&server, &"/".repeat(4_000)).await;
    assert!(deep.body.len() < 4_096, "{}", deep.body.len());
}

fn assert_any_page(answer: &Response) -> String {
    let html = answer.header("content-type") == Some("text/html; charset=utf-8");
    assert!(html, "{answer:?}");
    answer.text()
}

#[tokio::test]
async fn a_page_speaks_the_language_of_its_reader() {
    let server = TestServer::start();
    for (language, tag, word) in [
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh-CN", "进入房间 lobby"),
        ("en-US,en;q=0.9,zh;q=0.8", "en", "Go to the room lobby"),
        ("fr", "en", "Go to the room lobby"),
    ] {
        let headers = [BROWSER, ("accept-language", language)];
        let answer = server.request("GET", "/r/a%20b", &headers, "").await;
        let html = assert_page(&answer, 400, "invalid_room");
        assert!(html.contains(&format!("<html lang=\"{tag}\">")), "{html}");
        assert!(html.contains(word), "{html}");
    }
}

#[tokio::test]
async fn other_refusals_that_a_browser_meets_are_pages() {
    let server = TestServer::start_with(|config| {
        config.limits.publish_rate = Some(Rate {
            count: NonZeroU32::MIN,
            per: Duration::from_secs(3600),
        });
        config.limits.publish_burst = NonZeroU32::MIN;
        config.limits.limit_loopback = true;
    });
    let foreign = format!(
        "GET / HTTP/1.1\r\nhost: evil.example\r\naccept: {}\r\nconnection: close\r\n\r\n",
        BROWSER.1
    );
    let answer = Response::parse(&server.raw(foreign.as_bytes()).await);
    let html = assert_page(&answer, 403, "cross_origin");
    assert!(!html.contains("<a "), "nothing leads on from there: {html}");

    let answer = server.request("POST", "/r/lobby", &[BROWSER], "").await;
    assert_page(&answer, 405, "method_not_allowed");
    assert_eq!(answer.header("allow"), Some("GET, HEAD, OPTIONS"));

    // A form on a page of another origin.
    let form = [
        BROWSER,
        ("content-type", "application/x-www-form-urlencoded"),
    ];
    let path = "/rooms/lobby/messages";
    let first = server
        .request("POST", path, &form, "name=a&message=b")
        .await;
    assert_eq!(first.status, 201);
    let second = server
        .request("POST", path, &form, "name=a&message=b")
        .await;
    let html = assert_page(&second, 429, "rate_limited");
    let seconds = second.header("retry-after").unwrap();
    let again = format!("<a href=\"\">Try again in {seconds} seconds</a>");
    assert!(html.contains(&again), "{html}");
}

#[tokio::test]
async fn a_room_s_address_with_a_slash_at_its_end_leads_to_the_room() {
    let server = TestServer::start();
    for (path, location) in [
        ("/r/lobby/", "../lobby"),
        ("/r/Caf%C3%A9/", "../Caf%C3%A9"),
        ("/r/Cafe%CC%81/", "../Caf%C3%A9"),
        ("/r/%6Cobby/", "../lobby"),
        ("/r/a.b-c_d/", "../a.b-c_d"),
        (
            "/r/lobby/?shared=0&x=%0D%0Ay",
            "../lobby?shared=0&x=%0D%0Ay",
        ),
        ("/r/lobby/?", "../lobby?"),
    ] {
        for accept in [BROWSER, ("accept", "*/*")] {
            let answer = server.request("GET", path, &[accept], "").await;
            assert_eq!(answer.status, 308, "{path}");
            assert_eq!(answer.header("location"), Some(location), "{path}");
            assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
            assert_eq!(answer.header("x-robots-tag"), Some("noindex"));
        }
        // From `/r/lobby/`, `..` is the folder `/r/`.
        let to = location.strip_prefix("..").unwrap();
        assert_eq!(server.get(&format!("/r{to}")).await.status, 200, "{to}");
    }
    let head = server.request("HEAD", "/r/lobby/", &[], "").await;
    assert_eq!(head.status, 308);
    let post = server.request("POST", "/r/lobby/", &[], "").await;
    post.assert_problem(405, "method_not_allowed");
}

#[tokio::test]
async fn addresses_with_a_room_name_are_not_indexed() {
    let server = TestServer::start();
    server.publish("secret", "hi").await;
    for path in [
        "/r/secret",
        "/r/secret/",
        "/rooms/secret/messages",
        "/rooms/secret/members",
        "/nothing",
        "/r/a%20b",
    ] {
        for accept in [BROWSER, ("accept", "*/*")] {
            for method in ["GET", "HEAD"] {
                let answer = server.request(method, path, &[accept], "").await;
                let tag = answer.header("x-robots-tag");
                assert_eq!(tag, Some("noindex"), "{method} {path}");
            }
        }
    }
    let page = server.get("/r/secret").await;
    let tag = ("if-none-match", page.header("etag").unwrap());
    let known = server.request("GET", "/r/secret", &[tag], "").await;
    assert_eq!(known.status, 304);
    assert_eq!(known.header("x-robots-tag"), Some("noindex"));
    // A crawler that may not fetch a page never sees that it must not list it.
    server
        .get("/robots.txt")
        .await
        .assert_problem(404, "not_found");
    for path in ["/", "/assets/start.js", "/healthz"] {
        assert_eq!(
            server.get(path).await.header("x-robots-tag"),
            None,
            "{path}"
        );
    }
}

#[tokio::test]
async fn no_page_leaks_its_room_to_another_site() {
    let server = TestServer::start();
    for path in ["/", "/r/secret", "/r/secret/", "/r/a%20b", "/nothing"] {
        let answer = open(&server, path).await;
        assert_eq!(
            answer.header("referrer-policy"),
            Some("no-referrer"),
            "{path}"
        );
    }
}
