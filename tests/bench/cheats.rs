//! Servers that lose, double, reorder, delay, refuse, cut or pause: the report
//! says exactly that.

use std::time::Duration;

use serde_json::Value;

use crate::called::{assert_wrongs, delivery, report_on};
use crate::server::{Cheat, CheatingServer, Lost};

const MESSAGES: u64 = 70;
const SUBSCRIBERS: u64 = 3;
/// One message after the other by one publisher, none of them a warm-up.
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

/// From a server that delivers everything in the end: the time that is left for
/// it is never used up, however slow the machine is.
#[track_caller]
fn report(cheat: Cheat) -> Value {
    report_after(cheat, "20s")
}

/// From a server that loses messages, which are waited for in vain.
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
fn an_honest_server_has_nothing_held_against_it() {
    let report = report(Cheat::None);
    assert_wrongs(&report, &[]);
    assert_eq!(delivery(&report, "expected"), MESSAGES * SUBSCRIBERS);
    assert_eq!(delivery(&report, "received"), MESSAGES * SUBSCRIBERS);
    assert_eq!(delivery(&report, "incomplete"), 0);
    assert_eq!(report["runs"][0]["publish"]["accepted"], MESSAGES);
}

#[test]
fn what_is_lost_is_counted_and_a_hole_in_the_numbers_as_well() {
    let how = Lost::Openly;
    let report = report_with_losses(Cheat::Lose { every: 7, how });
    // The last message is lost too, and no later number shows it.
    assert_wrongs(&report, &[("lost", 10), ("number_holes", 9)]);
    assert_eq!(delivery(&report, "incomplete"), 10);
    assert_eq!(delivery(&report, "expected"), MESSAGES * SUBSCRIBERS);
}

#[test]
fn a_server_that_hides_a_loss_by_its_numbers_is_found_out() {
    let how = Lost::Renumbered;
    let report = report_with_losses(Cheat::Lose { every: 7, how });
    assert_wrongs(&report, &[("lost", 10)]);
}

#[test]
fn what_is_announced_is_not_lost_in_silence() {
    let how = Lost::Announced;
    let report = report_with_losses(Cheat::Lose { every: 7, how });
    assert_wrongs(&report, &[("announced_lost", 10)]);
}

#[test]
fn what_comes_twice_is_doubled() {
    let report = report(Cheat::Double(5));
    assert_wrongs(&report, &[("doubled", MESSAGES / 5 * SUBSCRIBERS)]);
    assert_eq!(delivery(&report, "received"), MESSAGES * SUBSCRIBERS);
}

#[test]
fn what_comes_after_its_successor_is_out_of_order() {
    // The 70th message has no successor, so it would be lost: every 9th.
    let report = report(Cheat::Swap(9));
    let swapped = MESSAGES / 9 * SUBSCRIBERS;
    // Its number is passed over at first, and no gap says so.
    assert_wrongs(
        &report,
        &[("out_of_order", swapped), ("number_holes", swapped)],
    );
}

#[test]
fn a_delay_is_in_every_time() {
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
fn what_is_refused_is_neither_published_nor_lost() {
    let report = report(Cheat::Refuse(4));
    assert_wrongs(&report, &[]);
    let publish = &report["runs"][0]["publish"];
    assert_eq!(publish["refused"], MESSAGES / 4);
    assert_eq!(publish["accepted"], MESSAGES - MESSAGES / 4);
    let failure = publish["first_failure"].as_str().unwrap();
    assert!(failure.contains("429"), "{failure}");
}

#[test]
fn a_stream_that_is_cut_comes_back_for_what_it_missed() {
    let (after, resume) = (20, true);
    let report = report(Cheat::Cut { after, resume });
    assert_wrongs(&report, &[("disconnected", 1)]);
    assert_eq!(delivery(&report, "received"), MESSAGES * SUBSCRIBERS);
}

#[test]
fn a_server_that_does_not_resume_loses_what_a_cut_stream_missed() {
    let (after, resume) = (20, false);
    let report = report_with_losses(Cheat::Cut { after, resume });
    let lost = delivery(&report, "lost");
    assert!(lost > 0, "{report:#}");
    assert_eq!(delivery(&report, "disconnected"), 1);
    assert_eq!(delivery(&report, "received") + lost, MESSAGES * SUBSCRIBERS);
}

/// A load that waits for a server that pauses would send nothing in the pause,
/// and its figures would be fine. This one goes by the clock.
#[test]
fn a_pause_of_the_server_is_in_the_times_in_full() {
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
    // What was due in the pause was sent after it, and not left out.
    assert_eq!(report["runs"][0]["publish"]["due"], 300);
    assert_eq!(delivery(&report, "received"), 300 * 2);
    let delivery = &report["runs"][0]["delivery"];
    let time = |of: &str, at: &str| delivery[of][at].as_f64().unwrap();
    // A third of all messages were due in the pause, evenly: a tenth of all
    // waited for more than 0.7 s of it.
    assert!(time("each", "max_us") >= 950_000.0, "{delivery:#}");
    assert!(time("each", "p90_us") >= 600_000.0, "{delivery:#}");
    assert!(time("last", "p90_us") >= 600_000.0, "{delivery:#}");
    // From the actual sending only the two that were on their way show it.
    assert!(
        time("from_sending", "p90_us") < time("each", "p90_us"),
        "{delivery:#}"
    );
}

#[test]
fn the_closed_loop_has_no_more_in_flight_than_it_was_told() {
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
        // Longer than that: what is given up makes place for more.
        "--drain",
        "3s",
    ];
    let (_, report) = report_on(server.address, &load);
    // Nothing ever arrives, so nothing may follow the first three.
    assert_eq!(server.accepted(), 3);
    assert_wrongs(&report, &[("lost", 3)]);
    assert_eq!(delivery(&report, "incomplete"), 3);
}

#[test]
fn the_closed_loop_always_has_as_many_in_flight_as_it_may() {
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
fn another_server_is_measured_by_what_its_events_hold() {
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
