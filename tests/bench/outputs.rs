//! The summary, the files and the gates of a run.

use std::io::Read as _;
use std::path::PathBuf;

use crate::called::{bench, call, finish, report_on};
use crate::server::{Cheat, CheatingServer, Lost};

const LOAD: [&str; 8] = [
    "--subscribers",
    "2",
    "--messages",
    "20",
    "--rate",
    "200",
    "--warmup",
    "0s",
];

/// A path that no other test uses.
fn file(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("sse-chat-{}-{name}", std::process::id()))
}

#[test]
fn the_summary_is_the_only_output() {
    let mut args = LOAD.to_vec();
    args.push("--spawn");
    let called = call(&args);
    assert_eq!((called.code, called.talk.as_str()), (Some(0), ""));
    for words in [
        "40 of 40",
        "0 lost",
        "p99.9",
        "CPU per delivery",
        "Generator",
    ] {
        assert!(called.out.contains(words), "{words}: {}", called.out);
    }
    assert!(!called.out.contains('\u{1b}'), "no colours in a pipe");
}

#[test]
fn the_files_are_complete() {
    let (json, csv, svg) = (file("a.json"), file("a.csv"), file("a.svg"));
    let mut command = bench(&LOAD);
    command.arg("--spawn").arg("--json").arg(&json);
    command.arg("--csv").arg(&csv).arg("--svg").arg(&svg);
    let called = finish(command.spawn().unwrap());
    assert_eq!(called.code, Some(0), "{called:#?}");
    let [json, csv, svg] = [json, csv, svg].map(|path| {
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::remove_file(path).unwrap();
        text
    });
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["schema"], 1);
    assert!(csv.starts_with("subscribers,t,connected,sent,delivered,bytes"));
    let sent: u64 = csv
        .lines()
        .skip(1)
        .map(|row| row.split(',').nth(3).unwrap().parse::<u64>().unwrap())
        .sum();
    assert_eq!(sent, 20);
    let columns = csv.lines().next().unwrap().split(',').count();
    let rows = csv.lines().skip(1);
    let rows: Vec<Vec<&str>> = rows.map(|row| row.split(',').collect()).collect();
    assert_eq!(
        rows.len(),
        json["runs"][0]["series"].as_array().unwrap().len()
    );
    for row in &rows {
        assert_eq!(row.len(), columns, "{csv}");
    }
    for pair in rows.windows(2) {
        let [before, after] = [&pair[0], &pair[1]].map(|row| row[1].parse::<f64>().unwrap());
        assert!(after > before, "one row per second: {csv}");
    }
    assert!(svg.contains("<svg") && svg.trim_end().ends_with("</svg>"));
}

#[test]
fn a_file_that_can_t_be_written_fails_before_the_load() {
    let mut args = LOAD.to_vec();
    args.extend([
        "--url",
        "http://127.0.0.1:1",
        "--svg",
        "/no/such/folder/a.svg",
    ]);
    call(&args).assert_fails(1, &["/no/such/folder/a.svg"]);
}

#[test]
fn a_condition_that_holds_fails_the_command_after_the_report() {
    let how = Lost::Openly;
    let server = CheatingServer::start(Cheat::Lose { every: 5, how });
    let url = format!("http://{}", server.address);
    let mut args = LOAD.to_vec();
    args.extend(["--url", &url, "--drain", "3s", "--publishers", "1"]);
    args.extend(["--fail-if", "lost > 3", "--fail-if", "doubled>0"]);
    let called = call(&args);
    assert_eq!(called.code, Some(99), "{called:#?}");
    assert!(called.out.contains("4 lost"), "{called:#?}");
}

#[test]
fn a_report_says_which_gate_failed() {
    let how = Lost::Openly;
    let server = CheatingServer::start(Cheat::Lose { every: 5, how });
    let mut args = LOAD.to_vec();
    args.extend(["--drain", "3s", "--publishers", "1"]);
    args.extend(["--fail-if", "lost>0", "--fail-if", "doubled>0"]);
    let (called, report) = report_on(server.address, &args);
    assert_eq!(called.code, Some(99), "{called:#?}");
    let gates = &report["gates"];
    assert_eq!(gates[0]["failed"], true, "{gates:#}");
    assert_eq!(gates[1]["failed"], false, "{gates:#}");
}

#[test]
fn the_command_succeeds_if_no_condition_holds() {
    let mut args = LOAD.to_vec();
    args.extend(["--spawn", "--fail-if", "lost>0", "--fail-if", "p99>120s"]);
    assert_eq!(call(&args).code, Some(0));
}

#[test]
fn a_gate_on_a_missing_value_fails() {
    let mut args = LOAD.to_vec();
    let server = CheatingServer::start(Cheat::None);
    let url = format!("http://{}", server.address);
    // The memory of a server without --pid is not measured.
    args.extend(["--url", &url, "--fail-if", "memory>1GiB"]);
    let called = call(&args);
    assert_eq!(called.code, Some(99), "{called:#?}");
    assert!(called.out.contains("not measured"), "{called:#?}");
}

#[test]
fn a_closed_standard_output_is_no_failure() {
    let mut args = LOAD.to_vec();
    args.push("--spawn");
    let mut child = bench(&args).spawn().unwrap();
    drop(child.stdout.take());
    let mut talk = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut talk)
        .unwrap();
    let code = child.wait().unwrap().code();
    assert_eq!((code, talk.as_str()), (Some(0), ""));
}

#[test]
fn a_gate_on_losses_fails_if_no_message_was_delivered() {
    let args = [
        "--spawn",
        "--subscribers",
        "1",
        "--duration",
        "0s",
        "--warmup",
        "0s",
    ];
    let mut args = args.to_vec();
    args.extend(["--fail-if", "lost>0"]);
    let called = call(&args);
    assert_eq!(called.code, Some(99), "{called:#?}");
}

#[test]
fn a_report_does_not_contain_header_values() {
    let mut args = LOAD.to_vec();
    args.extend([
        "--spawn",
        "--json",
        "-",
        "-H",
        "Authorization: Bearer secret",
    ]);
    let called = call(&args);
    assert_eq!(called.code, Some(0), "{called:#?}");
    assert!(!called.out.contains("secret"), "{called:#?}");
}
