//! `sse-chat send`: exit codes, and that each message is published once.

use std::io::Write as _;
use std::process::Stdio;

use crate::client_process::{
    ClientProcess, HTML, assert_client_fails, command, fake_server, run_with, unused_address,
};
use crate::server_process::{ServerProcess, run};

#[test]
fn words_are_one_message_and_its_id_is_printed() {
    let server = ServerProcess::on_free_port();
    let output = run_with(server.address, &["send", "Dinner", "is  ready", "-5"], "");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let id = String::from_utf8(output.stdout).unwrap();
    assert!(id.ends_with("-1\n"), "{id}");
    let page = server.request("GET /rooms/lobby/messages", "");
    assert!(
        page.contains(r#""name":"ada","message":"Dinner is  ready -5""#),
        "{page}"
    );
}

#[test]
fn json_prints_the_message_as_the_server_returned_it() {
    let server = ServerProcess::on_free_port();
    let args = [
        "send", "--json", "--room", "größe", "--name", "CI", "a\n\"b\"",
    ];
    let output = run_with(server.address, &args, "");
    let line = String::from_utf8(output.stdout).unwrap();
    let page = server.request("GET /rooms/gr%C3%B6%C3%9Fe/messages", "");
    // Only the response to the sender contains the client_id.
    let (message, client_id) = line.split_once(r#","client_id":""#).unwrap();
    assert!(client_id.ends_with("\"}\n"), "{line}");
    assert!(page.contains(&format!("{message}}}")), "{line}{page}");
}

#[test]
fn each_line_of_standard_input_is_a_message_in_order() {
    let server = ServerProcess::on_free_port();
    for args in [&["send"][..], &["send", "-"]] {
        let output = run_with(server.address, args, "one\n\ntwo\r\n  \n三");
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert_eq!(String::from_utf8(output.stdout).unwrap().lines().count(), 3);
    }
    let page = server.request("GET /rooms/lobby/messages", "");
    let positions: Vec<_> = ["one", "two", "三"]
        .map(|word| page.find(&format!("\"message\":\"{word}\"")).unwrap())
        .into();
    assert!(positions.is_sorted(), "{page}");
}

#[test]
fn a_refused_line_ends_the_command_and_is_reported_by_number() {
    let server = ServerProcess::on_free_port();
    let input = format!("fine\n{}\nnever\n", "x".repeat(5000));
    let output = run_with(server.address, &["send"], &input);
    assert_eq!(output.status.code(), Some(4));
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(
        error.starts_with("sse-chat: line 2: refused: ") && error.contains("message_too_large"),
        "{error}"
    );
    assert!(
        !server
            .request("GET /rooms/lobby/messages", "")
            .contains("never")
    );
}

#[test]
fn an_unreachable_or_foreign_server_is_exit_code_three() {
    for (address, word) in [
        (unused_address(), "connection refused"),
        (fake_server(HTML), "text/html, which is no message"),
        (fake_server("220 smtp ready\r\n"), "cut the connection"),
    ] {
        assert_client_fails(&run_with(address, &["send", "hi"], ""), 3, &[word]);
    }
}

#[test]
fn wrong_usage_is_exit_code_two() {
    for (args, word) in [
        (
            &["send", "--url", "ftp://x", "hi"][..],
            "http://127.0.0.1:8080",
        ),
        (&["send", "--room", "a b", "hi"], "letters"),
        (&["send", "--name", "", "hi"], "1 to 32"),
    ] {
        assert_client_fails(&run(args), 2, &[word]);
    }
}

/// A server on which every client may publish events.
fn open_server() -> ServerProcess {
    ServerProcess::start(&["--listen", "127.0.0.1:0", "--open-events"])
}

#[test]
fn an_event_is_published_from_words_a_file_or_standard_input_to_the_byte() {
    let server = open_server();
    let file = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("event.html");
    std::fs::write(&file, "<p>\nä</p>\n").unwrap();
    let file = file.to_str().unwrap();
    for (args, input) in [
        (&["--event", "e.1", "a", " b"][..], ""),
        (&["--event", "message", "--file", file], ""),
        (&["--event", "e.3"], "one\n\ntwo\n"),
        (&["--event", "e.4", "-"], ""),
        (
            &["--event", "e.5", "--content-type", "application/json", "{}"],
            "",
        ),
    ] {
        let args = [&["send"], args].concat();
        let output = run_with(server.address, &args, input);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert_eq!(String::from_utf8(output.stdout).unwrap().lines().count(), 1);
    }
    let page = server.request("GET /rooms/lobby/messages", "");
    for entry in [
        r#""event":"e.1","data":"a  b""#,
        r#""event":"message","data":"<p>\nä</p>\n""#,
        r#""event":"e.3","data":"one\n\ntwo\n""#,
        r#""event":"e.4","data":"""#,
        r#""event":"e.5","data":"{}""#,
    ] {
        assert!(page.contains(entry), "{entry} in {page}");
    }
}

#[test]
fn a_client_id_is_published_once() {
    let server = open_server();
    for what in [&["--event", "e", "x"][..], &["x"]] {
        let room = format!("room-{}", what.len());
        let args = ["send", "--json", "--room", &room, "--client-id", "c-1"];
        let answers = [(), ()].map(|()| run_with(server.address, &[&args, what].concat(), ""));
        assert_eq!(answers[0].status.code(), Some(0), "{answers:?}");
        assert_eq!(answers[0].stdout, answers[1].stdout);
        let other = [&args[..], &what[..what.len() - 1], &["y"]].concat();
        let output = run_with(server.address, &other, "");
        assert_client_fails(&output, 4, &["client_id_reused"]);
    }
    let output = run_with(server.address, &["send", "--client-id", "c-1"], "x\n");
    assert_client_fails(&output, 2, &["--client-id", "one message"]);
}

#[test]
fn an_event_is_refused_for_its_name_payload_or_type() {
    let server = open_server();
    for (args, code, word) in [
        (&["--event", "update", "x"][..], 2, "reserved"),
        (&["--event", "a b", "x"], 2, "1 to 64"),
        (
            &["--event", "e", "--file", "/nowhere"],
            1,
            "/nowhere: No such file",
        ),
        (
            &["--event", "e", "--content-type", "image/png", "x"],
            4,
            "415",
        ),
        (
            &["--event", "e", "--content-type", "application/json", "{"],
            4,
            "invalid_json",
        ),
    ] {
        let output = run_with(server.address, &[&["send"], args].concat(), "");
        assert_client_fails(&output, code, &[word]);
    }
    for args in [
        &["send", "--file", "/dev/null"][..],
        &["send", "--content-type", "text/html", "x"],
        &["send", "--event", "e", "--name", "Ada", "x"],
        &["send", "--event", "e", "--file", "/dev/null", "x"],
    ] {
        assert_eq!(run(args).status.code(), Some(2), "{args:?}");
    }
    let closed = ServerProcess::on_free_port();
    let output = run_with(closed.address, &["send", "--event", "e", "x"], "");
    assert_client_fails(&output, 4, &["refused: ", "forbidden"]);
    let large = "x".repeat((1 << 20) + 1);
    let output = run_with(server.address, &["send", "--event", "e"], &large);
    assert_client_fails(&output, 1, &["standard input: it has over 1048576 bytes"]);
}

#[test]
fn lines_sent_across_a_restart_are_published_once() {
    let server = ServerProcess::on_free_port();
    let address = server.address;
    let mut sending = ClientProcess::start(command(address, &["send"]).stdin(Stdio::piped()));
    let mut input = sending.child.stdin.take().unwrap();
    writeln!(input, "before").unwrap();
    assert!(sending.line().ends_with("-1"));
    server.signal("KILL");
    server.wait();
    writeln!(input, "after").unwrap();
    let server = ServerProcess::start(&["--listen", &address.to_string()]);
    drop(input);
    assert!(sending.line().ends_with("-1"));
    assert_eq!(sending.code(), Some(0));
    let page = server.request("GET /rooms/lobby/messages", "");
    assert_eq!(page.matches("\"message\":\"after\"").count(), 1, "{page}");
}

#[test]
fn a_signal_is_exit_code_130() {
    let server = ServerProcess::on_free_port();
    for signal in ["INT", "TERM"] {
        let mut sending =
            ClientProcess::start(command(server.address, &["send"]).stdin(Stdio::piped()));
        let mut input = sending.child.stdin.take().unwrap();
        writeln!(input, "hi").unwrap();
        sending.line();
        sending.signal(signal);
        assert_eq!(sending.code(), Some(130));
    }
}
