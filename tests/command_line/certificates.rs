//! Certificates of the binary: its start with them, and SIGHUP.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;

use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use rcgen::{CertificateParams, KeyPair, date_time_ymd};

use crate::server_process::{ServerProcess, assert_fails, run};

/// A folder that is removed with this value.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let name = format!("{name}-{}", std::process::id());
        let folder = Self(PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name));
        fs::create_dir_all(&folder.0).unwrap();
        folder.renew();
        folder
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }

    /// Writes a new certificate and its key.
    fn renew(&self) {
        self.renew_for(100);
    }

    /// Writes a certificate that ends in this number of days.
    fn renew_for(&self, days: i64) {
        let names = ["chat.example".to_owned(), "127.0.0.1".to_owned()];
        let mut params = CertificateParams::new(names).unwrap();
        let end = Timestamp::now().to_zoned(TimeZone::UTC).date() + days.days();
        let (month, day) = (end.month().unsigned_abs(), end.day().unsigned_abs());
        params.not_after = date_time_ymd(end.year().into(), month, day);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        fs::write(self.path("cert.pem"), certificate.pem()).unwrap();
        fs::write(self.path("key.pem"), key.serialize_pem()).unwrap();
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_hang_up_exchanges_a_certificate_and_a_bad_one_keeps_it() {
    let folder = Folder::new("hang-up-tls");
    let (certificate, key) = (folder.path("cert.pem"), folder.path("key.pem"));
    let mut server = ServerProcess::start(&[
        "--listen=https://127.0.0.1:0",
        "--listen=127.0.0.1:0",
        "--tls-cert",
        &certificate,
        "--tls-key",
        &key,
    ]);
    assert!(
        server.line.contains(": open https://127.0.0.1:"),
        "{}",
        server.line
    );
    let mut log = BufReader::new(server.child.stderr.take().unwrap());
    let mut next = |words: &[&str]| {
        let mut line = String::new();
        while !words.iter().all(|word| line.contains(word)) {
            line.clear();
            assert_ne!(log.read_line(&mut line).unwrap(), 0, "no {words:?}");
        }
    };
    next(&["INFO", "certificate loaded", "chat.example", "not_after"]);
    next(&["started", "https="]);
    folder.renew();
    server.signal("HUP");
    next(&["certificate loaded"]);
    next(&["SIGHUP", "loaded=1"]);
    fs::write(&key, "").unwrap();
    server.signal("HUP");
    next(&["ERROR", &key, "no private key", "present certificate stays"]);
    next(&["SIGHUP", "failed=1"]);
    server.signal("HUP");
    next(&["INFO", "SIGHUP", "loaded=0"]);
    assert!(server.request("GET /healthz", "").ends_with("ok"));
}

#[test]
fn a_server_does_not_start_with_a_file_that_it_can_not_use() {
    let folder = Folder::new("bad-tls");
    let (certificate, key) = (folder.path("cert.pem"), folder.path("key.pem"));
    let start = |certificate: &str, key: &str| {
        let pair = ["--tls-cert", certificate, "--tls-key", key];
        run(&[&["--listen", "https://127.0.0.1:0"][..], &pair].concat())
    };
    let output = start(&key, &key);
    assert_fails(&output, 1, &["--tls-cert: ", &key, "no certificate"]);
    let output = start(&certificate, "/nowhere");
    assert_fails(&output, 1, &["--tls-key: /nowhere: No such file"]);
    fs::write(&key, "-----BEGIN ENCRYPTED PRIVATE KEY-----\n").unwrap();
    let output = start(&certificate, &key);
    assert_fails(&output, 1, &["--tls-key: ", &key, "encrypted"]);
}

#[test]
fn health_warns_of_a_certificate_that_ends_soon() {
    let folder = Folder::new("health-tls");
    let (certificate, key) = (folder.path("cert.pem"), folder.path("key.pem"));
    for (days, is_late) in [(20, false), (10, true)] {
        folder.renew_for(days);
        let server = ServerProcess::start(&[
            "--listen=https://127.0.0.1:0",
            "--listen=127.0.0.1:0",
            "--tls-cert",
            &certificate,
            "--tls-key",
            &key,
        ]);
        let url = server.line.split(": open ").nth(1).unwrap();
        let url = url.split(' ').next().unwrap();
        let output = run(&["health", "--url", url, "--ca", &certificate]);
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(0), "{error}");
        assert!(output.stdout.ends_with(b"/healthz: ok\n"));
        assert_eq!(
            error.contains("warning: the certificate ends at "),
            is_late,
            "{error}"
        );
        assert_eq!(error.is_empty(), !is_late, "{error}");
    }
}
