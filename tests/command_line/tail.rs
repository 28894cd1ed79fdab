//! `sse-chat tail`: each message is printed once, and losses are reported.

use std::process::{Command, Stdio};

use crate::client_process::{
    ClientProcess, HTML, assert_client_fails, command, fake_server, run_with, unused_address,
};
use crate::server_process::{ServerProcess, run};

/// Publishes a message and returns its id.
fn publish(server: &ServerProcess, args: &[&str]) -> String {
    let args = [&["send"], args].concat();
    let output = run_with(server.address, &args, "");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    String::from_utf8(output.stdout)
        .unwrap()
        .trim_end()
        .to_owned()
}

/// A tail whose stream is open: it has printed an earlier message.
fn tail(server: &ServerProcess, args: &[&str]) -> ClientProcess {
    publish(server, &["first"]);
    let args = [&["tail", "--backlog", "1"], args].concat();
    let tail = ClientProcess::start(&mut command(server.address, &args));
    assert!(tail.line().contains("first"));
    tail
}

/// The line without its time of day.
fn timeless(line: &str) -> &str {
    let (time, rest) = line.split_once(' ').unwrap();
    assert_eq!(time.len(), "14:03:05".len(), "{line}");
    rest
}

#[test]
fn a_message_is_a_line_with_its_time_and_indented_further_lines() {
    let server = ServerProcess::on_free_port();
    let tail = tail(&server, &[]);
    publish(&server, &["--name", "Bob", "hi\nthere"]);
    assert_eq!(timeless(&tail.line()), "Bob: hi");
    assert_eq!(tail.line(), "    there");
}

#[test]
fn with_several_rooms_each_line_names_its_room() {
    let server = ServerProcess::on_free_port();
    let tail = tail(&server, &["--room", "lobby", "--room", "größe"]);
    publish(&server, &["--room", "größe", "hi"]);
    assert_eq!(timeless(&tail.line()), "[größe] ada: hi");
}

#[test]
fn json_prints_each_line_as_sent_and_count_ends_the_command() {
    let server = ServerProcess::on_free_port();
    let sent = ["a", "b", "c"].map(|text| {
        let output = run_with(server.address, &["send", "--json", text], "");
        let answer = String::from_utf8(output.stdout).unwrap();
        // Only the response to the sender contains the client_id.
        let (message, _) = answer.split_once(r#","client_id":""#).unwrap();
        format!("{message}}}\n")
    });
    let args = ["tail", "--json", "--backlog", "all", "--count", "2"];
    let output = run_with(server.address, &args, "");
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        sent[..2].concat()
    );
    assert!(output.stderr.is_empty());
}

#[test]
fn since_starts_after_a_message() {
    let server = ServerProcess::on_free_port();
    let id = publish(&server, &["one"]);
    publish(&server, &["two"]);
    let output = run_with(
        server.address,
        &["tail", "--since", &id, "--count", "1"],
        "",
    );
    let line = String::from_utf8(output.stdout).unwrap();
    assert_eq!(timeless(&line), "ada: two\n");
}

#[test]
fn across_kill_and_restart_each_message_is_printed_once_and_the_loss_is_reported() {
    let server = ServerProcess::start(&["--listen", "127.0.0.1:0", "--retry", "50ms..50ms"]);
    let address = server.address;
    let tail = tail(&server, &[]);
    publish(&server, &["before"]);
    assert_eq!(timeless(&tail.line()), "ada: before");
    server.signal("KILL");
    server.wait();
    tail.wait_for_notice("disconnected: ");
    let server = ServerProcess::start(&["--listen", &address.to_string()]);
    publish(&server, &["after"]);
    tail.wait_for_notice("reconnected");
    let line = tail.wait_for_notice("restarted");
    assert!(line.contains("lobby after message 2 may be lost"), "{line}");
    assert_eq!(timeless(&tail.line()), "ada: after");
    publish(&server, &["last"]);
    assert_eq!(timeless(&tail.line()), "ada: last");
}

#[test]
fn a_closed_pipe_ends_the_command_at_once_without_a_new_message() {
    let server = ServerProcess::on_free_port();
    for text in ["a", "b", "c"] {
        publish(&server, &[text]);
    }
    // The shell ends when both have ended.
    let script = "set -o pipefail; \"$0\" tail --backlog all | head -n 3";
    let output = Command::new("bash")
        .args(["-c", script, env!("CARGO_BIN_EXE_sse-chat")])
        .env("SSE_CHAT_URL", format!("http://{}", server.address))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap().lines().count(), 3);
    assert!(output.stderr.is_empty(), "{:?}", output.stderr);
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn a_signal_is_exit_code_130() {
    let server = ServerProcess::on_free_port();
    for signal in ["INT", "TERM"] {
        let mut tail = tail(&server, &[]);
        tail.signal(signal);
        assert_eq!(tail.code(), Some(130));
    }
}

#[test]
fn a_name_joins_and_presence_is_reported() {
    let server = ServerProcess::on_free_port();
    let tail = tail(&server, &["--name", "Bob"]);
    assert_eq!(
        tail.wait_for_notice("in lobby"),
        "sse-chat: 1 in lobby: Bob"
    );
}

#[test]
fn an_unreachable_or_foreign_server_is_exit_code_three() {
    const ENDS: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n";
    for (address, word) in [
        (unused_address(), "connection refused"),
        (fake_server(HTML), "text/html, which is no event stream"),
        (fake_server(ENDS), "no sse-chat's"),
        (fake_server("hello\r\n"), "cut the connection"),
    ] {
        assert_client_fails(&run_with(address, &["tail"], ""), 3, &[word]);
    }
}

#[test]
fn a_refusal_is_exit_code_four() {
    let refused = fake_server(
        "HTTP/1.1 400 Bad Request\r\ncontent-type: application/problem+json\r\n\r\n{\"detail\":\"no such luck\",\"code\":\"invalid_query\"}",
    );
    let output = run_with(refused, &["tail"], "");
    assert_client_fails(&output, 4, &["no such luck (400 invalid_query)"]);
}

#[test]
fn wrong_usage_is_exit_code_two() {
    for (args, word) in [
        (&["tail", "--url", "http://"][..], "http://127.0.0.1:8080"),
        (&["tail", "--room", ".."], "letters"),
        (&["tail", "--backlog", "501"], "0 to 500"),
        (&["tail", "--since", "yesterday"], "event id"),
        (&["tail", "--count", "0"], "at least 1"),
        (&["tail", "--name", ""], "1 to 32"),
    ] {
        assert_client_fails(&run(args), 2, &[word]);
    }
}

#[test]
fn a_full_disk_is_a_failure() {
    let server = ServerProcess::on_free_port();
    publish(&server, &["hi"]);
    let full = std::fs::File::create("/dev/full").unwrap();
    let output = command(server.address, &["tail", "--backlog", "1"])
        .stdout(full)
        .output()
        .unwrap();
    assert_client_fails(&output, 1, &["standard output: No space left"]);
}
