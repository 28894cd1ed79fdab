//! `sse-chat tail`: what is said, once each, and what was lost.

use std::process::{Command, Stdio};

use crate::running::{Running, run};
use crate::talking::{HTML, Talking, answering, assert_ends, command, nobody, run_with};

/// Says something, and returns its id.
fn say(server: &Running, args: &[&str]) -> String {
    let args = [&["send"], args].concat();
    let output = run_with(server.address, &args, "");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    String::from_utf8(output.stdout)
        .unwrap()
        .trim_end()
        .to_owned()
}

/// A tail that has begun: it has shown a message that was said before.
fn tail(server: &Running, args: &[&str]) -> Talking {
    say(server, &["first"]);
    let args = [&["tail", "--backlog", "1"], args].concat();
    let tail = Talking::start(&mut command(server.address, &args));
    assert!(tail.line().contains("first"));
    tail
}

/// A line without its time of day.
fn timeless(line: &str) -> &str {
    let (time, rest) = line.split_once(' ').unwrap();
    assert_eq!(time.len(), "14:03:05".len(), "{line}");
    rest
}

#[test]
fn a_message_is_a_line_with_its_time_and_more_lines_below() {
    let server = Running::free();
    let tail = tail(&server, &[]);
    say(&server, &["--name", "Bob", "hi\nthere"]);
    assert_eq!(timeless(&tail.line()), "Bob: hi");
    assert_eq!(tail.line(), "    there");
}

#[test]
fn several_rooms_are_told_apart() {
    let server = Running::free();
    let tail = tail(&server, &["--room", "lobby", "--room", "größe"]);
    say(&server, &["--room", "größe", "hi"]);
    assert_eq!(timeless(&tail.line()), "[größe] ada: hi");
}

#[test]
fn json_is_a_line_exactly_as_it_was_sent_and_count_ends_it() {
    let server = Running::free();
    let said = ["a", "b", "c"].map(|text| {
        let output = run_with(server.address, &["send", "--json", text], "");
        let answer = String::from_utf8(output.stdout).unwrap();
        // Only the answer to the sender has the client_id.
        let (message, _) = answer.split_once(r#","client_id":""#).unwrap();
        format!("{message}}}\n")
    });
    let args = ["tail", "--json", "--backlog", "all", "--count", "2"];
    let output = run_with(server.address, &args, "");
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        said[..2].concat()
    );
    assert!(output.stderr.is_empty());
}

#[test]
fn since_goes_on_after_a_message() {
    let server = Running::free();
    let id = say(&server, &["one"]);
    say(&server, &["two"]);
    let output = run_with(
        server.address,
        &["tail", "--since", &id, "--count", "1"],
        "",
    );
    let line = String::from_utf8(output.stdout).unwrap();
    assert_eq!(timeless(&line), "ada: two\n");
}

#[test]
fn through_kill_and_restart_each_message_is_shown_once_and_the_loss_is_told() {
    let server = Running::start(&["--listen", "127.0.0.1:0", "--retry", "50ms..50ms"]);
    let address = server.address;
    let tail = tail(&server, &[]);
    say(&server, &["before"]);
    assert_eq!(timeless(&tail.line()), "ada: before");
    server.signal("KILL");
    server.ended();
    tail.says("cut: ");
    let server = Running::start(&["--listen", &address.to_string()]);
    say(&server, &["after"]);
    tail.says("connected again");
    let line = tail.says("restarted");
    assert!(line.contains("lobby after message 2 is lost"), "{line}");
    assert_eq!(timeless(&tail.line()), "ada: after");
    say(&server, &["last"]);
    assert_eq!(timeless(&tail.line()), "ada: last");
}

#[test]
fn a_reader_that_goes_ends_it_at_once_though_nothing_is_said() {
    let server = Running::free();
    for text in ["a", "b", "c"] {
        say(&server, &[text]);
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
    let server = Running::free();
    for signal in ["INT", "TERM"] {
        let mut tail = tail(&server, &[]);
        tail.signal(signal);
        assert_eq!(tail.code(), Some(130));
    }
}

#[test]
fn a_name_joins_and_is_told_who_comes() {
    let server = Running::free();
    let tail = tail(&server, &["--name", "Bob"]);
    assert_eq!(tail.says("in lobby"), "sse-chat: 1 in lobby: Bob");
}

#[test]
fn a_server_that_is_none_is_exit_code_three() {
    const ENDS: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n";
    for (address, word) in [
        (nobody(), "connection refused"),
        (answering(HTML), "text/html, which is no event stream"),
        (answering(ENDS), "no sse-chat's"),
        (answering("hello\r\n"), "cut the connection"),
    ] {
        assert_ends(&run_with(address, &["tail"], ""), 3, &[word]);
    }
}

#[test]
fn a_refusal_is_exit_code_four() {
    let refused = answering(
        "HTTP/1.1 400 Bad Request\r\ncontent-type: application/problem+json\r\n\r\n{\"detail\":\"no such luck\",\"code\":\"invalid_query\"}",
    );
    let output = run_with(refused, &["tail"], "");
    assert_ends(&output, 4, &["no such luck (400 invalid_query)"]);
}

#[test]
fn a_wrong_use_is_exit_code_two() {
    for (args, word) in [
        (&["tail", "--url", "http://"][..], "http://127.0.0.1:8080"),
        (&["tail", "--room", ".."], "letters"),
        (&["tail", "--backlog", "501"], "0 to 500"),
        (&["tail", "--since", "yesterday"], "event id"),
        (&["tail", "--count", "0"], "from 1 on"),
        (&["tail", "--name", ""], "1 to 32"),
    ] {
        assert_ends(&run(args), 2, &[word]);
    }
}

#[test]
fn a_full_disk_is_a_failure() {
    let server = Running::free();
    say(&server, &["hi"]);
    let full = std::fs::File::create("/dev/full").unwrap();
    let output = command(server.address, &["tail", "--backlog", "1"])
        .stdout(full)
        .output()
        .unwrap();
    assert_ends(&output, 1, &["standard output: No space left"]);
}
