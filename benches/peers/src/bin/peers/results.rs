//! All that was measured: a list of runs for each work and server, and what is
//! made of several rounds.

use std::collections::BTreeMap;

use crate::column::Column;
use crate::report::{Machine, Run};
use crate::server::Server;
use crate::work::Work;

/// What was measured so far.
#[derive(Debug, Default)]
pub(crate) struct Results {
    cells: BTreeMap<(Work, Server), Cell>,
    /// Where; none before the first measurement.
    pub(crate) machine: Option<Machine>,
}

/// A server at a work, in all rounds.
#[derive(Debug, Default)]
pub(crate) struct Cell {
    pub(crate) runs: Vec<Run>,
    /// Why measurements failed, a line for each.
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
            Err(why) => cell.failures.push(why),
        }
    }

    /// None when it was never tried.
    pub(crate) fn cell(&self, work: Work, server: Server) -> Option<&Cell> {
        self.cells.get(&(work, server))
    }

    pub(crate) fn spread(&self, work: Work, server: Server, column: Column) -> Option<Spread> {
        let runs = &self.cell(work, server)?.runs;
        Spread::of(runs.iter().filter_map(column.of).collect())
    }

    /// How many times what sse-chat needs or does; none where either is missing
    /// or nothing.
    pub(crate) fn ratio(&self, work: Work, server: Server, column: Column) -> Option<f64> {
        let ours = self.spread(work, Server::SseChat, column)?.median;
        let theirs = self.spread(work, server, column)?.median;
        (ours > 0.0).then(|| theirs / ours)
    }

    /// Each failure, a line with the work and the server.
    pub(crate) fn failures(&self) -> Vec<String> {
        self.lines(|cell| cell.failures.clone())
    }

    /// Each doubt that `sse-chat bench` has about a figure, told once.
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
    fn the_median_of_an_even_number_is_between_the_two_in_the_middle() {
        let spread = Spread::of(vec![4.0, 1.0, 3.0, 2.0]).expect("values");
        assert_eq!((spread.min, spread.median, spread.max), (1.0, 2.5, 4.0));
        assert_eq!(Spread::of(Vec::new()), None);
    }
}
