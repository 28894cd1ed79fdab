//! Certificates and servers that an `https` client or an HTTP/2 client refuses: each
//! error names what to do.

use std::net::SocketAddr;

use rcgen::{CertificateParams, date_time_ymd};
use sse_chat::client::{Client, ClientOptions, Error, Trust};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;

use crate::front::{Identity, Transport};
use crate::within;

/// A server that shakes hands and answers nothing.
struct Handshakes {
    address: SocketAddr,
    _running: AbortOnDropHandle<()>,
}

impl Handshakes {
    async fn start(identity: &Identity, protocols: &[&str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let acceptor = identity.acceptor(protocols);
        let running = tokio::spawn(async move {
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                if let Ok(mut socket) = acceptor.accept(socket).await {
                    // The request, then the end.
                    let _ = socket.read(&mut [0; 4096]).await;
                }
            }
        });
        Self {
            address,
            _running: AbortOnDropHandle::new(running),
        }
    }
}

/// A server that answers the first bytes of each connection in clear, and keeps it open.
async fn clear_server() -> (SocketAddr, AbortOnDropHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let running = tokio::spawn(async move {
        let mut open = Vec::new();
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            let _ = socket.read(&mut [0; 4096]).await;
            let _ = socket.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
            open.push(socket);
        }
    });
    (address, AbortOnDropHandle::new(running))
}

async fn error_of(client: Client) -> Error {
    let error = within(client.health()).await.unwrap_err();
    assert_eq!(error.to_string().lines().count(), 1, "{error}");
    error
}

/// The error of a client that trusts the identity's root.
async fn error_with(identity: &Identity) -> Error {
    let server = Handshakes::start(identity, &["http/1.1"]).await;
    error_of(Transport::Tls.client(server.address, identity)).await
}

fn is_expired(params: &mut CertificateParams) {
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2021, 1, 1);
}

#[tokio::test]
async fn a_certificate_of_an_unknown_issuer_is_not_trusted() {
    let server = Handshakes::start(&Identity::new(), &["http/1.1"]).await;
    let client = Transport::Tls.client(server.address, &Identity::new());
    let error = error_of(client).await;
    assert!(matches!(error, Error::Untrusted(_)), "{error:?}");
    let address = server.address;
    let line = format!("can't reach https://{address}: the server's certificate is not trusted");
    assert_eq!(error.to_string(), line);
}

#[tokio::test]
async fn certificates_that_are_not_valid_say_why() {
    let future = |params: &mut CertificateParams| params.not_before = date_time_ymd(2099, 1, 1);
    let names = ["chat.example", "10.0.0.1"];
    for (identity, words) in [
        (
            Identity::with(&["127.0.0.1"], is_expired),
            &["expired", "days ago"][..],
        ),
        (
            Identity::with(&["127.0.0.1"], future),
            &["valid in", "days only"],
        ),
        (
            Identity::with(&names, |_| {}),
            &["is for chat.example, 10.0.0.1, not for 127.0.0.1"],
        ),
        (
            Identity::self_signed(&["127.0.0.1"], is_expired),
            &["expired"],
        ),
        (Identity::self_signed(&["127.0.0.1"], future), &["valid in"]),
        (
            Identity::self_signed(&names, |_| {}),
            &["is for chat.example, 10.0.0.1, not for 127.0.0.1"],
        ),
    ] {
        let error = error_with(&identity).await;
        assert!(matches!(error, Error::Unreachable(_)), "{error:?}");
        for word in words {
            assert!(error.to_string().contains(word), "{word:?} in {error}");
        }
    }
}

#[tokio::test]
async fn a_self_signed_certificate_that_is_given_is_trusted() {
    let identity = Identity::self_signed(&["127.0.0.1"], |_| {});
    // The handshake has succeeded.
    let error = error_with(&identity).await;
    assert!(matches!(error, Error::Cut(_)), "{error:?}");
}

#[tokio::test]
async fn a_self_signed_certificate_that_is_not_given_is_not_trusted() {
    let identity = Identity::self_signed(&["127.0.0.1"], |_| {});
    let server = Handshakes::start(&identity, &["http/1.1"]).await;
    for other in [
        Identity::self_signed(&["127.0.0.1"], |_| {}),
        Identity::new(),
    ] {
        let error = error_of(Transport::Tls.client(server.address, &other)).await;
        assert!(matches!(error, Error::Untrusted(_)), "{error:?}");
    }
}

#[tokio::test]
async fn a_client_that_trusts_any_certificate_accepts_each() {
    for identity in [
        Identity::with(&["127.0.0.1"], is_expired),
        Identity::self_signed(&["chat.example"], |_| {}),
    ] {
        let server = Handshakes::start(&identity, &["http/1.1"]).await;
        let options = ClientOptions {
            trust: Trust::Any,
            ..ClientOptions::default()
        };
        let url = format!("https://{}", server.address).parse().unwrap();
        let client = Client::with_options(url, &options).unwrap();
        let error = error_of(client.clone()).await;
        assert!(matches!(error, Error::Cut(_)), "{error:?}");
        assert!(client.certificate_not_after().is_some());
    }
}

#[tokio::test]
async fn a_server_without_tls_is_named_so() {
    let (address, _running) = clear_server().await;
    let error = error_of(Transport::Tls.client(address, &Identity::new())).await;
    assert!(matches!(error, Error::Unreachable(_)), "{error:?}");
    let words = "the server does not speak TLS at this port";
    assert!(error.to_string().contains(words), "{error}");
}

#[tokio::test]
async fn a_server_without_http2_is_named_so() {
    let identity = Identity::new();
    let without = Handshakes::start(&identity, &["http/1.1"]).await;
    let silent = Handshakes::start(&identity, &[]).await;
    let (clear, _running) = clear_server().await;
    for (transport, address) in [
        (Transport::TlsHttp2, without.address),
        (Transport::TlsHttp2, silent.address),
        (Transport::Http2, clear),
    ] {
        let error = error_of(transport.client(address, &identity)).await;
        assert!(matches!(error, Error::Unreachable(_)), "{error:?}");
        let words = "the server does not speak HTTP/2 at this port";
        assert!(error.to_string().ends_with(words), "{error}");
    }
}
