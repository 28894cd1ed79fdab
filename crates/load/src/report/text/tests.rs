//! The page of each mode.

use super::*;
use crate::report::{GateResult, sample};

fn text(report: &Report) -> String {
    painted(report, false)
}

fn painted(report: &Report, paint: bool) -> String {
    let mut out = Vec::new();
    write(report, &mut out, paint).unwrap();
    String::from_utf8(out).unwrap()
}

#[track_caller]
fn has(text: &str, lines: &[&str]) {
    for line in lines {
        assert!(text.lines().any(|it| it == *line), "no {line:?} in\n{text}");
    }
}

#[test]
fn the_page_of_a_fan_out_is_complete() {
    let text = text(&sample::fanout());
    has(
        &text,
        &[
            "sse-chat 0.1.0  bench fanout  http://127.0.0.1:8080",
            "Load         50 msg/s, 128 bytes each, 1 room",
            "Run          10,000 subscribers  30.0 s measured",
            "Connect      10,000 ok  0 failed  1.62 s (6,173/s)",
            "Published    1,500 sent  1,500 accepted  0 refused  0 unanswered  50.0/s",
            "Delivered    15,000,000 of 15,000,000  0 lost  0 doubled  0 out of order",
            "Throughput   500,000 deliveries/s  112 MiB/s",
            "Latency from intended sending         p50      p90      p99    p99.9      max",
            "  each subscriber                 20.0 ms  36.0 ms  39.6 ms   400 ms   400 ms",
            "Server       CPU 3.10 cores  6.20 µs CPU per delivery  13.1 KiB per subscriber",
            "Generator    lag p99 9.90 ms, max 100 ms  CPU 1.25 cores  busiest thread 87 %",
        ],
    );
    assert!(!text.contains("INTERRUPTED") && !text.contains("Gate"));
}

#[test]
fn no_line_is_wider_than_a_terminal_of_80_columns() {
    let reports = [
        sample::fanout(),
        sample::sweep(),
        sample::idle(),
        sample::publish_only(),
        sample::resume(),
        sample::empty(),
    ];
    for line in reports.iter().map(text).collect::<String>().lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
}

#[test]
fn a_mode_has_only_the_lines_that_apply_to_it() {
    let idle = text(&sample::idle());
    for absent in ["Published", "Delivered", "Throughput", "Latency", "Server"] {
        assert!(!idle.contains(absent), "{absent} in\n{idle}");
    }
    assert!(idle.contains("connect: the answer"));
    let publish = text(&sample::publish_only());
    assert!(!publish.contains("subscriber") && !publish.contains("Connect"));
    has(&publish, &["Run          30.0 s measured"]);
    let resume = text(&sample::resume());
    has(
        &resume,
        &["Resumed      100 missed each  998 of 1,000 whole again  2.50 s until the last"],
    );
}

#[test]
fn a_sweep_ends_with_a_row_for_each_number_of_subscribers() {
    let text = text(&sample::sweep());
    let rows: Vec<&str> = text.lines().rev().take(4).collect();
    assert!(rows[3].starts_with("subscribers  deliveries/s"), "{text}");
    assert!(
        rows[0].starts_with("     10,000       500,000  20.0 ms"),
        "{text}"
    );
}

#[test]
fn only_losses_and_failures_are_red_and_only_if_colours_are_wanted() {
    let mut report = sample::fanout();
    assert!(!painted(&report, true).contains("\x1b[31m"));
    let delivery = report.runs[0].delivery.as_mut().unwrap();
    delivery.lost = 1_234;
    assert!(painted(&report, true).contains("\x1b[31m1,234 lost\x1b[0m"));
    assert!(!text(&report).contains('\x1b'));
    assert!(text(&report).contains("  1,234 lost  "));
}

#[test]
fn a_call_that_was_interrupted_says_so_first_and_last() {
    let mut report = sample::fanout();
    report.interrupted = true;
    report.runs[0].interrupted = true;
    let text = text(&report);
    assert_eq!(text.lines().next(), Some(INTERRUPTED));
    assert_eq!(text.lines().last(), Some(INTERRUPTED));
    has(
        &text,
        &["Run          10,000 subscribers  30.0 s measured  interrupted"],
    );
}

#[test]
fn warnings_gates_and_the_first_failure_are_there() {
    let mut report = sample::fanout();
    report.runs[0].warnings = vec!["a word ".repeat(30)];
    report.runs[0].connect.failed = 1;
    report.runs[0].connect.first_failure = Some("connection\nrefused".to_owned());
    report.gates = vec![GateResult {
        condition: "p99>50ms".to_owned(),
        measured: "41.7 ms".to_owned(),
        failed: false,
    }];
    let text = text(&report);
    has(
        &text,
        &[
            "             the first failure: connection refused",
            "Gate         passed  not p99>50ms  measured 41.7 ms",
        ],
    );
    assert!(text.contains("Warning      a word a word"));
}

#[test]
fn a_report_without_runs_is_a_header() {
    assert_eq!(text(&sample::empty()).lines().count(), 4);
}

#[test]
fn slow_subscribers_and_unsent_messages_are_shown() {
    let mut report = sample::fanout();
    report.runs[0].publish.as_mut().unwrap().due = 2_000;
    report.runs[0].slow = Some(SlowDelivery {
        subscribers: 500,
        received: 12_345,
        lost: 0,
        announced_lost: 3,
        disconnected: 2,
    });
    let text = text(&report);
    assert!(text.contains("Published    1,500 of 2,000 due sent"));
    assert!(text.contains("Slow         500 subscribers  12,345 received  0 lost"));
}
