//! The chat page and its files as a browser gets them.

use super::support::{Response, TestServer};
use super::witness::assert_nosniff;

const INDEX: &str = include_str!("../../assets/index.html");
const ASSETS: [(&str, &str, &str); 3] = [
    (
        "/assets/chat.js",
        "text/javascript; charset=utf-8",
        include_str!("../../assets/chat.js"),
    ),
    (
        "/assets/chat.css",
        "text/css; charset=utf-8",
        include_str!("../../assets/chat.css"),
    ),
    (
        "/assets/icon.svg",
        "image/svg+xml",
        include_str!("../../assets/icon.svg"),
    ),
];

async fn asked_with(server: &TestServer, path: &str, tags: &[&str]) -> Response {
    let headers: Vec<_> = tags.iter().map(|&tag| ("if-none-match", tag)).collect();
    server.request("GET", path, &headers, "").await
}

#[tokio::test]
async fn the_page_is_the_same_for_every_room() {
    let server = TestServer::start();
    let home = server.get("/").await;
    assert_eq!(home.status, 200);
    assert_eq!(
        home.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    assert_nosniff(&home);
    for path in [
        "/r/lobby",
        "/r/Caf%C3%A9",
        "/r/%E8%81%8A%E5%A4%A9%E5%AE%A4",
        "/?x=y",
        "/r/a.b-c_d",
    ] {
        let page = server.get(path).await;
        assert_eq!((page.status, &page.body), (200, &home.body), "{path}");
    }
}

#[tokio::test]
async fn the_default_room_stands_in_the_page() {
    for room in ["lobby", "Größe"] {
        let server = TestServer::start_with(|config| config.default_room = room.to_owned());
        let page = server.get("/").await.text();
        assert!(page.contains(&format!(r#"content="{room}""#)), "{page}");
        assert!(!page.contains("{{"), "{page}");
        assert_eq!(page, INDEX.replace("{{default-room}}", room));
    }
}

#[tokio::test]
async fn a_room_that_is_none_has_no_page() {
    let server = TestServer::start();
    let long = format!("/r/{}", "a".repeat(65));
    for path in [
        "/r/",
        "/r/a%20b",
        "/r/..",
        "/r/%2e",
        "/r/%00",
        "/r/%FF",
        "/r/%3Cscript%3E",
        "/r/a%2Fb",
        &long,
    ] {
        server.get(path).await.assert_problem(400, "invalid_room");
    }
    for path in ["/r", "/r/a/b", "/R/lobby", "/index.html"] {
        server.get(path).await.assert_problem(404, "not_found");
    }
}

#[tokio::test]
async fn the_files_of_the_page_are_served_as_what_they_are() {
    let server = TestServer::start();
    for (path, content_type, text) in ASSETS {
        let file = server.get(path).await;
        assert_eq!(
            (file.status, file.header("content-type")),
            (200, Some(content_type))
        );
        assert_eq!(file.text(), text, "{path}");
        assert_eq!(
            file.header("content-length"),
            Some(&*text.len().to_string())
        );
        assert_nosniff(&file);
    }
    for path in [
        "/assets/",
        "/assets/index.html",
        "/assets/x",
        "/assets/chat.js/",
        "/assets/CHAT.JS",
        "/assets/%63hat.js%00",
        "/assets",
    ] {
        server.get(path).await.assert_problem(404, "not_found");
    }
}

#[tokio::test]
async fn the_page_asks_for_nothing_but_what_is_there() {
    let server = TestServer::start();
    let page = server.get("/").await.text();
    let paths: Vec<&str> = page
        .split('"')
        .filter(|text| text.starts_with('/'))
        .collect();
    assert!(paths.contains(&"/assets/chat.js"), "{page}");
    for path in paths {
        assert_eq!(server.get(path).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn no_script_runs_but_our_own_file() {
    let server = TestServer::start();
    for path in ["/", "/r/lobby", "/assets/chat.js", "/assets/icon.svg"] {
        let page = server.get(path).await;
        let policy = page.header("content-security-policy").unwrap();
        let directives: Vec<&str> = policy.split("; ").collect();
        for directive in [
            "default-src 'none'",
            "script-src 'self'",
            "connect-src 'self'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        ] {
            assert!(directives.contains(&directive), "{path}: {policy}");
        }
        assert!(
            !policy.contains("unsafe") && !policy.contains('*'),
            "{policy}"
        );
        assert_eq!(page.header("referrer-policy"), Some("no-referrer"));
    }
    // The policy would stop these, and the page would not work.
    let page = server.get("/").await.text();
    for script in page.split("<script").skip(1) {
        assert!(
            script.split('>').next().unwrap().contains(" src="),
            "{script}"
        );
    }
    assert!(
        !page.contains("<style") && !page.contains(" style="),
        "{page}"
    );
    assert!(
        !page.contains(" onclick=") && !page.contains(" onload="),
        "{page}"
    );
}

#[tokio::test]
async fn a_file_that_the_browser_has_is_not_sent_again() {
    let server = TestServer::start();
    for path in [
        "/",
        "/r/lobby",
        "/assets/chat.js",
        "/assets/chat.css",
        "/assets/icon.svg",
    ] {
        let file = server.get(path).await;
        let tag = file.header("etag").unwrap();
        assert!(
            tag.len() > 2 && tag.starts_with('"') && tag.ends_with('"'),
            "{tag}"
        );
        assert_eq!(
            file.header("cache-control"),
            Some("no-cache"),
            "asked for each time"
        );
        let (weak, list, spaced) = (
            format!("W/{tag}"),
            format!("\"a\", {tag}, \"b\""),
            format!(" \"a\" ,{tag}"),
        );
        for tags in [
            &[tag][..],
            &[&weak],
            &[&list],
            &[&spaced],
            &["*"],
            &["\"a\"", tag],
        ] {
            let known = asked_with(&server, path, tags).await;
            assert_eq!(
                (known.status, &*known.body),
                (304, &b""[..]),
                "{path} {tags:?}"
            );
            assert_eq!(known.header("etag"), Some(tag));
            assert_eq!(known.header("cache-control"), Some("no-cache"));
            assert!(
                matches!(known.header("content-length"), None | Some("0"))
                    || known.header("content-length") == file.header("content-length")
            );
        }
        let bare = tag.trim_matches('"');
        for tags in [
            &["\"a\""][..],
            &[bare],
            &[""],
            &["W/"],
            &["\"\""],
            &["\"*\""],
        ] {
            let sent = asked_with(&server, path, tags).await;
            assert_eq!(
                (sent.status, &sent.body),
                (200, &file.body),
                "{path} {tags:?}"
            );
        }
    }
}

#[tokio::test]
async fn different_files_have_different_tags_and_the_same_file_the_same() {
    let (one, two) = (TestServer::start(), TestServer::start());
    let other = TestServer::start_with(|config| config.default_room = "other".to_owned());
    let mut tags = std::collections::HashSet::new();
    for path in [
        "/",
        "/assets/chat.js",
        "/assets/chat.css",
        "/assets/icon.svg",
    ] {
        let tag = one.get(path).await.header("etag").unwrap().to_owned();
        assert_eq!(
            two.get(path).await.header("etag"),
            Some(&*tag),
            "a restart changes nothing"
        );
        assert!(tags.insert(tag));
    }
    let tag = other.get("/").await.header("etag").unwrap().to_owned();
    assert!(tags.insert(tag), "the page names another room");
}
