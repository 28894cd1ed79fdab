//! Settings from variables: empty values, invalid values, switches. The flags are
//! read from `-h`, so that new ones are covered.

use crate::server_process::{ServerProcess, assert_fails, program, run};

/// The commands that have flags with variables.
const COMMANDS: [&str; 5] = ["serve", "send", "tail", "health", "bench"];

/// A flag as help prints it.
struct Flag {
    flag: String,
    variable: String,
    is_switch: bool,
}

/// All flags of a command that have a variable.
fn flags(command: &str) -> Vec<Flag> {
    let help = program()
        .args([command, "-h"])
        .env("COLUMNS", "1000")
        .output()
        .unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let lines = help.split("\n      --").skip(1);
    let flags: Vec<Flag> = lines.filter_map(flag).collect();
    assert!(!flags.is_empty(), "{command}: {help}");
    flags
}

fn flag(text: &str) -> Option<Flag> {
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let variable = words.split("[env: ").nth(1)?.split(['=', ']']).next()?;
    let (name, rest) = words.split_once(' ')?;
    Some(Flag {
        flag: format!("--{name}"),
        variable: variable.to_owned(),
        is_switch: !rest.starts_with('<'),
    })
}

#[test]
fn an_empty_variable_counts_as_unset_for_every_flag() {
    for empty in ["", " "] {
        let mut command = program();
        command.args(["--listen", "127.0.0.1:0"]);
        command.envs(
            flags("serve")
                .into_iter()
                .map(|flag| (flag.variable, empty)),
        );
        // Variables that are not parsed by clap.
        for other in ["LISTEN_FDS", "LISTEN_PID", "NOTIFY_SOCKET", "WATCHDOG_USEC"] {
            command.env(other, empty.trim());
        }
        command
            .env("TOKIO_WORKER_THREADS", empty)
            .env("NO_COLOR", empty);
        let server = ServerProcess::spawn(&mut command);
        assert!(server.request("GET /rooms", "").starts_with("HTTP/1.1 404"));
        let page = server.request("GET /rooms/lobby/messages", "");
        assert!(page.starts_with("HTTP/1.1 200"), "{page}");
        server.signal("TERM");
        let (code, log) = server.wait();
        assert_eq!(code, Some(0));
        assert!(log.contains(" INFO started "), "the log is on: {log}");
    }
}

#[test]
fn an_empty_variable_counts_as_unset_for_the_commands_of_a_client() {
    let server = ServerProcess::on_free_port();
    let url = format!("http://{}", server.address);
    for command in ["send", "tail", "health", "bench"] {
        for flag in flags(command) {
            // SSE_CHAT_URL may be the empty variable, so the URL is a flag here.
            let mut health = program();
            health
                .args(["health", "--url", &url])
                .env(&flag.variable, "");
            assert!(
                health.output().unwrap().status.success(),
                "{}",
                flag.variable
            );
        }
    }
    // Variables only: an empty SSE_CHAT_URL falls back to SSE_CHAT_LISTEN.
    let mut health = program();
    health.arg("health").env("SSE_CHAT_URL", "");
    health.env("SSE_CHAT_LISTEN", server.address.to_string());
    assert!(health.output().unwrap().status.success());
}

#[test]
fn an_error_names_the_invalid_variable_or_the_invalid_flag() {
    // Invalid for every flag: as a number, a name, a path and an address.
    let invalid = "/proc/nowhere?!";
    for flag in flags("serve") {
        let output = program().env(&flag.variable, invalid).output().unwrap();
        assert_fails(&output, 1, &[&flag.variable]);
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(!error.contains(&format!("{} ", flag.flag)), "{error}");
        if !flag.is_switch {
            let call = [flag.flag.as_str(), invalid];
            // The flag has precedence, so the error names the flag.
            let output = program().args(call).env(&flag.variable, invalid).output();
            let output = output.unwrap();
            assert_fails(&output, 1, &[&flag.flag]);
            let error = String::from_utf8(output.stderr).unwrap();
            assert!(!error.contains(&flag.variable), "{error}");
        }
    }
    for command in COMMANDS.into_iter().filter(|command| *command != "serve") {
        let output = program().arg(command).env("SSE_CHAT_URL", invalid).output();
        assert_fails(&output.unwrap(), 2, &["SSE_CHAT_URL", invalid]);
        let output = run(&[command, "--url", invalid]);
        assert_fails(&output, 2, &["--url", invalid]);
    }
}

#[test]
fn an_error_after_parsing_names_the_variable_too() {
    for (variable, value) in [
        ("SSE_CHAT_MAX_ROOMS", "0"),
        ("SSE_CHAT_RETRY", "5s..2s"),
        ("SSE_CHAT_LISTEN", "192.0.2.1:0"),
        ("SSE_CHAT_METRICS", "192.0.2.1:0"),
    ] {
        for call in [&[][..], &["serve"]] {
            let mut command = program();
            command.args(call).env("SSE_CHAT_LISTEN", "127.0.0.1:0");
            let output = command.env(variable, value).output().unwrap();
            assert_fails(&output, 1, &[&format!("sse-chat: {variable}")]);
        }
    }
    let mut command = program();
    command.env("TOKIO_WORKER_THREADS", "many");
    assert_fails(
        &command.output().unwrap(),
        1,
        &["TOKIO_WORKER_THREADS", "many"],
    );
}

#[test]
fn a_variable_that_is_not_utf_8_is_named() {
    use std::os::unix::ffi::OsStrExt as _;
    let odd = std::ffi::OsStr::from_bytes(b"\xff");
    let output = program().env("SSE_CHAT_PING", odd).output().unwrap();
    assert_fails(&output, 1, &["SSE_CHAT_PING", "UTF-8"]);
}

#[test]
fn help_lists_empty_variables() {
    let output = program().arg("-h").env("SSE_CHAT_METRICS", "").output();
    let help = String::from_utf8(output.unwrap().stdout).unwrap();
    assert!(help.contains("SSE_CHAT_METRICS="), "{help}");
}

#[test]
fn a_switch_variable_takes_only_unambiguous_values() {
    for (value, status) in [
        ("true", 200),
        ("1", 200),
        ("yes", 200),
        (" On ", 200),
        ("false", 404),
        ("0 ", 404),
        ("no", 404),
        ("off\n", 404),
    ] {
        let mut command = program();
        command.args(["--listen", "127.0.0.1:0"]);
        let server = ServerProcess::spawn(command.env("SSE_CHAT_LIST_ROOMS", value));
        let answer = server.request("GET /rooms", "");
        let expected = format!("HTTP/1.1 {status} ");
        assert!(answer.starts_with(&expected), "{value:?}: {answer}");
    }
    let all = flags("serve");
    let switches: Vec<_> = all.iter().filter(|flag| flag.is_switch).collect();
    assert!(switches.len() >= 4);
    for switch in switches.iter().map(|switch| &switch.variable) {
        for value in ["maybe", "2", "falsee", "true,true"] {
            let output = program().env(switch, value).output().unwrap();
            assert_fails(&output, 1, &[switch, value, "true, false"]);
        }
    }
}
