//! Servers that lose, duplicate, reorder, delay, refuse, cut or pause: the report
//! has exactly these faults.

use std::time::Duration;

use serde_json::Value;

use crate::called::{assert_wrongs, delivery, report_on};
use crate::server::{Cheat, CheatingServer, Lost};

const MESSAGES: u64 = 70;
const SUBSCRIBERS: u64 = 3;
/// 70 messages of one publisher without a warm-up.
const LOAD: [&str; 10] = [
    "--subscribers",
    "3",
    "--messages",
    "70",
    "--rate",
    "500",
    "--publishers",
    "1",
    "--warmup",
    "0s",
];

/// For a server that delivers everything. The drain is longer than it needs on a
/// slow machine, and never waited for in full.
#[track_caller]
fn report(cheat: Cheat) -> Value {
    report_after(cheat, "20s")
}

/// For a server that loses messages: the run waits for them until the drain is over.
#[track_caller]
fn report_with_losses(cheat: Cheat) -> Value {
    report_after(cheat, "3s")
}

#[track_caller]
fn report_after(cheat: Cheat, drain: &str) -> Value {
    let server = CheatingServer::start(cheat);
    let mut load = LOAD.to_vec();
    load.extend(["--drain", drain]);
    let (called, report) = report_on(server.address, &load);
    assert_eq!(called.code, Some(0), "{called:#?}");
    report
}

#[test]
fn the_report_on_a_correct_server_has_no_faults() {
    let report = report(Cheat::None);
    assert_wrongs(&report, &[]);
    assert_eq!(delivery(&report, "expected"), MESSAGES * SUBSCRIBERS);
    assert_eq!(delivery(&report, "received"), MESSAGES * SUBSCRIBERS);
    assert_eq!(delivery(&report, "incomplete"), 0);
    assert_eq!(report["runs"][0]["publish"]["accepted"], MESSAGES);
}

#[test]
fn lost_messages_and_holes_in_the_numbers_are_counted() {
    let how = Lost::Openly;
    let report = report_with_losses(Cheat::Lose { every: 7, how });
    // The last message is lost too, but no later number shows its hole.
    assert_wrongs(&report, &[("lost", 10), ("number_holes", 9)]);
    assert_eq!(delivery(&report, "incomplete"), 10);
    assert_eq!(delivery(&report, "expected"), MESSAGES * SUBSCRIBERS);
}

#[test]
fn a_loss_that_the_numbers_hide_is_counted() {
    let how = Lost::Renumbered;
    let report = report_with_losses(Cheat::Lose { every: 7, how });
    assert_wrongs(&report, &[("lost", 10)]);
}

#[test]
fn a_loss_that_a_gap_announces_is_counted_apart() {
    let how = Lost::Announced;
    let report = report_with_losses(Cheat::Lose { every: 7, how });
    assert_wrongs(&report, &[("announced_lost", 10)]);
}

#[test]
fn a_message_delivered_twice_is_doubled() {
    let report = report(Cheat::Double(5));
    assert_wrongs(&report, &[("doubled", MESSAGES / 5 * SUBSCRIBERS)]);
    assert_eq!(delivery(&report, "received"), MESSAGES * SUBSCRIBERS);
}

#[test]
fn a_message_after_its_successor_is_out_of_order() {
    // Every 9th, because the 70th message has no successor and would be lost.
    let report = report(Cheat::Swap(9));
    let swapped = MESSAGES / 9 * SUBSCRIBERS;
    // The successor arrives first. The number before it is missing at that time,
    // which counts as a hole.
    assert_wrongs(
        &report,
        &[("out_of_order", swapped), ("number_holes", swapped)],
    );
}

#[test]
fn every_time_includes_a_delay_of_the_server() {
    let server = CheatingServer::start(Cheat::Delay(Duration::from_millis(300)));
    let load = [
        "--subscribers",
        "3",
        "--messages",
        "5",
        "--in-flight",
        "1",
        "--warmup",
        "0s",
    ];
    let (_, report) = report_on(server.address, &load);
    assert_wrongs(&report, &[]);
    for time in ["each", "last", "from_sending"] {
        let p50 = &report["runs"][0]["delivery"][time]["p50_us"];
        assert!(p50.as_f64().unwrap() >= 300_000.0, "{time}: {p50}");
    }
}

#[test]
fn a_refused_message_is_neither_published_nor_lost() {
    let report = report(Cheat::Refuse(4));
    assert_wrongs(&report, &[]);
    let publish = &report["runs"][0]["publish"];
    assert_eq!(publish["refused"], MESSAGES / 4);
    assert_eq!(publish["accepted"], MESSAGES - MESSAGES / 4);
    let failure = publish["first_failure"].as_str().unwrap();
    assert!(failure.contains("429"), "{failure}");
}

