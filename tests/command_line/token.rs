//! `sse-chat token`: makes tokens and keys, and inspects tokens.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Output, Stdio};
use std::thread::JoinHandle;

use super::server_process::{assert_fails, program, run};

const KEYS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/tokens/test_keys/");
/// The token of RFC 7515, appendix A.1.
const EXAMPLE: &str = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

fn stdout(output: &Output) -> String {
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{error}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn path(name: &str) -> String {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    folder.join(name).to_str().unwrap().to_owned()
}

/// A new key in a file of this name.
fn new_key(name: &str) -> String {
    let path = path(name);
    fs::write(&path, stdout(&run(&["token", "--new-key"]))).unwrap();
    path
}

/// Inspects a token that comes over standard input.
fn inspect(token: &str, more: &[&str]) -> Output {
    let mut command = program();
    command.args(["token", "--inspect"]).args(more);
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    // A refusal of the usage reads nothing.
    let _ = child.stdin.take().unwrap().write_all(token.as_bytes());
    child.wait_with_output().unwrap()
}

#[track_caller]
fn assert_refused(output: &Output, why: &str) {
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{error}");
    assert!(
        error.contains("refused: ") && error.contains(why),
        "{error}"
    );
}

#[test]
fn a_new_key_makes_tokens_that_it_verifies() {
    let key = new_key("verifies");
    let token = stdout(&run(&[
        "token",
        "--key",
        &key,
        "--read",
        "lobby,team-*",
        "--write",
        "a",
        "--moderate",
        "*",
        "--name",
        " Alice ",
        "--sub",
        "7",
        "--for",
        "2h",
        "--issuer",
        "i",
        "--audience",
        "a",
    ]));
    assert_eq!(token.lines().count(), 1);
    let shown = stdout(&inspect(
        &token,
        &["--key", &key, "--issuer", "i", "--audience", "a"],
    ));
    for row in [
        r#"header    {"alg":"HS256","typ":"JWT"}"#,
        r#"claims    {"iss":"i","aud":"a","sub":"7","name":"Alice","iat":"#,
        "name      Alice\n",
        "sub       7\n",
        "read      a, lobby, team-*\n",
        "write     a\n",
        "events    no rooms\n",
        "moderate  *\n",
        "\nvalid: ",
    ] {
        assert!(shown.contains(row), "{row:?} in {shown}");
    }
    assert!(
        shown.contains(", in 2h\n") || shown.contains(", in 1h 59m 59s\n"),
        "{shown}"
    );
    let other = inspect(&token, &["--key", &key, "--issuer", "other"]);
    assert_refused(&other, "iss");
    assert_refused(&inspect(&token, &["--key", &new_key("other")]), "signature");
    assert!(stdout(&inspect(&token, &[])).contains("\nnot checked: the signature"));
    let in_argument = run(&["token", "--inspect", token.trim(), "--key", &key]);
    assert!(stdout(&in_argument).contains("\nvalid: "));
}

#[test]
fn tokens_are_made_by_private_keys_and_verified_by_public_ones() {
    for name in ["p256", "rsa", "ed25519"] {
        let (private, public) = (format!("{KEYS}{name}.pem"), format!("{KEYS}{name}.pub.pem"));
        let token = stdout(&run(&["token", "--key", &private, "--events", "a"]));
        let shown = stdout(&inspect(&token, &["--key", &public]));
        assert!(shown.contains("events    a\n"), "{shown}");
        let refused = run(&["token", "--key", &public, "--events", "a"]);
        assert_fails(&refused, 1, &["--key", &public, "private key"]);
        assert_fails(
            &run(&["--token-key", &private]),
            1,
            &["--token-key", "private key"],
        );
    }
}

#[test]
fn an_inspected_token_says_why_it_is_refused() {
    assert_refused(&inspect(EXAMPLE, &[]), "expired");
    assert_refused(&inspect(&EXAMPLE[1..], &[]), "base64url");
    assert_refused(&inspect("", &[]), "three parts");
    assert_refused(&inspect(&"a".repeat(100_000), &[]), "8192");
    let shown = String::from_utf8(inspect(EXAMPLE, &[]).stdout).unwrap();
    // The line breaks of the example do not break the row.
    assert!(
        shown.contains(r#"claims    {"iss":"joe",\u000d\u000a "exp":1300819380"#),
        "{shown}"
    );
    assert!(
        shown.contains("expires   2011-03-22T18:43:00Z, "),
        "{shown}"
    );
}

#[test]
fn two_new_keys_differ() {
    let keys = [(), ()].map(|()| stdout(&run(&["token", "--new-key"])));
    assert_ne!(keys[0], keys[1]);
    for key in keys {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
        assert!(
            key.len() == 44 && key.trim_end().chars().all(plain),
            "{key}"
        );
    }
}

#[test]
fn wrong_usage_is_reported_in_one_line() {
    let key = new_key("usage");
    for (args, why) in [
        (&["--read", "a b"][..], "prefix"),
        (&["--read", ""], "prefix"),
        (&["--write", "a**"], "prefix"),
        (&["--read", "a", "--for", "0s"], "1s"),
        (&["--read", "a", "--for", "soon"], "15s"),
        (&["--read", "a", "--sub", ""], "256"),
        (&["--read", "a", "--name", "a\u{202E}"], "name"),
        (&["--read", "a", "--key", &key], "one key"),
        (&[], "--read"),
    ] {
        let output = run(&[&["token", "--key", &key], args].concat());
        assert_fails(&output, 2, &[why]);
    }
    for args in [
        &["token"][..],
        &["token", "--read", "a"],
        &["token", "--inspect", "--read", "a"],
        &["token", "--new-key", "--read", "a"],
        &["token", "--key", &key, "--read", "a", "--jwks", "a"],
        &["token", "--inspect", "--issuer", "a"],
    ] {
        assert_eq!(run(args).status.code(), Some(2), "{args:?}");
    }
    let short = path("short");
    fs::write(&short, "short\n").unwrap();
    let output = run(&["token", "--key", &short, "--read", "a"]);
    assert_fails(&output, 1, &["--key", "32 bytes", "--new-key"]);
    let rooms: Vec<_> = (0..2000).map(|room| room.to_string()).collect();
    let output = run(&["token", "--key", &key, "--read", &rooms.join(",")]);
    assert_fails(&output, 1, &["8192"]);
}

/// Answers one request, and returns its head.
fn serve_once(response: String) -> (String, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/keys.json?v=1", listener.local_addr().unwrap());
    let served = std::thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        let mut head = String::new();
        let mut lines = BufReader::new(client.try_clone().unwrap());
        while !head.ends_with("\r\n\r\n") {
            assert_ne!(lines.read_line(&mut head).unwrap(), 0, "{head}");
        }
        // A client that has read enough closes.
        let _ = client.write_all(response.as_bytes());
        head
    });
    (url, served)
}

