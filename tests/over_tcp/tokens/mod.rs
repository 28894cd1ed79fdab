//! Tokens over TCP: a server with a key, and tokens that it takes or refuses.

mod bad_tokens;
mod bans;
mod key_sets;
mod names;
mod quantity;
mod rights;
mod sessions;
mod streams;
mod tickets;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sse_chat::config::Config;
use sse_chat::tokens::SigningKey;

use super::support::{EventReader, Response, TestServer};

pub(crate) const SECRET: &str = "the secret of the tests: 32 bytes and more";
const OTHER_SECRET: &str = "another secret, which no server of a test knows";
const JSON: (&str, &str) = ("content-type", "application/json");
const ACCEPT_STREAM: (&str, &str) = ("accept", "text/event-stream");

/// A file of its own for each text: tests run at the same time.
pub(crate) fn file(name: &str, text: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let path = folder.join(format!("{name}-{}", std::process::id()));
    replace_file(&path, text);
    path
}

/// Replaces a file as a whole: a reader never sees a part of it.
pub(crate) fn replace_file(path: &Path, text: &str) {
    let unique = format!("{:?}-new", std::thread::current().id());
    let new = path.with_extension(unique.replace(|c: char| !c.is_ascii_alphanumeric(), "-"));
    fs::write(&new, text).unwrap();
    fs::rename(&new, path).unwrap();
}

/// A server with [`SECRET`] as its key.
pub(crate) fn server() -> TestServer {
    server_with(|_| {})
}

pub(crate) fn server_with(change: impl FnOnce(&mut Config)) -> TestServer {
    TestServer::start_with(|config| {
        config.tokens.keys = vec![file("key", SECRET)];
        change(config);
    })
}

pub(crate) fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.unwrap().as_secs()
}

/// A token with these claims, and an `exp` in an hour unless they have one.
pub(crate) fn token(claims: Value) -> String {
    token_by(SECRET, claims)
}

fn token_by(secret: &str, mut claims: Value) -> String {
    let fields = claims.as_object_mut().unwrap();
    fields.entry("exp").or_insert(json!(now() + 3600));
    sign(secret, &claims.to_string())
}

/// A token with these claims as they are.
fn sign(secret: &str, claims: &str) -> String {
    SigningKey::parse(secret.as_bytes())
        .unwrap()
        .sign(claims)
        .unwrap()
}

/// A token with any header, signed by HMAC with SHA-256.
fn sign_with_header(header: &str, claims: &str) -> String {
    let message = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(header),
        URL_SAFE_NO_PAD.encode(claims)
    );
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, SECRET.as_bytes());
    let signature = ring::hmac::sign(&key, message.as_bytes());
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// A token with rights in rooms, as in `{"read":["lobby"]}`.
pub(crate) fn with_rooms(rooms: &Value) -> String {
    token(json!({ "rooms": rooms }))
}

/// A token that may write in all rooms.
pub(crate) fn writer() -> String {
    with_rooms(&json!({"write": ["*"]}))
}

/// The value of `Authorization`.
pub(crate) fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

async fn get_as(server: &TestServer, path: &str, token: &str) -> Response {
    let bearer = bearer(token);
    server
        .request("GET", path, &[("authorization", &bearer)], "")
        .await
}

async fn post_as(server: &TestServer, path: &str, token: &str, body: &Value) -> Response {
    let bearer = bearer(token);
    let fields = [JSON, ("authorization", &*bearer)];
    server
        .request("POST", path, &fields, &body.to_string())
        .await
}

async fn events_as(server: &TestServer, path: &str, token: &str) -> EventReader {
    let bearer = bearer(token);
    // A refusal has a length, and would leave the connection open.
    let fields = [
        ACCEPT_STREAM,
        ("authorization", &*bearer),
        ("connection", "close"),
    ];
    server.events_with(path, &fields).await
}

/// Publishes in a room with a token that may write everywhere.
async fn publish(server: &TestServer, room: &str, text: &str) -> Value {
    let path = format!("/rooms/{room}/messages");
    let body = json!({"name": "Ada", "message": text});
    let published = post_as(server, &path, &writer(), &body).await;
    assert_eq!(published.status, 201, "{published:?}");
    published.json()
}
