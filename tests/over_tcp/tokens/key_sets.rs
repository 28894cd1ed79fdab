//! Key sets that change while the server runs. The loader is the test's own, as that
//! of a program that embeds the server; tests/command_line loads one over HTTP.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use sse_chat::config::JwksLocation;
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, JoinSet};

use super::{SECRET, file, get_as, now, replace_file, sign_with_header, writer};
use crate::support::{TestServer, within};

const MESSAGES: &str = "/rooms/lobby/messages";

/// A key set with [`SECRET`] under this id.
fn set(kid: &str) -> String {
    let k = URL_SAFE_NO_PAD.encode(SECRET);
    json!({"keys": [{"kty": "oct", "kid": kid, "k": k}]}).to_string()
}

/// A token with the id of its key.
fn by(kid: &str) -> String {
    let header = json!({"alg": "HS256", "kid": kid}).to_string();
    let claims = json!({"exp": now() + 3600, "rooms": {"read": ["*"]}}).to_string();
    sign_with_header(&header, &claims)
}

/// A server with a key set that the test serves.
struct Served {
    server: Arc<TestServer>,
    /// What is loaded next.
    text: Arc<Mutex<Result<String, String>>>,
    loads: Arc<AtomicUsize>,
    /// Each load takes one.
    permits: Arc<Semaphore>,
    loading: JoinHandle<()>,
}

impl Served {
    fn start(permits: usize) -> Self {
        let path = file("key-set", &set("a"));
        let server = TestServer::start_with(|config| {
            config.tokens.jwks = Some(JwksLocation::File(path));
        });
        let text = Arc::new(Mutex::new(Ok(set("a"))));
        let loads = Arc::new(AtomicUsize::new(0));
        let permits = Arc::new(Semaphore::new(permits));
        let verifier = server.app().verifier().unwrap().clone();
        let (texts, count, gate) = (Arc::clone(&text), Arc::clone(&loads), Arc::clone(&permits));
        let loading = tokio::spawn(async move {
            let load = |_| async {
                gate.acquire().await.unwrap().forget();
                count.fetch_add(1, Ordering::SeqCst);
                texts.lock().unwrap().clone().map(String::into_bytes)
            };
            verifier.keep_loading_jwks(load).await;
        });
        Self {
            server: Arc::new(server),
            text,
            loads,
            permits,
            loading,
        }
    }

    /// Loads once more, as SIGHUP does, and waits for it.
    async fn reload(&self, text: Result<String, String>) {
        *self.text.lock().unwrap() = text;
        let before = self.loads.load(Ordering::SeqCst);
        self.server.app().verifier().unwrap().reload().unwrap();
        self.permits.add_permits(1);
        within(async {
            while self.loads.load(Ordering::SeqCst) == before {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }

    async fn status(&self, token: &str) -> u16 {
        get_as(&self.server, MESSAGES, token).await.status
    }

    /// Requests until it is this: a load ends after its text has come.
    async fn until_status(&self, token: &str, status: u16) {
        within(async { while self.status(token).await != status {} }).await;
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.loading.abort();
    }
}

#[tokio::test]
async fn a_key_set_rotates_and_the_token_of_a_removed_key_is_refused_at_once() {
    let served = Served::start(1);
    let (old, new) = (by("a"), by("b"));
    served.until_status(&old, 200).await;
    assert_eq!(served.status(&new).await, 401);
    served.reload(Ok(set("b"))).await;
    served.until_status(&new, 200).await;
    // It was cached as valid.
    assert_eq!(served.status(&old).await, 401);
}

#[tokio::test]
async fn a_load_that_fails_keeps_the_keys() {
    let served = Served::start(1);
    let token = by("a");
    served.until_status(&token, 200).await;
    let generation = served.server.app().verifier().unwrap().generation();
    let long = format!("{}{}", set("b"), " ".repeat(256 << 10));
    for bad in [
        Err("connection refused".to_owned()),
        Ok(String::new()),
        Ok("<html>".to_owned()),
        Ok("{}".to_owned()),
        Ok(long),
        Ok(r#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"AA","d":"AA"}]}"#.to_owned()),
    ] {
        served.reload(bad.clone()).await;
        // The next load begins after the one before has had its effect.
        served.reload(bad).await;
        assert_eq!(served.status(&token).await, 200);
    }
    let after = served.server.app().verifier().unwrap().generation();
    assert_eq!(after, generation);
}

#[tokio::test]
async fn a_thousand_tokens_with_unknown_keys_cause_one_load() {
    // The first load waits for the end of the flood.
    let served = Served::start(0);
    *served.text.lock().unwrap() = Ok(set("b"));
    let mut flood = JoinSet::new();
    for number in 0..1000 {
        let server = Arc::clone(&served.server);
        let token = match number {
            0 => by("b"),
            _ => by(&format!("unknown-{number}")),
        };
        flood.spawn(async move { get_as(&server, MESSAGES, &token).await.status });
    }
    served.permits.add_permits(1000);
    let mut statuses = within(flood.join_all()).await;
    statuses.sort_unstable();
    assert_eq!(statuses.remove(0), 200, "the known key was worth the wait");
    assert!(statuses.iter().all(|status| *status == 401));
    assert_eq!(served.loads.load(Ordering::SeqCst), 1);
    // Nor is there a load for those that come later.
    for number in 0..100 {
        assert_eq!(served.status(&by(&number.to_string())).await, 401);
    }
    assert_eq!(served.loads.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn keys_of_files_are_read_again_and_a_bad_file_keeps_them() {
    const NEW: &str = "the new secret of this server: 32 bytes";
    let first = file("rotated", SECRET);
    let second = file("rotated-second", NEW);
    let server = TestServer::start_with(|config| {
        config.tokens.keys = vec![first.clone(), second.clone()];
    });
    let verifier = server.app().verifier().unwrap();
    let new = super::token_by(NEW, json!({"rooms": {"read": ["*"]}}));
    let both = async || {
        let status = async |token: &str| get_as(&server, MESSAGES, token).await.status;
        (status(&writer()).await, status(&new).await)
    };
    assert_eq!(both().await, (200, 200));
    for bad in [
        "short",
        "-----BEGIN PRIVATE KEY-----\n",
        "",
        "{\"keys\":[]}",
    ] {
        replace_file(&second, bad);
        let error = verifier.reload().unwrap_err();
        assert_eq!(error.flag, "--token-key");
        assert!(!bad.is_empty() && !error.why.contains(bad) || bad.is_empty());
        assert_eq!(both().await, (200, 200));
    }
    std::fs::remove_file(&second).unwrap();
    verifier.reload().unwrap_err();
    assert_eq!(both().await, (200, 200));
    // The old secret goes.
    replace_file(&first, NEW);
    replace_file(&second, NEW);
    verifier.reload().unwrap();
    assert_eq!(both().await, (401, 200));
}
