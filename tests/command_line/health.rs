//! `sse-chat health`: its line and its exit code.

use std::net::TcpListener;

use crate::client_process::{HTML, assert_client_fails, fake_server, run_with, unused_address};
use crate::server_process::{ServerProcess, program};

#[test]
fn a_running_server_is_healthy() {
    let server = ServerProcess::on_free_port();
    for (args, path) in [
        (&["health"][..], "healthz"),
        (&["health", "--ready"], "readyz"),
    ] {
        let output = run_with(server.address, args, "");
        assert_eq!(output.status.code(), Some(0));
        let line = String::from_utf8(output.stdout).unwrap();
        assert_eq!(line, format!("http://{}/{path}: ok\n", server.address));
    }
}

#[test]
fn the_server_s_environment_is_enough_to_find_it() {
    let server = ServerProcess::on_free_port();
    let listen = format!("0.0.0.0:{}", server.address.port());
    let output = program()
        .arg("health")
        .env("SSE_CHAT_LISTEN", listen)
        .env_remove("SSE_CHAT_URL")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn every_failure_is_one_line_and_exit_code_one() {
    let draining = fake_server(
        "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/problem+json\r\n\r\n{\"detail\":\"shutting down\",\"code\":\"draining\"}",
    );
    for (address, word) in [
        (unused_address(), "connection refused"),
        (fake_server(HTML), "200 text/html, which is not ok"),
        (draining, "shutting down (503 draining)"),
        (fake_server("hello\r\n"), "cut the connection"),
    ] {
        let output = run_with(address, &["health", "--ready"], "");
        assert_client_fails(&output, 1, &[word, &address.to_string()]);
    }
}

#[test]
fn a_server_that_does_not_answer_times_out_after_three_seconds() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let output = run_with(silent.local_addr().unwrap(), &["health"], "");
    assert_client_fails(&output, 1, &["no answer within 3 s"]);
}
