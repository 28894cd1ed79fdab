//! The plot of each mode is well-formed, with titles and lines.

use super::*;
use crate::report::sample;

fn svg(report: &Report) -> String {
    let mut text = Vec::new();
    write(report, &mut text).unwrap();
    String::from_utf8(text).unwrap()
}

/// Checks that it is well-formed: elements are closed in order, `&` and `<` escaped.
#[track_caller]
fn assert_well_formed(svg: &str) {
    let mut open = Vec::new();
    for tag in svg.split('<').skip(1) {
        let (tag, text) = tag.split_once('>').expect("a tag ends");
        assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name));
        } else if !tag.ends_with('/') && !tag.starts_with(['?', '!']) {
            open.push(tag.split_whitespace().next().unwrap());
        }
        let entities = text.split('&').skip(1);
        assert!(entities.into_iter().all(|it| it.contains(';')), "{text}");
    }
    assert!(open.is_empty(), "{open:?}");
    for word in ["NaN", "inf", "<image"] {
        assert!(!svg.contains(word), "{word}");
    }
}

fn all_modes() -> [Report; 6] {
    let mut connect = sample::idle();
    connect.mode = "connect";
    [
        sample::fanout(),
        sample::sweep(),
        sample::idle(),
        connect,
        sample::publish_only(),
        sample::resume(),
    ]
}

#[test]
fn the_plot_of_every_mode_is_sound_and_has_titles_and_lines() {
    for report in all_modes() {
        let svg = svg(&report);
        assert_well_formed(&svg);
        for text in ["by percentile", "over time", "milliseconds", report.mode] {
            assert!(svg.contains(text), "{text} of {}", report.mode);
        }
        assert!(svg.contains("99.9") && svg.contains("<polyline"));
        assert!(!svg.contains("no data"), "{}", report.mode);
    }
}

#[test]
fn a_sweep_has_a_line_for_each_number_of_subscribers() {
    let svg = svg(&sample::sweep());
    for name in [
        "100 subscribers, each subscriber",
        "1,000 subscribers, until all have it",
        ">\n10,000 subscribers\n<",
    ] {
        assert!(svg.contains(name), "{name}");
    }
}

#[test]
fn a_plot_without_data_says_so() {
    for mut report in all_modes() {
        for run in &mut report.runs {
            run.series.clear();
            run.connect = Default::default();
            run.delivery = run.delivery.take().map(|_| Default::default());
            run.publish = None;
            run.resume = None;
        }
        let empty = svg(&report);
        assert_well_formed(&empty);
        assert_eq!(empty.matches("no data").count(), 2);
    }
    assert_well_formed(&svg(&sample::empty()));
}

#[test]
fn a_second_and_a_single_time_are_enough_to_draw() {
    let mut report = sample::fanout();
    let run = &mut report.runs[0];
    run.series.truncate(1);
    let delivery = run.delivery.as_mut().unwrap();
    delivery.each = Latency::default();
    delivery.each.record_ns(0);
    delivery.last = Latency::default();
    delivery.last.record_ns(u64::MAX);
    let svg = svg(&report);
    assert_well_formed(&svg);
    assert!(svg.contains("<circle"));
}

#[test]
fn strange_figures_and_names_do_not_break_the_file() {
    let mut report = sample::fanout();
    report.load = "<b> & \"quotes\"".to_owned();
    report.runs[0].series[0].t = f64::NAN;
    report.runs[0].series[1].delivered = u64::MAX;
    assert_well_formed(&svg(&report));
}