#[test]
fn a_key_set_is_read_from_a_file_or_a_url() {
    // The key of RFC 7515, appendix A.3, and its token.
    let set = r#"{"keys":[{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}"#;
    let token = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
    let answer = |status: &str, body: &str| {
        let length = body.len();
        format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\n\r\n{body}")
    };
    let file = path("keys.json");
    fs::write(&file, set).unwrap();
    // The signature is right: the token is refused only because it has expired.
    assert_refused(&inspect(token, &["--jwks", &file]), "expired");
    let (url, served) = serve_once(answer("200 OK", set));
    assert_refused(&inspect(token, &["--jwks", &url]), "expired");
    assert!(
        served
            .join()
            .unwrap()
            .starts_with("GET /keys.json?v=1 HTTP/1.1\r\n")
    );
    let long = format!("{set}{}", " ".repeat(256 << 10));
    for (status, body, code, why) in [
        ("404 Not Found", "", 3, "404"),
        ("302 Found", "", 3, "302"),
        ("200 OK", &long, 3, "262144"),
        ("200 OK", "<html>", 1, "JSON"),
        (
            "200 OK",
            r#"{"keys":[{"kty":"oct","k":"AA"}]}"#,
            1,
            "secret",
        ),
    ] {
        let (url, served) = serve_once(answer(status, body));
        let output = inspect(token, &["--jwks", &url]);
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{error}");
        assert!(
            error.contains("--jwks http") && error.contains(why),
            "{error}"
        );
        served.join().unwrap();
    }
}
