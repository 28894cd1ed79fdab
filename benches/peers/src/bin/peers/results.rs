//! The results: the runs of each work and server, and the median and range over
//! all rounds.

use std::collections::BTreeMap;

use crate::column::Column;
use crate::report::{Machine, Run};
use crate::server::Server;
use crate::work::Work;

/// The results so far.
#[derive(Debug, Default)]
pub(crate) struct Results {
    cells: BTreeMap<(Work, Server), Cell>,
    /// The machine of the measurements; `None` before the first.
    pub(crate) machine: Option<Machine>,
}

/// The runs of one server at one work, in all rounds.
#[derive(Debug, Default)]
pub(crate) struct Cell {
    pub(crate) runs: Vec<Run>,
    /// The error of each failed measurement.
    pub(crate) failures: Vec<String>,
}

/// A figure over all rounds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

impl Results {
    pub(crate) fn add(&mut self, work: Work, server: Server, run: Result<Run, String>) {
        let cell = self.cells.entry((work, server)).or_default();
        match run {
            Ok(run) => cell.runs.push(run),
            Err(error) => cell.failures.push(error),
        }
    }

    /// `None` if the server was never measured at this work.
    pub(crate) fn cell(&self, work: Work, server: Server) -> Option<&Cell> {
        self.cells.get(&(work, server))
    }

    pub(crate) fn spread(&self, work: Work, server: Server, column: Column) -> Option<Spread> {
        let runs = &self.cell(work, server)?.runs;
        Spread::of(runs.iter().filter_map(column.of).collect())
    }

    /// The server's median as a multiple of sse-chat's; `None` if either is missing or
    /// sse-chat's is 0.
    pub(crate) fn ratio(&self, work: Work, server: Server, column: Column) -> Option<f64> {
        let ours = self.spread(work, Server::SseChat, column)?.median;
        let theirs = self.spread(work, server, column)?.median;
        (ours > 0.0).then(|| theirs / ours)
    }

    /// The failures, each a line with the work and the server.
    pub(crate) fn failures(&self) -> Vec<String> {
        self.lines(|cell| cell.failures.clone())
    }

    /// The warnings of `sse-chat bench` per work and server, without duplicates.
    pub(crate) fn warnings(&self) -> Vec<String> {
        self.lines(|cell| {
            let mut warnings: Vec<_> = cell.runs.iter().flat_map(|run| &run.warnings).collect();
            warnings.sort();
            warnings.dedup();
            warnings.into_iter().cloned().collect()
        })
    }

    fn lines(&self, of: impl Fn(&Cell) -> Vec<String>) -> Vec<String> {
        let line = |(work, server): &(Work, Server), text: String| {
            format!("{}, {}: {text}", work.name(), server.name())
        };
        self.cells
            .iter()
            .flat_map(|(key, cell)| of(cell).into_iter().map(move |text| line(key, text)))
            .collect()
    }
}

impl Cell {
    /// The sum over all rounds.
    pub(crate) fn sum(&self, of: fn(&Run) -> u64) -> u64 {
        self.runs.iter().map(of).sum()
    }
}

impl Spread {
    fn of(mut values: Vec<f64>) -> Option<Self> {
        values.sort_by(f64::total_cmp);
        let (&min, &max) = (values.first()?, values.last()?);
        let upper = values[values.len() / 2];
        let lower = values[(values.len() - 1) / 2];
        let median = f64::midpoint(lower, upper);
        Some(Self { median, min, max })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_count_is_the_mean_of_the_middle_two() {
        let spread = Spread::of(vec![4.0, 1.0, 3.0, 2.0]).expect("values");
        assert_eq!((spread.min, spread.median, spread.max), (1.0, 2.5, 4.0));
        assert_eq!(Spread::of(Vec::new()), None);
    }
}
