//! The chat page and its files as a browser gets them.

use super::support::{Response, TestServer};
use super::witness::assert_nosniff;

/// A file of each kind with its content type.
const FILES: [(&str, &str); 4] = [
    ("start.js", "text/javascript; charset=utf-8"),
    ("chat.css", "text/css; charset=utf-8"),
    ("icon.svg", "image/svg+xml"),
    ("manifest.webmanifest", "application/manifest+json"),
];

/// The path of the page's files: `/assets/{version}/`.
async fn versioned(server: &TestServer) -> String {
    let page = server.get("/").await.text();
    let at = page.find("./assets/").expect("the page names its files") + 1;
    let end = at + "/assets/0123456789abcdef/".len();
    page[at..end].to_owned()
}

async fn asked_with(server: &TestServer, path: &str, tags: &[&str]) -> Response {
    let headers: Vec<_> = tags.iter().map(|&tag| ("if-none-match", tag)).collect();
    server.request("GET", path, &headers, "").await
}

#[tokio::test]
async fn the_page_is_the_same_for_every_room() {
    let server = TestServer::start();
    let room = server.get("/r/lobby").await;
    assert_eq!(room.status, 200);
    assert_eq!(
        room.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    assert_nosniff(&room);
    for path in [
        "/r/Caf%C3%A9",
        "/r/%E8%81%8A%E5%A4%A9%E5%AE%A4",
        "/r/lobby?x=y",
        "/r/a.b-c_d",
    ] {
        let page = server.get(path).await;
        assert_eq!((page.status, &page.body), (200, &room.body), "{path}");
    }
    // From the root the same files are one step nearer.
    let home = server.get("/").await;
    assert_eq!(home.text(), room.text().replace("\"../", "\"./"));
    assert!(!home.text().contains("{{"), "{}", home.text());
}

#[tokio::test]
async fn the_settings_are_the_servers() {
    let server = TestServer::start();
    let settings = server.get("/assets/settings.json").await;
    assert_eq!(settings.status, 200);
    assert_eq!(settings.header("content-type"), Some("application/json"));
    assert_eq!(settings.header("cache-control"), Some("no-cache"));
    assert_eq!(
        settings.text(),
        r#"{"default_room":"lobby","max_message_bytes":4096,"tokens":false,"anonymous":"write"}"#
    );
    let other = TestServer::start_with(|config| {
        config.default_room = "Größe".to_owned();
        config.max_message_bytes = 99;
    });
    let changed = other.get("/assets/settings.json").await;
    assert_eq!(
        changed.text(),
        r#"{"default_room":"Größe","max_message_bytes":99,"tokens":false,"anonymous":"write"}"#
    );
    assert_ne!(settings.header("etag"), changed.header("etag"));
}

#[tokio::test]
async fn an_invalid_room_has_no_page() {
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
async fn the_files_of_the_page_have_their_content_types() {
    let server = TestServer::start();
    let folder = versioned(&server).await;
    for (name, content_type) in FILES {
        let file = server.get(&format!("{folder}{name}")).await;
        assert_eq!(
            (file.status, file.header("content-type")),
            (200, Some(content_type))
        );
        assert_eq!(
            file.header("content-length"),
            Some(&*file.body.len().to_string())
        );
        assert_nosniff(&file);
        let unversioned = server.get(&format!("/assets/{name}")).await;
        assert_eq!((unversioned.status, unversioned.body), (200, file.body));
    }
    let script = server.get(&format!("{folder}start.js")).await.text();
    assert!(script.contains("export const modules"), "{script}");
    for path in [
        "/assets/",
        "/assets/index.html",
        "/assets/home.html",
        "/assets/x",
        "/assets/start.js/",
        "/assets/START.JS",
        "/assets/%73tart.js%00",
        "/assets/other/start.js",
        "/assets/0123456789abcdef/",
        "/assets/0123456789abcdef/x",
        "/assets/0123456789abcdeF/start.js",
        "/assets/0123456789abcdef/0123456789abcdef/start.js",
        "/assets",
    ] {
        server.get(path).await.assert_problem(404, "not_found");
    }
}

#[tokio::test]
async fn a_file_below_its_hash_is_immutable() {
    let server = TestServer::start();
    let folder = versioned(&server).await;
    for (name, _) in FILES {
        for (path, kept) in [
            (
                format!("{folder}{name}"),
                "public, max-age=31536000, immutable",
            ),
            (format!("/assets/{name}"), "no-cache"),
            // A page of another version of the program gets the present files.
            (format!("/assets/0123456789abcdef/{name}"), "no-cache"),
        ] {
            let file = server.get(&path).await;
            assert_eq!(
                (file.status, file.header("cache-control")),
                (200, Some(kept)),
                "{path}"
            );
        }
    }
}

#[tokio::test]
async fn the_service_worker_may_control_the_whole_page() {
    const ALLOWED: &str = "service-worker-allowed";
    let server = TestServer::start();
    for method in ["GET", "HEAD"] {
        let script = asked_by(&server, method, "/assets/service_worker.js").await;
        let headers = [ALLOWED, "cache-control"].map(|name| script.header(name));
        assert_eq!(script.status, 200, "{method}");
        assert_eq!(headers, [Some("../"), Some("no-cache")], "{method}");
    }
    // Below a version, its scope would change with each version.
    for path in ["/assets/chat.js", "/assets/live/service_worker.js", "/"] {
        assert_eq!(server.get(path).await.header(ALLOWED), None, "{path}");
    }
}

async fn asked_by(server: &TestServer, method: &str, path: &str) -> Response {
    server.request(method, path, &[], "").await
}

#[tokio::test]
async fn each_encoding_of_a_file_has_the_same_content() {
    let server = TestServer::start();
    let folder = versioned(&server).await;
    for path in [
        "/".to_owned(),
        "/r/lobby".to_owned(),
        format!("{folder}start.js"),
        format!("{folder}chat.css"),
        format!("{folder}icon.svg"),
    ] {
        let plain = server.get(&path).await;
        assert_eq!(plain.header("content-encoding"), None);
        let mut tags = vec![plain.header("etag").unwrap().to_owned()];
        for (encoding, decode) in [
            ("gzip", ungzip as fn(&[u8]) -> Vec<u8>),
            ("br", unbrotli as fn(&[u8]) -> Vec<u8>),
        ] {
            let accept = [("accept-encoding", encoding)];
            let file = server.request("GET", &path, &accept, "").await;
            assert_eq!(file.header("content-encoding"), Some(encoding), "{path}");
            assert_eq!(file.header("vary"), Some("accept-encoding"));
            assert!(file.body.len() < plain.body.len(), "{path}");
            assert!(decode(&file.body) == plain.body, "{path} as {encoding}");
            tags.push(file.header("etag").unwrap().to_owned());

            let known = [accept[0], ("if-none-match", &*tags[tags.len() - 1])];
            let known = server.request("GET", &path, &known, "").await;
            assert_eq!((known.status, known.body.len()), (304, 0));
            assert_eq!(known.header("vary"), Some("accept-encoding"));
            assert_eq!(known.header("content-encoding"), None);
        }
        tags.dedup();
        assert_eq!(tags.len(), 3, "{path}: each form has a tag of its own");
    }
}

fn ungzip(bytes: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    std::io::copy(&mut flate2::read::GzDecoder::new(bytes), &mut plain).unwrap();
    plain
}

fn unbrotli(mut bytes: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    brotli::BrotliDecompress(&mut bytes, &mut plain).unwrap();
    plain
}

#[tokio::test]
async fn the_page_requests_only_existing_files() {
    let server = TestServer::start();
    for (page, steps) in [("/", "./"), ("/r/lobby", "../")] {
        let html = server.get(page).await.text();
        let paths: Vec<&str> = html
            .split('"')
            .filter(|text| text.starts_with(steps))
            .collect();
        assert!(
            paths.iter().any(|path| path.ends_with("/start.js")),
            "{html}"
        );
        for path in paths {
            let path = format!("/{}", &path[steps.len()..]);
            assert_eq!(server.get(&path).await.status, 200, "{path}");
        }
    }
}

#[tokio::test]
async fn no_script_runs_but_our_own_file() {
    let server = TestServer::start();
    // Not where it has no meaning: a first visit waits for each byte.
    for path in ["/assets/chat.css", "/assets/settings.json"] {
        let file = server.get(path).await;
        assert_eq!(file.header("content-security-policy"), None, "{path}");
    }
    for path in ["/", "/r/lobby", "/assets/start.js", "/assets/icon.svg"] {
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
    // The policy would block these, and the page would not work.
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
        "/assets/settings.json",
        "/assets/start.js",
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
    let mut tags = std::collections::HashSet::new();
    for path in [
        "/",
        "/assets/start.js",
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
}
