//! What a server with an https listener does with requests in clear.

use std::fs;
use std::time::Duration;

use super::certificates::CertificateFolder;
use super::support::{Http, TestServer};

fn redirecting(folder: &CertificateFolder) -> TestServer {
    TestServer::start_with(|config| {
        folder.listen(config);
        config.tls.redirect_http = true;
        config.tls.hsts = Some(Duration::from_secs(3600));
        config.tls.acme_webroot = Some(folder.path(""));
        config.access.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()];
    })
}

#[tokio::test]
async fn requests_in_clear_are_redirected_and_probes_are_answered() {
    let folder = CertificateFolder::new();
    let server = redirecting(&folder);
    let port = server.addresses()[1].port();
    for (method, path) in [
        ("GET", "/"),
        ("GET", "/r/lobby?a=b&c=%20"),
        ("GET", "/rooms/lobby/events"),
        ("POST", "/rooms/lobby/messages"),
        ("GET", "/nowhere"),
    ] {
        let answer = server.request(method, path, &[], "").await;
        assert_eq!(answer.status, 308, "{answer:?}");
        let location = format!("https://127.0.0.1:{port}{path}");
        assert_eq!(answer.header("location"), Some(&*location));
        // Only an answer over TLS has it.
        assert_eq!(answer.header("strict-transport-security"), None);
    }
    for probe in ["/healthz", "/readyz"] {
        assert_eq!(server.get(probe).await.status, 200, "{probe}");
    }
}

#[tokio::test]
async fn a_redirect_leads_to_no_other_host() {
    let folder = CertificateFolder::new();
    let server = redirecting(&folder);
    let ask = |host: &str| format!("GET / HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
    for (host, status) in [("evil.example", "403"), ("a b", "400"), ("", "400")] {
        let answer = server.raw(ask(host).as_bytes()).await;
        let answer = String::from_utf8_lossy(&answer).into_owned();
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{answer}"
        );
        assert!(!answer.to_lowercase().contains("\r\nlocation:"), "{answer}");
    }
    let answer = server.raw(b"GET / HTTP/1.0\r\n\r\n").await;
    assert!(answer.starts_with(b"HTTP/1.0 400 "), "{answer:?}");
}

#[tokio::test]
async fn requests_of_a_proxy_that_had_https_are_answered() {
    let folder = CertificateFolder::new();
    let server = redirecting(&folder);
    let from_proxy = |proto| {
        let headers = [
            ("x-forwarded-for", "192.0.2.1"),
            ("x-forwarded-proto", proto),
        ];
        let server = &server;
        async move {
            server
                .request("GET", "/rooms/lobby/messages", &headers, "")
                .await
                .status
        }
    };
    assert_eq!(from_proxy("https").await, 200);
    assert_eq!(from_proxy("http").await, 308);
}

#[tokio::test]
async fn challenges_of_acme_are_answered_in_clear() {
    let folder = CertificateFolder::new();
    let server = redirecting(&folder);
    let challenges = folder.path(".well-known/acme-challenge");
    fs::create_dir_all(&challenges).unwrap();
    fs::write(challenges.join("a-Token_1"), "a-Token_1.thumbprint").unwrap();
    fs::create_dir(challenges.join("folder")).unwrap();
    fs::write(challenges.join("large"), [b' '; 5000]).unwrap();
    let answer = server.get("/.well-known/acme-challenge/a-Token_1").await;
    assert_eq!(
        (answer.status, &*answer.text()),
        (200, "a-Token_1.thumbprint")
    );
    for token in ["other", "folder", "large"] {
        let path = format!("/.well-known/acme-challenge/{token}");
        assert_eq!(server.get(&path).await.status, 404, "{token}");
    }
    // Everything else is redirected.
    for path in [
        "/.well-known/acme-challenge/",
        "/.well-known/acme-challenge/../../key.pem",
    ] {
        assert_eq!(server.get(path).await.status, 308, "{path}");
    }
}

#[tokio::test]
async fn answers_over_tls_tell_browsers_to_use_https_only() {
    for http in [Http::V1_1Tls, Http::V2Tls] {
        let server = http.start_with(|config| {
            config.listen.push("127.0.0.1:0".parse().unwrap());
            config.tls.hsts = Some(Duration::from_secs(365 * 86_400));
            config.tls.redirect_http = true;
        });
        for path in ["/", "/healthz", "/nowhere"] {
            let answer = server.get(path).await;
            assert_ne!(answer.status, 308, "{answer:?}");
            let value = answer.header("strict-transport-security");
            assert_eq!(value, Some("max-age=31536000"), "{answer:?}");
        }
    }
    let server = Http::V1_1Tls.start();
    let answer = server.get("/").await;
    assert_eq!(answer.header("strict-transport-security"), None);
}
