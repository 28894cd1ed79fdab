//! `--jwks URL`: a key set that a server of the test serves, changes and spoils.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::thread;

use sse_chat::tokens::SigningKey;

use super::server_process::ServerProcess;

const KEYS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/tokens/test_keys/");

/// Serves one response to each request, and counts the requests.
#[derive(Clone)]
struct KeyServer {
    url: String,
    shared: Arc<Mutex<(String, usize)>>,
}

impl KeyServer {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/keys.json", listener.local_addr().unwrap());
        let shared = Arc::new(Mutex::new((String::new(), 0)));
        let state = Arc::clone(&shared);
        // It ends with the process of the tests.
        thread::spawn(move || {
            for client in listener.incoming() {
                let Ok(mut client) = client else { return };
                let mut lines = BufReader::new(client.try_clone().unwrap());
                let mut head = String::new();
                while !head.ends_with("\r\n\r\n") && lines.read_line(&mut head).unwrap_or(0) > 0 {}
                let mut state = state.lock().unwrap();
                state.1 += 1;
                let _ = client.write_all(state.0.as_bytes());
            }
        });
        Self { url, shared }
    }

    fn serve(&self, status: &str, body: &str) {
        let length = body.len();
        self.shared.lock().unwrap().0 = format!(
            "HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
        );
    }

    fn loads(&self) -> usize {
        self.shared.lock().unwrap().1
    }
}

/// A public key as a JWK, from its PEM: its bytes are the end of the DER.
fn jwk(name: &str, kid: &str) -> String {
    let pem = fs::read_to_string(format!("{KEYS}{name}.pub.pem")).unwrap();
    let lines = pem.lines().filter(|line| !line.starts_with("-----"));
    let der = base64::Engine::decode(
        &base64::engine::general_purpose::STANDARD,
        lines.collect::<String>(),
    );
    let der = der.unwrap();
    let encode = |bytes: &[u8]| {
        base64::Engine::encode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, bytes)
    };
    match name {
        "ed25519" => format!(
            r#"{{"kty":"OKP","crv":"Ed25519","kid":"{kid}","x":"{}"}}"#,
            encode(&der[der.len() - 32..])
        ),
        _ => format!(
            r#"{{"kty":"EC","crv":"P-256","kid":"{kid}","x":"{}","y":"{}"}}"#,
            encode(&der[der.len() - 64..der.len() - 32]),
            encode(&der[der.len() - 32..])
        ),
    }
}

fn token(name: &str) -> String {
    let pem = fs::read(format!("{KEYS}{name}.pem")).unwrap();
    let key = SigningKey::parse(&pem).unwrap();
    key.sign(r#"{"exp":9999999999,"rooms":{"read":["*"]}}"#)
        .unwrap()
}

fn status(server: &ServerProcess, token: &str) -> String {
    let field = format!("authorization: Bearer {token}\r\n");
    let answer = server.request_with("GET /rooms/lobby/messages", &field, "");
    answer.split(' ').nth(1).unwrap().to_owned()
}

#[test]
fn a_key_set_at_a_url_is_loaded_changed_and_kept_when_a_load_fails() {
    let keys = KeyServer::start();
    keys.serve("503 Service Unavailable", "");
    let mut server = ServerProcess::start(&["--listen", "127.0.0.1:0", "--jwks", &keys.url]);
    let mut log = BufReader::new(server.child.stderr.take().unwrap());
    let mut until = |word: &str| {
        let mut line = String::new();
        while !line.contains(word) {
            line.clear();
            assert_ne!(
                log.read_line(&mut line).unwrap(),
                0,
                "the log ended before {word:?}"
            );
        }
        line
    };
    let tokens = ["p256", "ed25519"].map(token);
    let statuses = |server: &ServerProcess| tokens.each_ref().map(|token| status(server, token));
    // The server has started although its keys are not there.
    assert!(until("the present keys stay").contains("503"));
    assert_eq!(statuses(&server), ["401", "401"]);
    let set = |name: &str| format!(r#"{{"keys":[{}]}}"#, jwk(name, name));
    keys.serve("200 OK", &set("p256"));
    server.signal("HUP");
    until("keys of tokens have changed");
    assert_eq!(statuses(&server), ["200", "401"]);
    let long = format!("{}{}", set("ed25519"), " ".repeat(256 << 10));
    let private = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"AA","d":"AA"}]}"#;
    let secret = r#"{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}"#;
    for (answer, body) in [
        ("404 Not Found", ""),
        ("302 Found\r\nlocation: /other", ""),
        ("200 OK", ""),
        ("200 OK", "<html>"),
        ("200 OK", private),
        ("200 OK", secret),
        ("200 OK", &long),
    ] {
        keys.serve(answer, body);
        server.signal("HUP");
        let line = until("the present keys stay");
        assert!(
            line.contains(&keys.url) && line.contains("keys=1"),
            "{line}"
        );
        assert_eq!(statuses(&server), ["200", "401"], "{answer} {body:.60}");
    }
    keys.serve("200 OK", &set("ed25519"));
    server.signal("HUP");
    until("keys of tokens have changed");
    assert_eq!(statuses(&server), ["401", "200"]);
}

#[test]
fn a_thousand_tokens_of_unknown_keys_load_a_key_set_once() {
    let keys = KeyServer::start();
    keys.serve("200 OK", &format!(r#"{{"keys":[{}]}}"#, jwk("p256", "a")));
    let mut server = ServerProcess::start(&["--listen", "127.0.0.1:0", "--jwks", &keys.url]);
    let mut log = BufReader::new(server.child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("keys of tokens have changed") {
        line.clear();
        assert_ne!(log.read_line(&mut line).unwrap(), 0, "the log ended");
    }
    thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
    let unknown = token("ed25519");
    for _ in 0..1000 {
        assert_eq!(status(&server, &unknown), "401");
    }
    assert_eq!(status(&server, &token("p256")), "200");
    assert_eq!(keys.loads(), 1);
}
