//! The results as Markdown: an overview, a table for each work, and the conditions
//! of the measurement.

use std::fmt::Write as _;

use crate::column::{Column, columns, figure, thousands};
use crate::cores::Cores;
use crate::report::Run;
use crate::results::Results;
use crate::server::Server;
use crate::work::{Over, Work};

/// The conditions of the measurement.
#[derive(Debug)]
pub(crate) struct Facts {
    pub(crate) command: String,
    pub(crate) date: String,
    pub(crate) rounds: usize,
    /// It was a smoke test: the loads were smaller than their titles.
    pub(crate) quick: bool,
    pub(crate) cores: Cores,
    /// The version of each server, one line per server.
    pub(crate) versions: Vec<String>,
}

/// Counts one kind of fault of a run.
type Count = fn(&Run) -> u64;

/// Sums over all rounds, in the last columns of every table.
const FAULTS: [(&str, Count); 3] = [
    ("lost", Run::lost),
    ("doubled", Run::doubled),
    ("other faults", Run::other_faults),
];

/// The complete page.
pub(crate) fn markdown(
    facts: &Facts,
    results: &Results,
    works: &[Work],
    servers: &[Server],
) -> String {
    let mut page = heading(facts, results);
    for overs in [&[Over::Clear][..], &[Over::Tls, Over::Http2]] {
        let works: Vec<Work> = works
            .iter()
            .copied()
            .filter(|work| overs.contains(&work.over()))
            .collect();
        if !works.is_empty() {
            page.push_str(&overview(results, &works, servers));
            page.push('\n');
        }
    }
    for work in works {
        let _ = write!(page, "## {}: {}\n\n", work.name(), work.title());
        page.push_str(&of_work(results, *work, servers));
        page.push('\n');
    }
    list(&mut page, "Failures", &results.failures());
    list(
        &mut page,
        "Warnings of the load generator",
        &results.warnings(),
    );
    page.truncate(page.trim_end().len());
    page.push('\n');
    page
}

fn heading(facts: &Facts, results: &Results) -> String {
    let Facts {
        command,
        date,
        rounds,
        cores,
        ..
    } = facts;
    let mut page = format!("# Side by side, {date}\n\n```\n{command}\n```\n\n");
    if let Some(machine) = &results.machine {
        let _ = writeln!(page, "- {}, {}", machine.system, machine.processor);
    }
    let rounds = match rounds {
        1 => "one round".to_owned(),
        more => format!("median (min to max) of {more} rounds"),
    };
    let _ = writeln!(page, "- {cores}; loopback; 128-byte payloads; {rounds}");
    for version in &facts.versions {
        let _ = writeln!(page, "- {version}");
    }
    if facts.quick {
        page.push_str("- a SMOKE TEST with a few readers for a moment: the figures mean nothing\n");
    }
    page.push_str("\nIn brackets: how many times sse-chat's figure. CPU is the server's.\n\n");
    page
}

/// The most important figure of each work, with its ratio to that of sse-chat.
fn overview(results: &Results, works: &[Work], servers: &[Server]) -> String {
    let shown: Vec<(Work, Column, &str)> = works
        .iter()
        .flat_map(|work| columns(*work).into_iter().map(move |one| (*work, one)))
        .filter_map(|(work, column)| Some((work, column, column.overview?)))
        .collect();
    let titles = shown.iter().map(|(_, _, title)| (*title).to_owned());
    let mut table = head(titles);
    for server in servers {
        let cells = shown.iter().map(|(work, column, _)| {
            let Some(spread) = results.spread(*work, *server, *column) else {
                return missing(results, *work, *server);
            };
            with_ratio(spread.median, results.ratio(*work, *server, *column))
        });
        row(&mut table, *server, cells);
    }
    table
}

fn of_work(results: &Results, work: Work, servers: &[Server]) -> String {
    let mut titles = Vec::new();
    for column in columns(work) {
        titles.extend([column.title.to_owned(), "ratio".to_owned()]);
    }
    titles.extend(FAULTS.map(|(title, _)| title.to_owned()));
    let mut table = head(titles.into_iter());
    for server in servers {
        row(
            &mut table,
            *server,
            cells(results, work, *server).into_iter(),
        );
    }
    table
}

fn cells(results: &Results, work: Work, server: Server) -> Vec<String> {
    let mut cells = Vec::new();
    for column in columns(work) {
        let Some(spread) = results.spread(work, server, column) else {
            cells.extend([missing(results, work, server), String::new()]);
            continue;
        };
        let (median, min, max) = (spread.median, spread.min, spread.max);
        cells.push(match min < max {
            true => format!("{} ({} to {})", figure(median), figure(min), figure(max)),
            false => figure(median),
        });
        let ratio = results.ratio(work, server, column);
        cells.push(ratio.map_or_else(String::new, |ratio| format!("{ratio:.2}")));
    }
    for (_, count) in FAULTS {
        let cell = results.cell(work, server);
        let sum = cell.map(|cell| thousands(cell.sum(count).cast_signed()));
        cells.push(sum.unwrap_or_default());
    }
    cells
}

/// The reason for a missing figure.
fn missing(results: &Results, work: Work, server: Server) -> String {
    let why = match results.cell(work, server) {
        _ if !server.can(work) => "can't",
        Some(cell) if !cell.failures.is_empty() => "FAILED",
        _ => "-",
    };
    why.to_owned()
}

fn with_ratio(median: f64, ratio: Option<f64>) -> String {
    match ratio {
        Some(ratio) => format!("{} ({ratio:.2})", figure(median)),
        None => figure(median),
    }
}

fn head(titles: impl Iterator<Item = String>) -> String {
    let titles: Vec<_> = titles.collect();
    let lines = "---: | ".repeat(titles.len());
    format!(
        "| server | {} |\n| --- | {}\n",
        titles.join(" | "),
        lines.trim_end()
    )
}

fn row(table: &mut String, server: Server, cells: impl Iterator<Item = String>) {
    let cells: Vec<_> = cells.collect();
    let _ = writeln!(table, "| {} | {} |", server.name(), cells.join(" | "));
}

fn list(page: &mut String, title: &str, lines: &[String]) {
    if lines.is_empty() {
        return;
    }
    let _ = write!(page, "## {title}\n\n");
    for line in lines {
        let _ = writeln!(page, "- {line}");
    }
    page.push('\n');
}
