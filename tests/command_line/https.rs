//! `--ca`, `--insecure` and `--http2` of a client's command.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::{fs, thread};

use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::client_process::{assert_client_fails, fake_server};
use crate::server_process::{ServerProcess, program};

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
const WARNING: &str = "sse-chat: --insecure: the certificate of the server is not verified\n";

/// An https server that answers each connection with `ok`.
struct HttpsServer {
    address: SocketAddr,
    /// A file with its certificate.
    certificate: PathBuf,
}

impl HttpsServer {
    fn start(test: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
        // As `openssl req -x509` makes it.
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let own = params.self_signed(&key).unwrap();
        let certificate = file(test, &own.pem());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![own.der().clone()], key.into())
            .unwrap();
        let config = Arc::new(config);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        // It ends with the process of the tests.
        thread::spawn(move || {
            for socket in listener.incoming() {
                let session = ServerConnection::new(Arc::clone(&config)).unwrap();
                let mut socket = StreamOwned::new(session, socket.unwrap());
                // A client that refuses the certificate has closed the connection.
                if socket.read(&mut [0; 4096]).is_ok() {
                    let _ = socket.write_all(OK.as_bytes());
                    socket.conn.send_close_notify();
                    let _ = socket.flush();
                }
            }
        });
        Self {
            address,
            certificate,
        }
    }

    fn health(&self) -> Command {
        let mut command = program();
        command.args(["health", "--url", &format!("https://{}", self.address)]);
        command
    }
}

/// A server that answers in clear and keeps its connections open.
fn clear_server() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let mut open = Vec::new();
        for socket in listener.incoming() {
            let mut socket = socket.unwrap();
            let _ = socket.read(&mut [0; 4096]);
            let _ = socket.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
            open.push(socket);
        }
    });
    address
}

fn file(name: &str, text: &str) -> PathBuf {
    let name = format!("{name}-{}.pem", std::process::id());
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, text).unwrap();
    path
}

#[track_caller]
fn assert_ok(output: &Output, error: &str) {
    assert_eq!(String::from_utf8_lossy(&output.stderr), error);
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn a_self_signed_certificate_is_trusted_if_it_is_given_and_else_refused() {
    let server = HttpsServer::start("ca");
    let other = HttpsServer::start("ca-other").certificate;
    for command in [&mut server.health(), server.health().arg("--ca").arg(other)] {
        let output = command.output().unwrap();
        assert_client_fails(&output, 1, &["not trusted; --ca FILE names its root"]);
    }
    let output = server
        .health()
        .arg("--ca")
        .arg(&server.certificate)
        .output();
    assert_ok(&output.unwrap(), "");
    let output = server
        .health()
        .env("SSE_CHAT_CA", &server.certificate)
        .output();
    assert_ok(&output.unwrap(), "");
}

#[test]
fn insecure_accepts_any_certificate_and_warns_once() {
    let server = HttpsServer::start("insecure");
    let output = server.health().arg("--insecure").output().unwrap();
    assert_ok(&output, WARNING);
    let output = server.health().env("SSE_CHAT_INSECURE", "yes").output();
    assert_ok(&output.unwrap(), WARNING);
    let other = HttpsServer::start("insecure-other").certificate;
    let mut command = server.health();
    command.arg("--insecure").arg("--ca").arg(other);
    assert_ok(&command.output().unwrap(), WARNING);
    // In clear there is no certificate.
    let url = format!("http://{}", fake_server(OK));
    let output = program()
        .args(["health", "--insecure", "--url", &url])
        .output();
    assert_ok(&output.unwrap(), "");
}

#[test]
fn a_file_without_certificates_is_an_error_of_usage() {
    let server = HttpsServer::start("usage");
    let empty = file("empty", "").to_string_lossy().into_owned();
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let broken = file("broken", broken).to_string_lossy().into_owned();
    for (path, why) in [
        ("/nowhere", "No such file"),
        (&*empty, "no certificate in it"),
        (&*broken, "certificate 1 is malformed"),
    ] {
        let output = server.health().args(["--ca", path]).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "health has only one");
        let url = format!("https://{}", server.address);
        let output = program()
            .args(["send", "--url", &url, "--ca", path, "hi"])
            .output();
        assert_client_fails(&output.unwrap(), 2, &["--ca ", path, why]);
    }
}

#[test]
fn commands_speak_tls_and_http2_with_the_server() {
    let clear = ServerProcess::on_free_port();
    assert_speaks(&format!("http://{}", clear.address), &["--http2"]);
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
    let certificate = params.self_signed(&key).unwrap().pem();
    let certificate = file("server", &certificate).to_string_lossy().into_owned();
    let key = file("server-key", &key.serialize_pem());
    let mut start = program();
    start.args(["--listen", "https://127.0.0.1:0"]);
    start
        .args(["--tls-cert", &certificate])
        .arg("--tls-key")
        .arg(key);
    let server = ServerProcess::spawn(&mut start);
    let url = format!("https://{}", server.address);
    assert_speaks(&url, &["--ca", &certificate]);
    assert_speaks(&url, &["--ca", &certificate, "--http2"]);
}

/// Checks, publishes and reads with these flags.
#[track_caller]
fn assert_speaks(url: &str, flags: &[&str]) {
    let call = |args: &[&str]| {
        let output = program()
            .args(args)
            .args(["--url", url])
            .args(flags)
            .output();
        assert_ok(output.as_ref().unwrap(), "");
        String::from_utf8(output.unwrap().stdout).unwrap()
    };
    assert_eq!(call(&["health"]), format!("{url}/healthz: ok\n"));
    assert_eq!(call(&["send", "hello"]).lines().count(), 1);
    let printed = call(&["tail", "--backlog", "1", "--count", "1"]);
    assert!(printed.ends_with("hello\n"), "{printed}");
}

#[test]
fn a_server_without_http2_or_without_tls_is_named_so() {
    let server = HttpsServer::start("http2");
    let without = "does not speak HTTP/2 at this port";
    let args = ["--http2", "--insecure"];
    let output = server.health().args(args).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(
        error.starts_with(WARNING) && error.contains(without),
        "{error}"
    );
    let clear = clear_server();
    let url = format!("http://{clear}");
    let output = program()
        .args(["health", "--http2", "--url", &url])
        .output();
    assert_client_fails(&output.unwrap(), 1, &[without]);
    let url = format!("https://{clear}");
    let output = program().args(["tail", "--url", &url]).output().unwrap();
    assert_client_fails(&output, 3, &["does not speak TLS at this port"]);
}
