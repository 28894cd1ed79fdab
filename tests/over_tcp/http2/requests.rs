//! Requests and answers.

use bytes::Bytes;
use hyper::Request;
use hyper::header::HeaderValue;

use super::client::Client;
use crate::support::TestServer;

#[tokio::test]
async fn all_endpoints_answer() {
    let server = TestServer::start();
    let mut client = Client::open(&server).await;
    let published = client.publish("lobby", "over HTTP/2").await;
    let page = client.get("/rooms/lobby/messages").await;
    assert_eq!(page.json()["messages"][0]["message"], "over HTTP/2");
    assert_eq!(page.json()["messages"][0]["id"], published["id"]);
    assert!(client.get("/").await.text().contains("<html"));
    assert_eq!(client.get("/healthz").await.status, 200);
    client
        .get("/nothing")
        .await
        .assert_problem(404, "not_found");
    let head = client.request("HEAD", "/rooms/lobby/events");
    assert_eq!(client.send(head, Bytes::new()).await.unwrap().status, 200);
    let page = client.get("/").await;
    let head = client.request("HEAD", "/");
    let head = client.send(head, Bytes::new()).await.unwrap();
    assert_eq!(head.header("content-length"), page.header("content-length"));
    assert!(head.body.is_empty());
    let put = client.request("PUT", "/rooms/lobby/messages");
    let refused = client.send(put, Bytes::new()).await.unwrap();
    refused.assert_problem(405, "method_not_allowed");
}

#[tokio::test]
async fn an_answer_has_no_field_of_a_connection() {
    let server = TestServer::start_with(|config| config.limits.max_body_bytes = Some(100));
    let mut client = Client::open(&server).await;
    // Over HTTP/1.1 these announce the connection's end.
    let large = format!(r#"{{"name":"A","message":"{}"}}"#, "x".repeat(100_000));
    for response in [
        client.post("lobby", &large).await,
        client.get("/").await,
        client.get("/rooms/lobby/events?backlog=x").await,
    ] {
        for name in ["connection", "keep-alive", "transfer-encoding", "upgrade"] {
            assert_eq!(response.header(name), None, "{response:?}");
        }
        assert!(response.header("date").is_some(), "{response:?}");
    }
    // The connection goes on after a body that was not read.
    assert_eq!(client.get("/healthz").await.status, 200);
}

#[tokio::test]
async fn the_authority_is_the_host() {
    let server = TestServer::start();
    let mut client = Client::open(&server).await;
    let with = |uri: &str, host: Option<&'static str>| {
        let mut request = Request::builder().uri(uri).body(()).unwrap();
        if let Some(host) = host {
            let host = HeaderValue::from_static(host);
            request.headers_mut().insert("host", host);
        }
        request
    };
    const PATH: &str = "/rooms/lobby/messages";
    for (uri, host, status, code) in [
        (format!("http://a{PATH}"), None, 200, ""),
        (format!("http://a{PATH}"), Some("A"), 200, ""),
        (format!("http://a{PATH}"), Some("b"), 400, "invalid_host"),
        (format!("http://b{PATH}"), Some("a"), 400, "invalid_host"),
        (format!("http://b{PATH}"), None, 403, "cross_origin"),
        (format!("https://a{PATH}"), None, 200, ""),
    ] {
        let response = client.send(with(&uri, host), Bytes::new()).await.unwrap();
        match status {
            200 => assert_eq!(response.status, 200, "{uri} {host:?}: {response:?}"),
            status => response.assert_problem(status, code),
        }
    }
}

#[tokio::test]
async fn a_page_of_another_site_is_refused() {
    let server = TestServer::start();
    let mut client = Client::open(&server).await;
    for (origin, status) in [("http://a", 201), ("http://b", 403)] {
        let mut request = Request::builder()
            .method("POST")
            .uri("http://a/rooms/lobby/messages")
            .header("origin", origin)
            .header("content-type", "application/json")
            .body(())
            .unwrap();
        request
            .headers_mut()
            .insert("te", "trailers".parse().unwrap());
        let body = r#"{"name":"Alice","message":"hi"}"#;
        let response = client.send(request, body).await.unwrap();
        assert_eq!(response.status, status, "{response:?}");
    }
}

#[tokio::test]
async fn connect_is_refused() {
    let server = TestServer::start();
    let mut client = Client::open(&server).await;
    let request = Request::builder().method("CONNECT").uri("a:80").body(());
    let response = client.send(request.unwrap(), Bytes::new()).await.unwrap();
    assert!((400..500).contains(&response.status), "{response:?}");
    assert_eq!(client.get("/healthz").await.status, 200);
}

#[tokio::test]
async fn a_request_for_a_stream_that_the_server_has_no_place_for_gets_busy() {
    let server = TestServer::start_with(|config| config.limits.max_streams = 1);
    let mut client = Client::open(&server).await;
    let mut first = client.events("/rooms/lobby/events").await;
    first.expect("hello").await;
    let mut second = client.events("/rooms/other/events").await;
    let busy = second.expect("busy").await;
    assert_eq!(busy["reason"], "connections");
    assert_eq!(second.next().await, Ok(None));
    // Over HTTP/1.1 it is the same limit.
    let mut third = server.events("/rooms/lobby/events").await;
    assert_eq!(third.expect("busy").await.data["reason"], "connections");
    assert!(third.retry.is_some());
    drop(first);
    // The place is free again, once the server has seen the reset.
    loop {
        let mut next = server.events("/rooms/lobby/events").await;
        match next.next().await.event.as_str() {
            "hello" => break,
            event => assert_eq!(event, "busy"),
        }
    }
}
