//! The operator's own page, from `--assets-dir`.

use std::fs;
use std::path::PathBuf;

use sse_chat::config::Config;

use super::limits::{behind_a_proxy, of, takes_a_byte};
use super::support::{TestServer, within};

/// A folder that is removed with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("sse-chat-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn serve(&self) -> TestServer {
        self.serve_with(|_| {})
    }

    fn serve_with(&self, change: impl FnOnce(&mut Config)) -> TestServer {
        TestServer::start_with(|config| {
            config.assets_dir = Some(self.0.clone());
            change(config);
        })
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[tokio::test]
async fn its_files_replace_the_embedded_ones() {
    let folder = Folder::new("own-page");
    folder.write(
        "index.html",
        r#"<script src="{{assets}}own.js"></script><a href="{{root}}">home</a>"#,
    );
    folder.write("own.js", "// mine\n");
    folder.write("fonts/页.woff2", "font");
    let server = folder.serve();
    assert_eq!(
        server.get("/").await.text(),
        r#"<script src="./assets/live/own.js"></script><a href="./">home</a>"#
    );
    assert_eq!(
        server.get("/r/lobby").await.text(),
        r#"<script src="../assets/live/own.js"></script><a href="../">home</a>"#
    );
    for path in ["/assets/live/own.js", "/assets/own.js"] {
        let script = server.get(path).await;
        assert_eq!(script.text(), "// mine\n");
        assert_eq!(script.header("cache-control"), Some("no-cache"));
        assert_eq!(
            script.header("content-type"),
            Some("text/javascript; charset=utf-8")
        );
        assert!(script.header("content-security-policy").is_some());
    }
    let font = server.get("/assets/live/fonts/%E9%A1%B5.woff2").await;
    assert_eq!(
        (font.status, font.header("content-type")),
        (200, Some("font/woff2"))
    );
    // None of the embedded files, except the settings.
    server
        .get("/assets/start.js")
        .await
        .assert_problem(404, "not_found");
    assert_eq!(server.get("/assets/settings.json").await.status, 200);
}

#[tokio::test]
async fn a_reload_shows_an_edit() {
    let folder = Folder::new("edited");
    folder.write("index.html", "one");
    folder.write("a.js", "1");
    let server = folder.serve();
    let before = server.get("/assets/a.js").await;
    let tag = before.header("etag").unwrap();
    let known = [("if-none-match", tag)];
    assert_eq!(
        server
            .request("GET", "/assets/a.js", &known, "")
            .await
            .status,
        304
    );
    folder.write("index.html", "two");
    folder.write("a.js", "2");
    assert_eq!(server.get("/").await.text(), "two");
    let after = server.request("GET", "/assets/a.js", &known, "").await;
    assert_eq!((after.status, after.text()), (200, "2".to_owned()));
    fs::remove_file(folder.0.join("a.js")).unwrap();
    server
        .get("/assets/a.js")
        .await
        .assert_problem(404, "not_found");
}

#[tokio::test]
async fn nothing_but_its_files_is_reached() {
    let outside = Folder::new("outside");
    outside.write("secret", "secret");
    let name = outside.0.file_name().unwrap().to_str().unwrap().to_owned();
    let folder = Folder::new("inside");
    folder.write("index.html", "page");
    folder.write(".hidden", "hidden");
    folder.write("sub/file", "file");
    // A limit far above the files of a page.
    fs::File::create(folder.0.join("huge"))
        .unwrap()
        .set_len((16 << 20) + 1)
        .unwrap();
    let server = folder.serve();
    for path in [
        format!("/assets/../{name}/secret"),
        format!("/assets/%2e%2e/{name}/secret"),
        format!("/assets/..%2f{name}%2fsecret"),
        format!("/assets/live/..%2f{name}%2fsecret"),
        format!("/assets/live/sub/../../../{name}/secret"),
        "/assets//etc/hostname".to_owned(),
        "/assets/%2fetc%2fhostname".to_owned(),
        "/assets/.hidden".to_owned(),
        "/assets/sub".to_owned(),
        "/assets/sub/".to_owned(),
        "/assets/sub/file/x".to_owned(),
        "/assets/sub%2ffile".to_owned(),
        "/assets/huge".to_owned(),
        "/assets/index.html".to_owned(),
        format!("/assets/{}", "a".repeat(300)),
    ] {
        server.get(&path).await.assert_problem(404, "not_found");
    }
    assert_eq!(server.get("/assets/sub/file").await.text(), "file");
}

/// The file is larger than a socket's buffers, so its request is in flight until
/// the client has read it.
#[tokio::test]
async fn an_address_has_a_limit_of_files_in_flight_through_a_proxy() {
    let folder = Folder::new("slow-files");
    folder.write("index.html", "");
    folder.write("large.txt", &"x".repeat(4 << 20));
    folder.write("small.txt", "x");
    let server = folder.serve_with(|config| {
        behind_a_proxy(config);
        config.limits.max_connections_per_address = 2;
        config.limits.send_buffer = 4096;
    });
    let who = "x-forwarded-for: 192.0.2.1\r\n";
    let slow = [
        takes_a_byte(&server, "/assets/large.txt", who).await,
        takes_a_byte(&server, "/assets/large.txt", who).await,
    ];
    let ask = async |path: &str, address: &str| {
        let fields = of(address);
        server.request("GET", path, &fields, "").await
    };
    let refused = ask("/assets/small.txt", "192.0.2.1").await;
    refused.assert_problem(429, "rate_limited");
    assert_eq!(ask("/assets/small.txt", "192.0.2.2").await.status, 200);
    drop(slow);
    within(async { while ask("/assets/large.txt", "192.0.2.1").await.status != 200 {} }).await;
    for _ in 0..3 {
        assert_eq!(ask("/assets/small.txt", "192.0.2.1").await.status, 200);
    }
}
