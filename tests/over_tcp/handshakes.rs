//! TLS handshakes: their time limit and their bound, and clients without TLS.

use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection};
use tokio::io::AsyncWriteExt as _;

use crate::scrape::Scrape;
use crate::support::{Http, Response, TestServer, read_to_close, within};
use crate::transport::{Certificate, Transport};

fn start(change: impl FnOnce(&mut sse_chat::config::TlsSettings)) -> TestServer {
    Http::V1_1Tls.start_with(|config| {
        config.metrics = Some("127.0.0.1:0".parse().unwrap());
        change(&mut config.tls);
    })
}

/// The first bytes of a client that speaks TLS 1.3.
fn hello() -> Vec<u8> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(Certificate::of_tests().roots())
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").unwrap();
    let mut client = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut hello = Vec::new();
    client.write_tls(&mut hello).unwrap();
    hello
}

/// The answer to bytes that are sent without TLS.
async fn in_clear(server: &TestServer, bytes: &[u8]) -> Vec<u8> {
    let mut client = server.connect().await;
    within(client.write_all(bytes)).await.unwrap();
    read_to_close(&mut client).await
}

fn ended(outcome: &str) -> String {
    format!("sse_chat_tls_handshakes_total{{outcome=\"{outcome}\"}}")
}

#[tokio::test]
async fn a_handshake_that_does_not_end_in_time_is_closed() {
    let server = start(|tls| tls.handshake_timeout = Duration::from_millis(50));
    let hello = hello();
    for begin in [&[][..], &hello[..1], &hello[..hello.len() - 1], &hello] {
        in_clear(&server, begin).await;
    }
    assert_eq!(Scrape::of(&server).await.get(&ended("timeout")), 4.0);
}

#[tokio::test]
async fn a_handshake_beyond_the_bound_waits_for_a_place() {
    let server = start(|tls| {
        tls.max_handshakes = 1.try_into().unwrap();
        tls.handshake_timeout = Duration::from_secs(3600);
    });
    // Those that have not sent a hello take no place.
    let mut idle = Vec::new();
    for begin in [&[][..], &hello()[..5]] {
        let mut client = server.connect().await;
        within(client.write_all(begin)).await.unwrap();
        idle.push(client);
    }
    drop(server.open().await);
    assert_eq!(Scrape::of(&server).await.get(&ended("ok")), 1.0);
    // The answer to a hello shows that its client has the place.
    let mut first = server.connect().await;
    within(first.write_all(&hello())).await.unwrap();
    within(first.readable()).await.unwrap();
    let second = server.connect().await;
    let second = tokio::spawn(Transport::Tls.client(second));
    Scrape::when(&server, |scrape| scrape.get("sse_chat_connections") >= 4.0).await;
    assert_eq!(Scrape::of(&server).await.get(&ended("ok")), 1.0);
    drop(first);
    within(second).await.unwrap().unwrap();
    let scrape = Scrape::when(&server, |scrape| scrape.get(&ended("failed")) == 1.0).await;
    assert_eq!(scrape.get(&ended("ok")), 2.0);
}

#[tokio::test]
async fn a_request_in_clear_at_a_tls_port_gets_an_answer_that_says_so() {
    let server = start(|_| {});
    let answer = in_clear(&server, b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    let answer = Response::parse(&answer);
    answer.assert_problem(400, "invalid_request");
    assert!(answer.text().contains("use https"), "{}", answer.text());
    assert_eq!(Scrape::of(&server).await.get(&ended("clear")), 1.0);
}

/// The alert `decode_error`, which is fatal, in a record of TLS 1.2.
const DECODE_ERROR: &[u8] = &[21, 3, 3, 0, 2, 2, 50];

#[tokio::test]
async fn bytes_that_only_begin_like_tls_are_answered_by_an_alert() {
    let server = start(|_| {});
    let long = [&b"\x16\x03\x01\xff\xff"[..], &[b'x'; 100_000]].concat();
    let garbage: [(&str, &[u8]); 7] = [
        ("no message", b"\x16\x03\x01\x00\x05hello"),
        ("no record", b"\x16\x03 and so on, and so on"),
        ("no version", b"\x16\x09\x09\x00\x05hello"),
        ("an empty record", b"\x16\x03\x01\x00\x00"),
        ("an empty hello", b"\x16\x03\x01\x00\x04\x01\x00\x00\x00"),
        (
            "a malformed hello",
            b"\x16\x03\x01\x00\x08\x01\x00\x00\x04\x03\x03aa",
        ),
        ("a record over 16 KiB", &long),
    ];
    for (what, bytes) in garbage {
        // To the end: a reset could lose the alert.
        assert_eq!(in_clear(&server, bytes).await, DECODE_ERROR, "{what}");
    }
    let scrape = Scrape::of(&server).await;
    assert_eq!(scrape.get(&ended("failed")), garbage.len() as f64);
}

#[tokio::test]
async fn a_client_that_leaves_in_its_handshake_gets_nothing() {
    let server = start(|_| {});
    let mut client = server.connect().await;
    within(client.write_all(&hello()[..20])).await.unwrap();
    within(client.shutdown()).await.unwrap();
    assert_eq!(read_to_close(&mut client).await, b"");
    let scrape = Scrape::when(&server, |scrape| scrape.get(&ended("failed")) == 1.0).await;
    assert_eq!(scrape.get(&ended("timeout")), 0.0);
}
