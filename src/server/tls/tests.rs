//! Handshakes in memory with rustls's own client.

use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{
    ClientConfig, ClientConnection, HandshakeKind, ProtocolVersion, SupportedProtocolVersion,
};
use sse_chat_client::certificate::{CertificateValidity, CertificateVerifier};

use super::test_certificates::{TestCertificate, TestFolder};
use super::*;

fn server(folder: &TestFolder, certificate: &TestCertificate) -> TlsServer {
    TlsServer::new(&TlsSettings {
        pairs: vec![folder.pair(certificate)],
        ..TlsSettings::default()
    })
    .unwrap()
}

fn client(versions: &[&'static SupportedProtocolVersion], protocols: &[&[u8]]) -> ClientConfig {
    let provider = Arc::new(ring::default_provider());
    // Which certificate it was is what the tests look at.
    let verifier = CertificateVerifier::any(Arc::clone(&provider));
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
    config
}

/// Both ends after a handshake.
fn shake_hands(
    server: &TlsServer,
    client: &Arc<ClientConfig>,
) -> Result<(ServerConnection, ClientConnection), rustls::Error> {
    let name = ServerName::try_from("chat.example").unwrap();
    let mut theirs = ClientConnection::new(Arc::clone(client), name).unwrap();
    let mut ours = ServerConnection::new(Arc::clone(&server.config)).unwrap();
    loop {
        let (mut to_us, mut to_them) = (Vec::new(), Vec::new());
        while theirs.wants_write() {
            theirs.write_tls(&mut to_us).unwrap();
        }
        let mut bytes = &to_us[..];
        while !bytes.is_empty() {
            ours.read_tls(&mut bytes).unwrap();
            ours.process_new_packets()?;
        }
        while ours.wants_write() {
            ours.write_tls(&mut to_them).unwrap();
        }
        let mut bytes = &to_them[..];
        while !bytes.is_empty() {
            theirs.read_tls(&mut bytes).unwrap();
            theirs.process_new_packets()?;
        }
        if to_us.is_empty() && to_them.is_empty() {
            assert!(!ours.is_handshaking() && !theirs.is_handshaking());
            return Ok((ours, theirs));
        }
    }
}

#[test]
fn both_versions_of_tls_are_spoken() {
    let folder = TestFolder::new();
    let server = server(&folder, &TestCertificate::new(&["chat.example"]));
    for (version, name) in [
        (&rustls::version::TLS12, ProtocolVersion::TLSv1_2),
        (&rustls::version::TLS13, ProtocolVersion::TLSv1_3),
    ] {
        let client = Arc::new(client(&[version], &[]));
        let (ours, _) = shake_hands(&server, &client).unwrap();
        assert_eq!(ours.protocol_version(), Some(name));
        assert_eq!(ours.handshake_kind(), Some(HandshakeKind::Full));
    }
}

#[test]
fn http2_is_preferred_and_other_protocols_are_refused() {
    let folder = TestFolder::new();
    let server = server(&folder, &TestCertificate::new(&["chat.example"]));
    for (offered, chosen) in [
        (&[b"http/1.1", HTTP2][..], Some(HTTP2)),
        (&[b"http/1.1"], Some(b"http/1.1" as _)),
        (&[b"http/1.0"], Some(b"http/1.0" as _)),
        (&[], None),
    ] {
        let client = Arc::new(client(rustls::ALL_VERSIONS, offered));
        let (ours, _) = shake_hands(&server, &client).unwrap();
        assert_eq!(ours.alpn_protocol(), chosen);
        assert_eq!(is_http2(&ours), chosen == Some(HTTP2));
    }
    let client = Arc::new(client(rustls::ALL_VERSIONS, &[b"smtp"]));
    let error = shake_hands(&server, &client).unwrap_err();
    assert_eq!(error, rustls::Error::NoApplicationProtocol);
}

#[test]
fn a_session_resumes_without_memory_of_the_server() {
    let folder = TestFolder::new();
    let server = server(&folder, &TestCertificate::new(&["chat.example"]));
    for version in rustls::ALL_VERSIONS {
        let client = Arc::new(client(&[version], &[]));
        shake_hands(&server, &client).unwrap();
        // The certificate may be exchanged between.
        folder.pair(&TestCertificate::new(&["chat.example"]));
        assert_eq!(server.certificates().reload().loaded, 1);
        let (ours, _) = shake_hands(&server, &client).unwrap();
        assert_eq!(ours.handshake_kind(), Some(HandshakeKind::Resumed));
    }
    assert!(!server.config.session_storage.can_cache());
    assert_eq!(server.config.max_early_data_size, 0);
}

#[test]
fn a_new_certificate_is_for_new_handshakes() {
    let folder = TestFolder::new();
    let server = server(&folder, &TestCertificate::expired(&["chat.example"]));
    let end = |session: &ClientConnection| {
        let certificate = &session.peer_certificates().unwrap()[0];
        CertificateValidity::of_der(certificate).unwrap().not_after
    };
    let hello = || shake_hands(&server, &Arc::new(client(rustls::ALL_VERSIONS, &[])));
    let (_, before) = hello().unwrap();
    folder.pair(&TestCertificate::new(&["chat.example"]));
    server.certificates().reload();
    let (_, after) = hello().unwrap();
    let century = Duration::from_secs(100 * 365 * 86_400);
    assert!(end(&after) > end(&before) + century);
}

#[test]
fn a_server_does_not_start_without_its_certificate() {
    let folder = TestFolder::new();
    let mut pair = folder.pair(&TestCertificate::new(&["chat.example"]));
    pair.key = pair.certificate.clone();
    let error = TlsServer::new(&TlsSettings {
        pairs: vec![pair],
        ..TlsSettings::default()
    })
    .unwrap_err();
    assert_eq!(error.flag, "--tls-key");
    assert!(error.why.contains("no private key"), "{}", error.why);
}
