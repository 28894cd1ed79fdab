use rustls::crypto::ring;

use super::*;
use crate::server::tls::test_certificates::{Kind, TestCertificate, TestFolder};

fn load(folder: &TestFolder, certificate: &str, key: &str) -> Result<Certificate, String> {
    let pair = TlsPair {
        certificate: folder.write("cert.pem", certificate),
        key: folder.write("key.pem", key),
    };
    Certificate::load(&pair, &ring::default_provider()).map_err(|error| error.to_string())
}

#[test]
fn a_pair_is_loaded_with_its_names_and_its_end() {
    for kind in [Kind::P256, Kind::Ed25519] {
        let loaded = TestCertificate::of_kind(kind, &["Chat.Example", "*.chat.example"]).load();
        assert_eq!(loaded.names, ["chat.example", "*.chat.example"]);
        assert_eq!(loaded.label, "chat.example");
        // After 2049 the time is a GeneralizedTime, before it a UTCTime.
        assert_eq!(loaded.not_after_text(), "2124-01-02T00:00:00Z");
        let seconds = loaded.not_after_seconds();
        assert_eq!(seconds, 4_859_827_200);
        assert!(loaded.validity.not_before < SystemTime::now());
    }
}

#[test]
fn a_certificate_of_an_address_has_the_label_of_its_file() {
    let loaded = TestCertificate::new(&["192.0.2.1"]).load();
    assert!(loaded.names.is_empty());
    assert!(loaded.label.ends_with("cert.pem"), "{}", loaded.label);
}

#[test]
fn an_expired_certificate_is_loaded() {
    let loaded = TestCertificate::expired(&["chat.example"]).load();
    assert_eq!(loaded.not_after_text(), "2020-01-01T00:00:00Z");
}

#[test]
fn a_chain_is_loaded_in_its_order_and_one_file_may_have_everything() {
    let (leaf, other) = (
        TestCertificate::new(&["chat.example"]),
        TestCertificate::new(&["ca.example"]),
    );
    let folder = TestFolder::new();
    let all = format!("{}{}{}", leaf.key, leaf.certificate, other.certificate);
    let loaded = load(&folder, &all, &all).unwrap();
    assert_eq!(loaded.key.cert.len(), 2);
    assert_eq!(loaded.names, ["chat.example"]);
}

#[test]
fn an_error_names_the_file_and_what_is_wrong() {
    let one = TestCertificate::new(&["chat.example"]);
    let other = TestCertificate::new(&["chat.example"]);
    let folder = TestFolder::new();
    let broken = one.certificate.replace("-----END", "--END");
    let encrypted =
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let old = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n-----END RSA PRIVATE KEY-----\n";
    let garbage = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let unknown = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    let large = " ".repeat(1 + (1 << 20));
    for (certificate, key, file, why) in [
        ("", &*one.key, "cert.pem", "no certificate"),
        (&*one.key, &*one.key, "cert.pem", "no certificate"),
        (&*broken, &*one.key, "cert.pem", "not a valid PEM file"),
        (garbage, &*one.key, "cert.pem", "no valid certificate"),
        (&*large, &*one.key, "cert.pem", "larger than 1 MiB"),
        (&*one.certificate, "", "key.pem", "no private key"),
        (
            &*one.certificate,
            &*one.certificate,
            "key.pem",
            "no private key",
        ),
        (&*one.certificate, encrypted, "key.pem", "encrypted"),
        (&*one.certificate, old, "key.pem", "encrypted"),
        (&*one.certificate, unknown, "key.pem", "not supported"),
        (&*one.certificate, &*other.key, "key.pem", "does not belong"),
    ] {
        let error = load(&folder, certificate, key).unwrap_err();
        assert!(error.contains(file) && error.contains(why), "{error}");
        let flag = match file {
            "cert.pem" => "--tls-cert ",
            _ => "--tls-key ",
        };
        assert!(error.starts_with(flag), "{error}");
    }
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let pair = TlsPair {
        certificate: "/nowhere/cert.pem".into(),
        key: "/nowhere/key.pem".into(),
    };
    let error = Certificate::load(&pair, &ring::default_provider()).unwrap_err();
    let error = BadSetting::from(error).to_string();
    assert!(
        error.starts_with("--tls-cert: /nowhere/cert.pem: No such file"),
        "{error}"
    );
}

#[test]
fn only_a_regular_file_is_read() {
    for path in ["/dev/zero", "/"] {
        let pair = TlsPair {
            certificate: path.into(),
            key: path.into(),
        };
        let error = Certificate::load(&pair, &ring::default_provider()).unwrap_err();
        assert!(error.to_string().contains("no regular file"), "{error}");
    }
}

#[test]
fn a_certificate_without_names_is_noticed() {
    for (names, expected) in [
        (&[][..], false),
        (&["chat.example"], true),
        (&["192.0.2.1"], true),
    ] {
        let loaded = TestCertificate::new(names).load();
        assert_eq!(loaded.has_alternative_names, expected, "{names:?}");
    }
}

#[test]
fn der_that_is_cut_anywhere_is_refused() {
    let loaded = TestCertificate::new(&["chat.example"]).load();
    let der = &loaded.key.cert[0];
    assert_eq!(CertificateValidity::of_der(der), Some(loaded.validity));
    for end in 0..der.len() {
        assert_eq!(CertificateValidity::of_der(&der[..end]), None, "{end}");
    }
}