#[test]
fn a_cut_stream_resumes_without_a_loss() {
    let (after, resume) = (20, true);
    let report = report(Cheat::Cut { after, resume });
    assert_wrongs(&report, &[("disconnected", 1)]);
    assert_eq!(delivery(&report, "received"), MESSAGES * SUBSCRIBERS);
}

#[test]
fn without_resume_the_messages_that_a_cut_stream_misses_are_lost() {
    let (after, resume) = (20, false);
    let report = report_with_losses(Cheat::Cut { after, resume });
    let lost = delivery(&report, "lost");
    assert!(lost > 0, "{report:#}");
    assert_eq!(delivery(&report, "disconnected"), 1);
    assert_eq!(delivery(&report, "received") + lost, MESSAGES * SUBSCRIBERS);
}

/// A load that waits for the server sends nothing during a pause, so its times would
/// not include it (coordinated omission). This load follows the clock.
#[test]
fn the_times_include_a_pause_of_the_server() {
    let (after, time) = (100, Duration::from_secs(1));
    let server = CheatingServer::start(Cheat::Stall { after, time });
    let load = [
        "--subscribers",
        "2",
        "--duration",
        "3s",
        "--rate",
        "100",
        "--publishers",
        "2",
        "--warmup",
        "0s",
    ];
    let (_, report) = report_on(server.address, &load);
    assert_wrongs(&report, &[]);
    // The messages that were due in the pause were sent after it.
    assert_eq!(report["runs"][0]["publish"]["due"], 300);
    assert_eq!(delivery(&report, "received"), 300 * 2);
    let delivery = &report["runs"][0]["delivery"];
    let time = |of: &str, at: &str| delivery[of][at].as_f64().unwrap();
    // A third of all messages were due in the pause, evenly spread: a tenth of all
    // waited for more than 0.7 s.
    assert!(time("each", "max_us") >= 950_000.0, "{delivery:#}");
    assert!(time("each", "p90_us") >= 600_000.0, "{delivery:#}");
    assert!(time("last", "p90_us") >= 600_000.0, "{delivery:#}");
    // The times from the actual sending include the pause only for the two messages
    // in flight.
    assert!(
        time("from_sending", "p90_us") < time("each", "p90_us"),
        "{delivery:#}"
    );
}

#[test]
fn the_closed_loop_never_exceeds_its_messages_in_flight() {
    let server = CheatingServer::start(Cheat::Lose {
        every: 1,
        how: Lost::Renumbered,
    });
    let load = [
        "--subscribers",
        "1",
        "--duration",
        "2s",
        "--in-flight",
        "3",
        "--warmup",
        "0s",
        // Longer than the duration: a message that is given up makes room for another.
        "--drain",
        "3s",
    ];
    let (_, report) = report_on(server.address, &load);
    // No message arrives, so none may follow the first three.
    assert_eq!(server.accepted(), 3);
    assert_wrongs(&report, &[("lost", 3)]);
    assert_eq!(delivery(&report, "incomplete"), 3);
}

#[test]
fn the_closed_loop_keeps_its_maximum_of_messages_in_flight() {
    let (in_flight, messages) = (4, 40);
    let server = CheatingServer::start(Cheat::Hold {
        in_flight,
        messages,
    });
    let load = [
        "--subscribers",
        "3",
        "--messages",
        "40",
        "--in-flight",
        "4",
        "--publishers",
        "9",
        "--warmup",
        "0s",
        "--drain",
        "20s",
    ];
    let (_, report) = report_on(server.address, &load);
    assert_wrongs(&report, &[]);
    assert_eq!(server.most_held(), in_flight);
    assert_eq!(server.accepted(), messages as u64);
    assert_eq!(delivery(&report, "received"), 3 * messages as u64);
}

#[test]
fn another_server_is_measured_by_the_data_of_its_events() {
    let server = CheatingServer::start(Cheat::Foreign);
    let mut args = LOAD.to_vec();
    args.extend([
        "--subscribe-path",
        "/sub?topic={room}",
        "--publish-path",
        "/pub",
        "--publish-body",
        "{payload}",
        "--content-type",
        "text/plain",
        "-H",
        "X-Key: 1",
    ]);
    let (called, report) = report_on(server.address, &args);
    assert_eq!(called.code, Some(0), "{called:#?}");
    assert_wrongs(&report, &[]);
    assert_eq!(delivery(&report, "received"), MESSAGES * SUBSCRIBERS);
}

#[test]
fn an_answer_may_end_with_its_connection() {
    let report = report(Cheat::Close);
    assert_wrongs(&report, &[]);
    let publish = &report["runs"][0]["publish"];
    assert_eq!(publish["accepted"], MESSAGES);
    assert_eq!(publish["unanswered"], 0);
    assert_eq!(delivery(&report, "received"), MESSAGES * SUBSCRIBERS);
}
