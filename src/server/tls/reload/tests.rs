use std::os::unix::fs::symlink;

use rustls::crypto::ring;

use super::*;
use crate::server::tls::test_certificates::{TestCertificate, TestFolder};

const NAMES: &[&str] = &["chat.example"];

fn load(pairs: &[TlsPair]) -> Arc<Certificates> {
    let provider = Arc::new(ring::default_provider());
    Arc::new(Certificates::load(pairs, provider).unwrap())
}

fn end(certificates: &Certificates) -> u64 {
    certificates.not_after()["chat.example"]
}

fn loaded(loaded: usize, failed: usize) -> Reloaded {
    Reloaded { loaded, failed }
}

#[test]
fn a_changed_pair_is_loaded_once() {
    let folder = TestFolder::new();
    let certificates = load(&[folder.pair(&TestCertificate::new(NAMES))]);
    let before = end(&certificates);
    assert_eq!(certificates.reload(), loaded(0, 0));
    folder.pair(&TestCertificate::expired(NAMES));
    assert_eq!(certificates.reload(), loaded(1, 0));
    assert_eq!(certificates.reload(), loaded(0, 0));
    assert_ne!(end(&certificates), before);
    assert_eq!(certificates.reloads(), [("loaded", 1), ("failed", 0)]);
}

#[test]
fn a_bad_pair_keeps_the_old_one_and_is_reported_once_for_each_change() {
    let folder = TestFolder::new();
    let pair = folder.pair(&TestCertificate::new(NAMES));
    let certificates = load(std::slice::from_ref(&pair));
    let before = end(&certificates);
    let new = TestCertificate::expired(NAMES);
    // A certificate that is renewed before its key.
    folder.write("cert.pem", &new.certificate);
    assert_eq!(certificates.reload(), loaded(0, 1));
    assert_eq!(certificates.reload(), loaded(0, 0));
    fs::remove_file(&pair.certificate).unwrap();
    assert_eq!(certificates.reload(), loaded(0, 1));
    assert_eq!(certificates.reload(), loaded(0, 0));
    assert_eq!(end(&certificates), before);
    folder.pair(&new);
    assert_eq!(certificates.reload(), loaded(1, 0));
    assert_ne!(end(&certificates), before);
    assert_eq!(certificates.reloads(), [("loaded", 1), ("failed", 2)]);
}

#[test]
fn a_link_to_other_files_is_a_change() {
    let folder = TestFolder::new();
    // As certbot keeps them: live/ has links into archive/.
    let (old, new) = (TestCertificate::new(NAMES), TestCertificate::expired(NAMES));
    for (number, one) in [(1, &old), (2, &new)] {
        folder.write(&format!("cert{number}.pem"), &one.certificate);
        folder.write(&format!("key{number}.pem"), &one.key);
    }
    let link = |number: u32| {
        for name in ["cert", "key"] {
            let (made, live) = (
                folder.path().join("new"),
                folder.path().join(format!("{name}.pem")),
            );
            symlink(format!("{name}{number}.pem"), &made).unwrap();
            fs::rename(made, live).unwrap();
        }
    };
    link(1);
    let certificates = load(&[TlsPair {
        certificate: folder.path().join("cert.pem"),
        key: folder.path().join("key.pem"),
    }]);
    assert_eq!(certificates.reload(), loaded(0, 0));
    link(2);
    assert_eq!(certificates.reload(), loaded(1, 0));
    let year = 365 * 86_400;
    assert_eq!(end(&certificates) / year, 50);
}

#[test]
fn one_bad_pair_does_not_keep_another_from_being_renewed() {
    let (first, second) = (TestFolder::new(), TestFolder::new());
    let certificates = load(&[
        first.pair(&TestCertificate::new(&["a.example"])),
        second.pair(&TestCertificate::new(&["b.example"])),
    ]);
    first.write("key.pem", "");
    second.pair(&TestCertificate::expired(&["b.example"]));
    assert_eq!(certificates.reload(), loaded(1, 1));
    let ends = certificates.not_after();
    assert!(ends["a.example"] > ends["b.example"]);
}

#[test]
fn two_certificates_of_one_name_are_one_series() {
    let (first, second) = (TestFolder::new(), TestFolder::new());
    let expired = TestCertificate::expired(NAMES);
    let certificates = load(&[
        first.pair(&TestCertificate::new(NAMES)),
        second.pair(&expired),
    ]);
    let ended = expired.load().not_after_seconds();
    assert_eq!(certificates.not_after().len(), 1);
    assert_eq!(end(&certificates), ended);
}

#[tokio::test(start_paused = true)]
async fn the_files_are_looked_at_every_minute() {
    let folder = TestFolder::new();
    let certificates = load(&[folder.pair(&TestCertificate::new(NAMES))]);
    let before = end(&certificates);
    folder.pair(&TestCertificate::expired(NAMES));
    let begun = Instant::now();
    let look = tokio::spawn(Arc::clone(&certificates).keep_reloading());
    while end(&certificates) == before {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let after = begun.elapsed();
    assert!(after >= LOOK_EVERY && after < 2 * LOOK_EVERY, "{after:?}");
    look.abort();
}
