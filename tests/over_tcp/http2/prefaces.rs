//! How a connection in clear is found to be of HTTP/2.

use tokio::io::AsyncWriteExt as _;

use super::raw::{HEADERS, PREFACE, Raw, get, settings};
use crate::support::{Response, TestServer, read_to_close, within};

#[tokio::test]
async fn the_preface_may_come_in_pieces() {
    let server = TestServer::start();
    let all = [PREFACE, &settings(&[]), &get(1, "/healthz")].concat();
    for cut in 1..all.len() {
        let mut raw = Raw::connect(&server).await;
        raw.send(&all[..cut]).await;
        // Mostly the server reads them apart; that it may not is no matter.
        tokio::task::yield_now().await;
        raw.send(&all[cut..]).await;
        assert!(raw.find(HEADERS).await.is_ok(), "{cut}");
    }
    let mut raw = Raw::connect(&server).await;
    for byte in &all {
        raw.send(&[*byte]).await;
        tokio::task::yield_now().await;
    }
    assert!(raw.find(HEADERS).await.is_ok());
}

#[tokio::test]
async fn bytes_that_only_begin_like_the_preface_are_refused() {
    let server = TestServer::start();
    for bytes in [
        "PRI * HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nGET / HTTP/1.1\r\nhost: a\r\n\r\n",
        "PRI * HTTP/3.0\r\n\r\nSM\r\n\r\n",
        "PRI / HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "GET / HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ] {
        let answer = Response::parse(&server.raw(bytes.as_bytes()).await);
        assert!((400..500).contains(&answer.status), "{bytes:?}: {answer:?}");
    }
    // A preface that begins well and goes on badly.
    for bytes in ["PRI * HTTP/2.0\r\n\r", "PRI * HTTP/2"] {
        let mut stream = server.connect().await;
        within(stream.write_all(bytes.as_bytes())).await.unwrap();
        tokio::task::yield_now().await;
        // The server may have closed.
        let _ = within(stream.write_all(b"nonsense nonsense nonsense")).await;
        read_to_close(&mut stream).await;
    }
    assert_eq!(server.get("/healthz").await.status, 200);
}

#[tokio::test]
async fn after_a_request_of_http_1_the_preface_is_none() {
    let server = TestServer::start();
    let mut stream = server.connect().await;
    let request = b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n";
    within(stream.write_all(&[request, PREFACE].concat()))
        .await
        .unwrap();
    // Not even settings follow the answer.
    let answer = Response::parse(&read_to_close(&mut stream).await);
    assert_eq!((answer.status, &*answer.body), (200, &b"ok"[..]));
}
