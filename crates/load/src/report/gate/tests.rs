//! Conditions: their metrics, when they hold, and figures that were not measured.

use super::*;
use crate::report::sample;

#[track_caller]
fn judge(condition: &str, report: &Report) -> GateResult {
    condition.parse::<Condition>().unwrap().judge(report)
}

#[test]
fn a_call_fails_when_its_condition_holds() {
    // Of the sample: p99 of 39.6 ms, a longest time of 400 ms, nothing lost.
    let report = sample::fanout();
    for (condition, failed, measured) in [
        ("p99>50ms", false, "39.6 ms"),
        ("p99 > 30ms", true, "39.6 ms"),
        (" p99>=1.5ms ", true, "39.6 ms"),
        ("p99<800us", false, "39.6 ms"),
        ("p99 <= 50000µs", true, "39.6 ms"),
        ("p99.9>0.5s", false, "400 ms"),
        ("max>0.1s", true, "400 ms"),
        ("mean>1s", false, "20.4 ms"),
        ("all.p50>39ms", true, "40.0 ms"),
        ("answer.p90>1s", false, "9.00 ms"),
        ("connect.max>1s", false, "200 ms"),
        ("lag.p99>2ms", true, "9.90 ms"),
        ("lost>0", false, "0"),
        ("lost==0", true, "0"),
        ("lost!=0", false, "0"),
        ("failed>0", false, "0"),
        ("deliveries<100k", false, "500,000"),
        ("deliveries<1m", true, "500,000"),
        ("published<49.5", false, "50"),
        ("cpu_us>6", true, "6.20"),
        ("memory>13KiB", true, "13.1 KiB"),
        ("memory>14000", false, "13.1 KiB"),
    ] {
        let gate = judge(condition, &report);
        assert_eq!(gate.failed, failed, "{gate:?}");
        assert_eq!(gate.measured, measured, "{gate:?}");
        assert_eq!(gate.condition, condition.trim());
    }
}

#[test]
fn every_count_has_its_own_metric() {
    let mut report = sample::fanout();
    let run = &mut report.runs[0];
    let delivery = run.delivery.as_mut().unwrap();
    delivery.lost = 1;
    delivery.doubled = 2;
    delivery.out_of_order = 3;
    delivery.announced_lost = 4;
    delivery.number_holes = 5;
    delivery.disconnected = 6;
    delivery.incomplete = 7;
    run.connect.failed = 8;
    run.publish.as_mut().unwrap().refused = 9;
    run.publish.as_mut().unwrap().unanswered = 10;
    let names = [
        "lost",
        "doubled",
        "out_of_order",
        "announced_lost",
        "number_holes",
        "disconnected",
        "incomplete",
        "failed",
        "refused",
        "unanswered",
    ];
    for (count, name) in (1..).zip(names) {
        assert!(judge(&format!("{name}=={count}"), &report).failed, "{name}");
        assert!(!judge(&format!("{name}>{count}"), &report).failed, "{name}");
    }
}

#[test]
fn a_figure_that_was_not_measured_fails() {
    for (condition, report) in [
        ("p99>50ms", sample::empty()),
        ("lost>0", sample::idle()),
        ("all.p99>1s", sample::publish_only()),
        ("memory>1MiB", sample::idle()),
        ("answer.p50>1s", sample::idle()),
        ("lag.p99>1s", sample::idle()),
        ("incomplete>0", sample::idle()),
    ] {
        let gate = judge(condition, &report);
        assert!(gate.failed, "{condition}");
        assert_eq!(gate.measured, "not measured");
    }
}

#[test]
fn a_figure_that_one_run_of_a_sweep_lacks_fails() {
    let mut report = sample::sweep();
    report.runs[1].server = None;
    assert_eq!(judge("memory>1GiB", &report).measured, "not measured");
}

#[test]
fn the_plain_times_are_the_main_times_of_the_mode() {
    let measured = |report: &Report| judge("p50>1s", report).measured;
    assert_eq!(measured(&sample::publish_only()), "5.00 ms");
    assert_eq!(measured(&sample::idle()), "10.0 ms");
    assert_eq!(measured(&sample::resume()), "100 ms");
    let mut connect = sample::idle();
    connect.mode = "connect";
    assert_eq!(measured(&connect), "10.0 ms");
    assert_eq!(judge("all.max>2s", &sample::resume()).measured, "2.50 s");
    assert_eq!(judge("incomplete>0", &sample::resume()).measured, "2");
}

#[test]
fn any_run_of_a_sweep_can_fail_and_the_worst_is_shown() {
    let mut report = sample::sweep();
    report.runs[1].delivery.as_mut().unwrap().lost = 7;
    for condition in ["lost>0", "lost!=0", "lost==7"] {
        let gate = judge(condition, &report);
        assert!(gate.failed);
        assert_eq!(gate.measured, "7 at 1,000 subscribers");
    }
    let gate = judge("deliveries<100", &report);
    assert!(!gate.failed);
    assert_eq!(gate.measured, "5,000 at 100 subscribers");
}

#[test]
fn an_invalid_condition_is_refused_with_an_example_in_one_line() {
    for (text, why) in [
        ("", "like p99>50ms"),
        ("p99", "like p99>50ms"),
        ("p99=50ms", "> >= < <= == !="),
        ("p98>50ms", "p50, p90, p99, p99.9, max, mean"),
        ("all.lost>0", "out_of_order"),
        (">0", "out_of_order"),
        ("p99>50", "50ms"),
        ("p99>-1s", "50ms"),
        ("p99>>1s", "50ms"),
        ("p99>", "50ms"),
        ("lost>none", "100k"),
        ("lost>", "100k"),
        ("lost>inf", "100k"),
        ("lost>-1", "100k"),
        ("lost>1e5", "100k"),
        ("lost>k", "100k"),
        ("memory>3cats", "13KiB"),
    ] {
        let error = text.parse::<Condition>().unwrap_err();
        assert!(error.contains(why), "{text}: {error}");
        assert!(!error.contains('\n'));
    }
}

#[test]
fn the_help_names_every_metric() {
    let error = "x>0".parse::<Condition>().unwrap_err();
    let names = error.split(['(', ')']).flat_map(|part| part.split(", "));
    for name in names.filter(|name| !name.contains(' ')) {
        assert!(HELP.contains(name.trim()), "{name}");
    }
}
