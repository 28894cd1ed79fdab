//! The table of times of one run, and a histogram of the main ones.

use std::io;
use std::time::Duration;

use crate::quantity::time;
use crate::report::latency::PERCENTILES;
use crate::report::page::{Page, Tone};
use crate::report::{Latency, Run};

/// The width of the longest bar.
const BAR: f64 = 40.0;
/// The maximum number of bars.
const MAX_BARS: usize = 8;

/// A row for each kind of time that was measured.
pub(super) fn write(page: &mut Page<'_, impl io::Write>, mode: &str, run: &Run) -> io::Result<()> {
    let delivered = delivery_rows(run);
    table(page, "Latency from intended sending", &delivered)?;
    if let Some(main) = run.main_latency(mode).filter(|_| !delivered.is_empty()) {
        bars(page, main)?;
    }
    let title = match delivered.is_empty() {
        true => "Times",
        false => "Other times",
    };
    table(page, title, &other_rows(run))?;
    match run.main_latency(mode) {
        Some(main) if delivered.is_empty() => bars(page, main),
        _ => Ok(()),
    }
}

type Row<'a> = (&'static str, &'a Latency);

fn delivery_rows(run: &Run) -> Vec<Row<'_>> {
    let Some(delivery) = &run.delivery else {
        return Vec::new();
    };
    measured([
        ("each subscriber", &delivery.each),
        ("until all have it", &delivery.last),
        ("each, from actual sending", &delivery.from_sending),
    ])
}

fn other_rows(run: &Run) -> Vec<Row<'_>> {
    let mut rows = Vec::new();
    if let Some(resume) = &run.resume {
        rows.push(("resumed: all that was missed", &resume.each));
    }
    if let Some(publish) = &run.publish {
        rows.push(("publish: the answer", &publish.answer));
    }
    rows.extend([
        ("connect: TCP", &run.connect.tcp),
        ("connect: TLS", &run.connect.tls),
        ("connect: the answer", &run.connect.answered),
        ("connect: the first event", &run.connect.first_event),
    ]);
    measured(rows)
}

fn measured<'a>(rows: impl IntoIterator<Item = Row<'a>>) -> Vec<Row<'a>> {
    let rows = rows.into_iter();
    rows.filter(|(_, latency)| latency.count() > 0).collect()
}

fn table(page: &mut Page<'_, impl io::Write>, title: &str, rows: &[Row<'_>]) -> io::Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let names = PERCENTILES.map(|(name, _)| name.to_owned());
    page.line(Tone::Strong, &line(title, names, "max".to_owned()))?;
    for (name, latency) in rows {
        let show = |value: Option<Duration>| value.map_or_else(String::new, time);
        let values = PERCENTILES.map(|(_, percentile)| show(latency.percentile(percentile)));
        let row = line(&format!("  {name}"), values, show(latency.max()));
        page.line(Tone::Plain, &row)?;
    }
    Ok(())
}

fn line(name: &str, values: [String; 4], max: String) -> String {
    let mut line = format!("{name:<32}");
    for value in values.into_iter().chain([max]) {
        line += &format!("{value:>9}");
    }
    line
}

fn bars(page: &mut Page<'_, impl io::Write>, latency: &Latency) -> io::Result<()> {
    let mut before = 0;
    let mut bars = Vec::new();
    for limit in limits(latency) {
        let within = latency.count_within(limit);
        bars.push((limit, within - before));
        before = within;
    }
    let largest = bars.iter().map(|bar| bar.1).max().unwrap_or(1);
    for (limit, count) in bars {
        let length = (count as f64 / largest as f64 * BAR).round() as usize;
        let (bar, share) = ("▇".repeat(length), share(count, latency.count()));
        let limit = round_time(limit);
        page.line(
            Tone::Plain,
            &format!("    up to {limit:>6}  {bar:<40}  {share:>6}"),
        )?;
    }
    Ok(())
}

/// A share in percent; one that is not 0 is not shown as 0.
fn share(count: u64, all: u64) -> String {
    match count as f64 / all as f64 * 100.0 {
        0.0 => "0 %".to_owned(),
        little if little < 0.1 => "<0.1 %".to_owned(),
        percent => format!("{percent:.1} %"),
    }
}

/// Formats a limit, which is whole in its unit.
fn round_time(time: Duration) -> String {
    match u64::try_from(time.as_micros()).unwrap_or(u64::MAX) {
        micros if micros < 1_000 => format!("{micros} µs"),
        micros if micros < 1_000_000 => format!("{} ms", micros / 1_000),
        micros => format!("{} s", micros / 1_000_000),
    }
}

/// The upper limits of the bars: 1, 2 and 5 of each power of ten, up to one that no
/// time exceeds. If there are too many, the shortest times share the first bar.
fn limits(latency: &Latency) -> Vec<Duration> {
    let steps = (0..9).flat_map(|power| [1, 2, 5].map(|digit| digit * 10_u64.pow(power)));
    let limits: Vec<Duration> = steps.map(Duration::from_micros).collect();
    let first = limits.partition_point(|limit| latency.count_within(*limit) == 0);
    let last = limits.partition_point(|limit| latency.count_within(*limit) < latency.count());
    let end = limits.len().min(last + 1);
    limits[first.max(end.saturating_sub(MAX_BARS)).min(end)..end].to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn bars_cover_all_times_and_are_few() {
        let mut wide = Latency::default();
        for time in [0, 1_000, 1_000_000, 500_000_000_000] {
            wide.record_ns(time);
        }
        for latency in [sample::latency(1), sample::latency(1_000), wide] {
            let limits = limits(&latency);
            assert!((1..=MAX_BARS).contains(&limits.len()), "{limits:?}");
            let last = *limits.last().unwrap();
            assert_eq!(latency.count_within(last), latency.count());
        }
    }
}
