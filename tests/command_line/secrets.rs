//! No part of a token, a ticket, an edit key or a secret reaches the log, the metrics
//! or an answer, whatever the request is.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sse_chat::tokens::SigningKey;

use super::server_process::{ServerProcess, program};

const SECRET: &str = "the-secret-of-the-server-0123456789";
const OTHER_SECRET: &str = "the-secret-of-another-0123456789abc";
const EDIT_KEY: &str = "an-edit-key-of-a-client";
/// Claims that name a person.
const SUBJECT: &str = "subject-4711";
const ISSUER: &str = "issuer-4712";

/// Method, target and body of every route.
const REQUESTS: [(&str, &str, &str); 35] = [
    ("GET", "/", ""),
    ("GET", "/r/lobby", ""),
    ("GET", "/r/lobby/", ""),
    ("GET", "/assets/start.js", ""),
    ("GET", "/healthz", ""),
    ("GET", "/readyz", ""),
    ("GET", "/rooms/lobby/messages", ""),
    ("HEAD", "/rooms/lobby/messages", ""),
    (
        "POST",
        "/rooms/lobby/messages",
        r#"{"name":"Ada","message":"hi","edit_key":"an-edit-key-of-a-client"}"#,
    ),
    (
        "POST",
        "/rooms/lobby/messages",
        r#"{"name":"Ada","message":"hi","edit_key":"an-edit-key-of-a-client!"}"#,
    ),
    (
        "POST",
        "/rooms/lobby/messages",
        r#"{"name":"Ada","message":"hi","edit_key":["an-edit-key-of-a-client"]}"#,
    ),
    (
        "POST",
        "/rooms/lobby/messages",
        r#"{"name":"Ada","message":"hi","edit_key":"an-edit-key-of-a-client"#,
    ),
    ("POST", "/rooms/lobby/events?event=job", r#"{"a":1}"#),
    ("PATCH", "/rooms/lobby/messages/e-7", r#"{"message":"hi"}"#),
    ("DELETE", "/rooms/lobby/messages/e-7", ""),
    (
        "PUT",
        "/rooms/lobby/messages/e-7/reactions/%F0%9F%91%8D?name=Ada",
        "",
    ),
    (
        "DELETE",
        "/rooms/lobby/messages/e-7/reactions/%F0%9F%91%8D",
        "",
    ),
    ("GET", "/rooms/lobby/bans", ""),
    ("PUT", "/rooms/lobby/bans?message=e-7&for=1h", ""),
    ("POST", "/rooms/lobby/typing?name=Ada", ""),
    ("DELETE", "/rooms/lobby/typing?name=Ada", ""),
    ("GET", "/rooms/lobby/members", ""),
    ("GET", "/rooms", ""),
    ("POST", "/tickets", ""),
    ("POST", "/session", ""),
    ("DELETE", "/session", ""),
    (
        "GET",
        "/send.php?name=Ada&message=hi&edit_key=an-edit-key-of-a-client",
        "",
    ),
    ("POST", "/send.php?name=Ada&message=hi", ""),
    ("GET", "/rooms/lobby/events", ""),
    ("GET", "/events?room=lobby&room=other", ""),
    ("GET", "/sse.php", ""),
    ("HEAD", "/sse.php", ""),
    ("OPTIONS", "/rooms/lobby/messages", ""),
    ("TRACE", "/rooms/lobby/messages", ""),
    ("GET", "/nowhere", ""),
];

fn path(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    folder.join(format!("{name}-{}", std::process::id()))
}

/// A token of every state.
fn tokens() -> Vec<String> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let now = now.as_secs();
    let sign = |secret: &str, exp: u64, more: &str| {
        let claims = format!(r#"{{"exp":{exp},"sub":"{SUBJECT}","iss":"{ISSUER}"{more}}}"#);
        let key = SigningKey::parse(secret.as_bytes()).unwrap();
        key.sign(&claims).unwrap()
    };
    let all = r#","rooms":{"write":["*"],"events":["*"],"moderate":["*"]}"#;
    let good = sign(SECRET, now + 3600, all);
    let cut = good[..good.len() - 4].to_owned();
    let long = sign(
        SECRET,
        now + 3600,
        &format!(r#","x":"{}""#, "x".repeat(9000)),
    );
    let four_parts = format!("{good}.{good}");
    vec![
        sign(SECRET, now + 3600, ""),
        sign(
            SECRET,
            now + 3600,
            r#","rooms":{"read":["lobby"]},"name":"Ada""#,
        ),
        sign(SECRET, now - 1, all),
        sign(SECRET, now + 3600, &format!(r#","nbf":{}"#, now + 1800)),
        sign(SECRET, now + 3600, r#","exp":1"#),
        sign(SECRET, now + 3600, r#","rooms":{"read":["not a room"]}"#),
        sign(OTHER_SECRET, now + 3600, all),
        long,
        cut,
        four_parts,
        good,
    ]
}

/// What must not be found: a token's parts, but its header, which says nothing.
fn parts(token: &str) -> Vec<String> {
    let parts = token.split('.').skip(1);
    // As much as identifies it, so that a text that is cut is found as well.
    parts
        .map(|part| part[..part.len().min(24)].to_owned())
        .collect()
}

/// Everything that the server answers, as far as it is to be read.
struct Client {
    address: SocketAddr,
    answers: String,
}

impl Client {
    fn send(&mut self, method: &str, target: &str, fields: &str, body: &str) -> String {
        let length = body.len();
        let request = format!(
            "{method} {target} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\nedit-key: \
             {EDIT_KEY}\r\ncontent-type: application/json\r\ncontent-length: \
             {length}\r\n{fields}\r\n{body}"
        );
        self.send_bytes(&request)
    }

    fn send_bytes(&mut self, request: &str) -> String {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(30)))
            .unwrap();
        // The server may answer and close before it has read everything.
        let _ = stream.write_all(request.as_bytes());
        let (mut bytes, mut piece) = (Vec::new(), [0; 4096]);
        // A stream has no end.
        while !String::from_utf8_lossy(&bytes).contains("event: hello") {
            match stream.read(&mut piece) {
                Ok(0) | Err(_) => break,
                Ok(read) => bytes.extend_from_slice(&piece[..read]),
            }
        }
        let answer = String::from_utf8_lossy(&bytes).into_owned();
        // A session's cookie; and a redirect keeps the query of its request, in which
        // there is no token unless a client puts it there.
        let comes_back = ["set-cookie: ", "location: "];
        let lines = answer
            .split("\r\n")
            .filter(|line| !comes_back.iter().any(|field| line.starts_with(field)));
        self.answers
            .push_str(&lines.collect::<Vec<_>>().join("\r\n"));
        answer
    }

    /// A new ticket, which only its own answer has.
    fn ticket(&mut self, token: &str) -> String {
        let before = self.answers.len();
        let fields = format!("authorization: Bearer {token}\r\n");
        let answer = self.send("POST", "/tickets", &fields, "");
        self.answers.truncate(before);
        let rest = answer.split(r#""ticket":""#).nth(1);
        let rest = rest.unwrap_or_else(|| panic!("{answer}"));
        rest.split('"').next().unwrap().to_owned()
    }
}

/// The address of the metrics in the log of the start, in either format.
fn metrics_address(started: &str) -> SocketAddr {
    let rest = started.split("metrics").nth(1).unwrap();
    let address = rest
        .split(['"', '=', ':', '\\'])
        .find(|part| part.starts_with("127."));
    let address = address.unwrap();
    let port = rest.split(address).nth(1).unwrap()[1..]
        .split(|c: char| !c.is_ascii_digit())
        .next();
    format!("{address}:{}", port.unwrap()).parse().unwrap()
}

/// Sends each request with a token in each place.
fn send_all(client: &mut Client, token: &str) {
    for (method, target, body) in REQUESTS {
        for fields in [
            format!("authorization: Bearer {token}\r\n"),
            format!("authorization: Bearer {token}\r\nauthorization: Bearer {token}\r\n"),
            format!("authorization: Basic {token}\r\n"),
            format!("authorization: {token}\r\n"),
            format!("cookie: a=b; sse_chat_token={token}\r\naccept: text/event-stream\r\n"),
            format!("cookie: sse_chat_token={token}\r\naccept: text/html\r\n"),
        ] {
            client.send(method, target, &fields, body);
        }
        let joint = if target.contains('?') { '&' } else { '?' };
        for key in ["ticket", "token", "access_token"] {
            client.send(method, &format!("{target}{joint}{key}={token}"), "", body);
        }
    }
}

/// Sends heads that are no HTTP, or too large, with a token.
fn send_bad_heads(client: &mut Client, token: &str) {
    let fields = format!(
        "authorization: Bearer {token}\r\ncookie: sse_chat_token={token}\r\nconnection: close"
    );
    let long = "y".repeat(100_000);
    for request in [
        format!("GET / HTTP/1.1\r\n{fields}\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nhost: localhost\r\nhost: b\r\n{fields}\r\n\r\n"),
        format!("GET / HTTP/7.1\r\nhost: localhost\r\n{fields}\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nhost: localhost\r\n{fields}\r\nx: \u{7f}\u{1}\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nhost: localhost\r\n{fields}\r\nx y: z\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nhost: localhost\r\n{fields}\r\nx: {long}\r\n\r\n"),
        format!("authorization: Bearer {token}\r\n\r\n"),
    ] {
        client.send_bytes(&request);
    }
}

/// Uses tickets twice on streams, and elsewhere.
fn send_tickets(client: &mut Client, token: &str) -> Vec<String> {
    let paths = [
        "/rooms/lobby/events",
        "/sse.php",
        "/rooms/lobby/messages",
        "/rooms/a%20b/events",
    ];
    let use_one = |path| {
        let ticket = client.ticket(token);
        for _ in 0..2 {
            client.send("GET", &format!("{path}?ticket={ticket}"), "", "");
        }
        ticket
    };
    paths.map(use_one).to_vec()
}

/// Sends everything to a server, and returns all that came out of it, with what must
/// not be in it.
fn output(format: &str) -> (String, Vec<String>) {
    let key = path(&format!("secrets-{format}"));
    fs::write(&key, SECRET).unwrap();
    let mut command = program();
    command.env("RUST_BACKTRACE", "1");
    command.args(["--listen=127.0.0.1:0", "--metrics=127.0.0.1:0"]);
    command.args(["--access-log", "--log-level=trace", "--log-format", format]);
    command.args(["--list-rooms", "--token-key"]).arg(&key);
    let mut server = ServerProcess::spawn(&mut command);
    let mut log = BufReader::new(server.child.stderr.take().unwrap());
    let mut started = String::new();
    // At this level it is not the first line.
    while !started.contains("metrics") {
        assert_ne!(log.read_line(&mut started).unwrap(), 0, "{started}");
    }
    // A log that is not read loses lines.
    let logging = thread::spawn(move || {
        let mut text = String::new();
        log.read_to_string(&mut text).map(|_| text)
    });
    let mut client = Client {
        address: server.address,
        answers: String::new(),
    };
    let mut hidden = [SECRET, EDIT_KEY, SUBJECT, ISSUER]
        .map(str::to_owned)
        .to_vec();
    let tokens = tokens();
    for token in &tokens {
        hidden.extend(parts(token));
        send_all(&mut client, token);
        send_bad_heads(&mut client, token);
    }
    hidden.extend(send_tickets(&mut client, tokens.last().unwrap()));
    client.address = metrics_address(&started);
    client.send("GET", "/metrics", "", "");
    server.signal("TERM");
    let log = logging.join().unwrap().unwrap();
    let has_all = ["connection accepted", "/rooms/lobby/messages", "drained"];
    assert!(has_all.iter().all(|line| log.contains(line)), "{log}");
    assert!(!log.contains("lines were dropped"));
    (client.answers + &started + &log, hidden)
}

#[track_caller]
fn assert_hidden(format: &str) {
    let (text, hidden) = output(format);
    assert!(text.contains("token_invalid") && text.contains("sse_chat_refusals_total"));
    for secret in hidden {
        if let Some(at) = text.find(&secret) {
            let from = text[..at].rfind('\n').unwrap_or(0);
            let line: String = text[from..].chars().take(400).collect();
            panic!("{secret} in {line}");
        }
    }
}

#[test]
fn no_part_of_a_token_or_of_a_secret_comes_out_of_the_server() {
    assert_hidden("text");
}

#[test]
fn nor_does_it_with_a_log_in_json() {
    assert_hidden("json");
}
