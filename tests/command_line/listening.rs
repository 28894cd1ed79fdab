//! `--listen` and `--metrics`: the first line of output, names, and all addresses.

use std::net::{SocketAddr, TcpListener, TcpStream};

use crate::server_process::{ServerProcess, assert_fails, program, run};

/// All addresses in the first line of output.
fn opened(server: &ServerProcess) -> Vec<SocketAddr> {
    let urls = server.line.trim_end().split("http://").skip(1);
    urls.map(|url| url.trim_end_matches(" or ").parse().unwrap())
        .collect()
}

#[test]
fn a_start_prints_one_line_with_the_url() {
    for args in [
        &["--listen", "127.0.0.1:0"][..],
        &["serve", "--listen", "127.0.0.1:0"],
    ] {
        let server = ServerProcess::start(args);
        assert!(
            server.line.starts_with(concat!(
                "sse-chat ",
                env!("CARGO_PKG_VERSION"),
                ": open http://127.0.0.1:"
            )),
            "{}",
            server.line
        );
        assert!(server.request("GET /healthz", "").ends_with("\r\n\r\nok"));
    }
}

#[test]
fn the_server_listens_on_every_given_address() {
    let server = ServerProcess::start(&["--listen", "127.0.0.1:0", "--listen", "[::1]:0"]);
    let urls: Vec<&str> = server
        .line
        .split("http://")
        .skip(1)
        .map(|url| url.trim_end_matches(" or ").trim_end())
        .collect();
    assert_eq!(urls.len(), 2, "{}", server.line);
    for url in urls {
        TcpStream::connect(url).unwrap();
    }
}

#[test]
fn a_port_in_use_is_reported_in_one_line() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    assert_fails(
        &run(&["--listen", &address]),
        1,
        &["--listen", &address, "in use"],
    );
}

#[test]
fn the_server_listens_on_a_name_and_on_all_addresses() {
    for endpoint in ["localhost:0", "LOCALHOST.:0", ":0", "*:0"] {
        let server = ServerProcess::start(&["--listen", endpoint]);
        let addresses = opened(&server);
        let ips: Vec<String> = addresses.iter().map(|one| one.ip().to_string()).collect();
        assert_eq!(ips, ["127.0.0.1", "::1"], "{endpoint}: {}", server.line);
        assert_eq!(addresses[0].port(), addresses[1].port(), "{endpoint}");
        for address in addresses {
            TcpStream::connect(address).unwrap();
        }
    }
}

#[test]
fn each_address_of_localhost_accepts_the_names_of_this_machine() {
    let server = ServerProcess::start(&["--listen", "localhost:0"]);
    for address in opened(&server) {
        let server = ServerAt(address);
        for host in ["localhost", "127.0.0.1", "[::1]"] {
            assert_eq!(
                server.status("/rooms/lobby/messages", host),
                "200",
                "{address} {host}"
            );
        }
        for host in ["evil.example", "192.0.2.1", "localhost.evil.example"] {
            assert_eq!(
                server.status("/rooms/lobby/messages", host),
                "403",
                "{address} {host}"
            );
        }
    }
}

#[test]
fn metrics_are_served_at_every_address_of_a_name() {
    let server = ServerProcess::start(&["--listen", "127.0.0.1:0", "--metrics", "localhost:0"]);
    server.signal("TERM");
    let (_, log) = server.wait();
    let addresses = log.split("metrics=\"").nth(1).unwrap();
    let addresses = addresses.split('"').next().unwrap();
    assert!(
        addresses.starts_with("127.0.0.1:") && addresses.contains(",[::1]:"),
        "{log}"
    );
}

#[test]
fn an_unusable_endpoint_is_reported_in_one_line() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let endpoint = format!("localhost:{port}");
    let at = format!("127.0.0.1:{port}");
    for flag in ["--listen", "--metrics"] {
        let mut command = program();
        command.args([flag, &endpoint]);
        if flag == "--metrics" {
            command.args(["--listen", "127.0.0.1:0"]);
        }
        let output = command.output().unwrap();
        assert_fails(&output, 1, &[flag, &endpoint, &at, "in use"]);
    }
    // A name that never resolves (RFC 6761, section 6.4).
    let output = run(&["--listen", "nowhere.invalid:8080"]);
    assert_fails(&output, 1, &["--listen nowhere.invalid:8080", "resolve"]);
    let output = run(&["--listen", "8080"]);
    assert_fails(&output, 1, &["--listen", "127.0.0.1:8080", ":8080 for all"]);
}

/// A server at one of its addresses.
struct ServerAt(SocketAddr);

impl ServerAt {
    fn status(&self, path: &str, host: &str) -> String {
        use std::io::{Read as _, Write as _};
        let mut stream = TcpStream::connect(self.0).unwrap();
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer.split(' ').nth(1).unwrap().to_owned()
    }
}
