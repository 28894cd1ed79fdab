//! The report as a plot: times by percentile, and the timeline of the runs.
//!
//! Text is kept as text, so no font is needed here; the viewer's is used.

mod chart;

use std::io;

use plotters::prelude::{IntoDrawingArea as _, IntoFont as _, SVGBackend, WHITE};

use super::scale::{Scale, percentile};
use super::{Latency, Report, Run, Second};
use crate::quantity::{count, round_number};
use chart::{Chart, FONT, INK, Line};

const SIZE: (u32, u32) = (1040, 880);

/// Writes the plot. Errors: those of `out`.
pub fn write(report: &Report, out: &mut impl io::Write) -> io::Result<()> {
    let mut text = String::new();
    draw(report, &mut text).map_err(io::Error::other)?;
    out.write_all(text.as_bytes())
}

fn draw(report: &Report, text: &mut String) -> Result<(), String> {
    let failed = |error: &dyn std::fmt::Display| format!("can't draw: {error}");
    let root = SVGBackend::with_string(text, SIZE).into_drawing_area();
    root.fill(&WHITE).map_err(|it| failed(&it))?;
    let mut head = format!(
        "sse-chat {} bench {}: {}",
        report.version, report.mode, report.load
    );
    if report.interrupted {
        head += " (interrupted)";
    }
    let style = (FONT, 20).into_font().color(&INK);
    let body = root.margin(8, 0, 0, 0);
    let body = body.titled(&head, style).map_err(|it| failed(&it))?;
    let parts = body.split_evenly((2, 1));
    for (chart, area) in [times(report), timeline(report)].iter().zip(&parts) {
        chart.draw(area).map_err(|it| failed(&it))?;
    }
    root.present().map_err(|it| failed(&it))
}

/// Times by percentile, a line for each run and kind of time.
fn times(report: &Report) -> Chart {
    let mut lines = Vec::new();
    for (at, run) in report.runs.iter().enumerate() {
        for (kind, (name, latency)) in kinds(report.mode, run).into_iter().enumerate() {
            let several = report.runs.len() > 1;
            lines.push(Line {
                name: run_name(report, run, name),
                colour: if several { at } else { kind },
                dashed: several && kind > 0,
                points: points(latency),
            });
        }
    }
    lines.retain(|line| !line.points.is_empty());
    let points = || lines.iter().flat_map(|line| &line.points);
    let subject = match report.mode {
        "publish" => "Time until the answer",
        "resume" => "Time until whole again",
        "connect" | "idle" => "Connect time",
        _ => "Latency from intended sending",
    };
    Chart {
        title: format!("{subject} by percentile"),
        x_name: "percentile",
        x: Scale::nines(points().map(|point| point.0)),
        x_tick: percentile,
        y_name: "milliseconds",
        y: Scale::fitting(points().map(|point| point.1)),
        lines,
    }
}

fn kinds<'a>(mode: &str, run: &'a Run) -> Vec<(&'static str, &'a Latency)> {
    let connect = &run.connect;
    match (mode, &run.delivery) {
        ("connect" | "idle", _) => vec![
            ("TCP", &connect.tcp),
            ("answer", &connect.answered),
            ("first event", &connect.first_event),
        ],
        ("publish" | "resume", _) => {
            let main = run.main_latency(mode).into_iter();
            let name = if mode == "resume" {
                "each subscriber"
            } else {
                "answer"
            };
            main.map(|latency| (name, latency)).collect()
        }
        (_, Some(delivery)) => vec![
            ("each subscriber", &delivery.each),
            ("until all have it", &delivery.last),
        ],
        (_, None) => Vec::new(),
    }
}

fn points(latency: &Latency) -> Vec<(f64, f64)> {
    let curve = latency.curve().into_iter();
    curve
        .map(|(nines, time)| (nines, time.as_secs_f64() * 1e3))
        .collect()
}

/// The timeline, a line for each run.
fn timeline(report: &Report) -> Chart {
    type Curve = (&'static str, &'static str, fn(&Second) -> u64);
    let (title, y_name, value): Curve = match report.mode {
        "publish" => ("Messages sent over time", "messages/s", |it| it.sent),
        "connect" | "idle" | "resume" => ("Open streams over time", "streams", |it| it.connected),
        _ => ("Deliveries over time", "deliveries/s", |it| it.delivered),
    };
    let runs = report.runs.iter().enumerate();
    let lines = runs.map(|(at, run)| {
        let points = run.series.iter().map(|it| (it.t, value(it) as f64));
        Line {
            name: run_name(report, run, ""),
            colour: at,
            dashed: false,
            points: points.filter(|it| it.0.is_finite()).collect(),
        }
    });
    let mut lines: Vec<Line> = lines.collect();
    lines.retain(|line| !line.points.is_empty());
    let points = || lines.iter().flat_map(|line| &line.points);
    Chart {
        title: title.to_owned(),
        x_name: "seconds since the measured part began",
        x: Scale::around(points().map(|point| point.0)),
        x_tick: round_number,
        y_name,
        y: Scale::from_zero(points().map(|point| point.1)),
        lines,
    }
}

/// The name of a line: its run, if there are several, and its kind of time.
fn run_name(report: &Report, run: &Run, name: &str) -> String {
    let subscribers = format!("{} subscribers", count(run.subscribers as u64));
    match (report.runs.len(), name) {
        (0 | 1, _) => name.to_owned(),
        (_, "") => subscribers,
        _ => format!("{subscribers}, {name}"),
    }
}

#[cfg(test)]
mod tests;
