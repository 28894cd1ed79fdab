//! `--listen` and `--metrics` with names and with all addresses.

use std::net::{SocketAddr, TcpListener, TcpStream};

use crate::running::{Running, assert_fails, program, run};

/// All addresses that the first line tells to open.
fn opened(server: &Running) -> Vec<SocketAddr> {
    let urls = server.line.trim_end().split("http://").skip(1);
    urls.map(|url| url.trim_end_matches(" or ").parse().unwrap())
        .collect()
}

#[test]
fn a_name_and_all_addresses_are_listened_at() {
    for endpoint in ["localhost:0", "LOCALHOST.:0", ":0", "*:0"] {
        let server = Running::start(&["--listen", endpoint]);
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
fn the_names_of_this_machine_are_answered_to_at_each_address_of_localhost() {
    let server = Running::start(&["--listen", "localhost:0"]);
    for address in opened(&server) {
        let server = At(address);
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
fn metrics_are_answered_at_every_address_of_a_name() {
    let server = Running::start(&["--listen", "127.0.0.1:0", "--metrics", "localhost:0"]);
    server.signal("TERM");
    let (_, log) = server.ended();
    let addresses = log.split("metrics=\"").nth(1).unwrap();
    let addresses = addresses.split('"').next().unwrap();
    assert!(
        addresses.starts_with("127.0.0.1:") && addresses.contains(",[::1]:"),
        "{log}"
    );
}

#[test]
fn an_endpoint_that_can_t_be_had_is_one_clear_line() {
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
    // A name that no resolver has (RFC 6761, section 6.4).
    let output = run(&["--listen", "nowhere.invalid:8080"]);
    assert_fails(&output, 1, &["--listen nowhere.invalid:8080", "resolve"]);
    let output = run(&["--listen", "8080"]);
    assert_fails(&output, 1, &["--listen", "127.0.0.1:8080", ":8080 for all"]);
}

/// A server at one of its addresses.
struct At(SocketAddr);

impl At {
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
