//! The table at the end of a sweep: a row for each number of subscribers. Columns
//! without a measured figure are left out.

use std::io;

use crate::quantity::{bytes, count, number, seconds, time};
use crate::report::page::{Page, Tone};
use crate::report::{Report, Run};

/// A column: its head, and its cell for a run.
type Column = (&'static str, fn(&str, &Run) -> Option<String>);

const COLUMNS: [Column; 9] = [
    ("subscribers", |_, run| Some(count(run.subscribers as u64))),
    ("deliveries/s", |_, run| {
        run.delivery.as_ref().map(|it| number(it.per_second))
    }),
    ("p50", |mode, run| percentile(mode, run, 50.0)),
    ("p99", |mode, run| percentile(mode, run, 99.0)),
    ("all p99", |_, run| {
        let last = &run.delivery.as_ref()?.last;
        last.percentile(99.0).map(time)
    }),
    ("all whole", |_, run| {
        run.resume.as_ref().map(|it| seconds(it.all_seconds))
    }),
    ("lost", |_, run| {
        run.delivery.as_ref().map(|it| count(it.lost))
    }),
    ("CPU each", |_, run| {
        let server = run.server.as_ref()?;
        let cost = server.cpu_us_per_delivery.or(server.cpu_us_per_publish);
        cost.map(|cost| seconds(cost / 1e6))
    }),
    ("mem each", |_, run| {
        run.server.as_ref()?.memory_per_subscriber.map(bytes)
    }),
];

fn percentile(mode: &str, run: &Run, percentile: f64) -> Option<String> {
    run.main_latency(mode)?.percentile(percentile).map(time)
}

/// Writes the table.
pub(super) fn write(page: &mut Page<'_, impl io::Write>, report: &Report) -> io::Result<()> {
    let columns: Vec<Vec<String>> = COLUMNS.iter().filter_map(|it| column(report, it)).collect();
    for row in 0..=report.runs.len() {
        let cells = columns.iter().map(|column| column[row].as_str());
        let line = cells.collect::<Vec<_>>().join("  ");
        let tone = if row == 0 { Tone::Strong } else { Tone::Plain };
        page.line(tone, &line)?;
    }
    Ok(())
}

/// The head and the cells of a column, padded to the same width.
fn column(report: &Report, (head, show): &Column) -> Option<Vec<String>> {
    let cells = report.runs.iter().map(|run| show(report.mode, run));
    let cells: Vec<Option<String>> = cells.collect();
    if cells.iter().all(Option::is_none) {
        return None;
    }
    let cells = cells
        .into_iter()
        .map(|it| it.unwrap_or_else(|| "-".to_owned()));
    let cells: Vec<String> = [(*head).to_owned()].into_iter().chain(cells).collect();
    let width = cells.iter().map(|cell| cell.chars().count()).max()?;
    let aligned = cells.into_iter().map(|cell| format!("{cell:>width$}"));
    Some(aligned.collect())
}
