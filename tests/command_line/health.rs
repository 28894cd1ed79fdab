//! `sse-chat health`: a line and an exit code.

use std::net::TcpListener;

use crate::running::{Running, program};
use crate::talking::{HTML, answering, assert_ends, nobody, run_with};

#[test]
fn a_server_that_lives_is_ok() {
    let server = Running::free();
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
fn in_the_server_s_own_environment_it_needs_no_address() {
    let server = Running::free();
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
fn anything_else_is_one_line_and_exit_code_one() {
    let draining = answering(
        "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/problem+json\r\n\r\n{\"detail\":\"shutting down\",\"code\":\"draining\"}",
    );
    for (address, word) in [
        (nobody(), "connection refused"),
        (answering(HTML), "200 text/html, which is not ok"),
        (draining, "shutting down (503 draining)"),
        (answering("hello\r\n"), "cut the connection"),
    ] {
        let output = run_with(address, &["health", "--ready"], "");
        assert_ends(&output, 1, &[word, &address.to_string()]);
    }
}

#[test]
fn a_server_that_does_not_answer_is_waited_for_three_seconds_at_most() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let output = run_with(silent.local_addr().unwrap(), &["health"], "");
    assert_ends(&output, 1, &["no answer within 3 s"]);
}
