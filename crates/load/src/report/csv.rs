//! The timeline of the runs as CSV: a row per second, one run after the other.
//!
//! All fields are numbers, so nothing is quoted. A figure that was not measured is
//! empty. Lines end with LF: `cut` and `awk` do not take CR LF.

use std::io;

use super::{Report, Run, Second};

const HEAD: &str = "subscribers,t,connected,sent,delivered,bytes,p50_us,p99_us,max_us";

/// Writes the head and the rows. Errors: those of `out`.
pub fn write(report: &Report, out: &mut impl io::Write) -> io::Result<()> {
    writeln!(out, "{HEAD}")?;
    for run in &report.runs {
        for second in &run.series {
            writeln!(out, "{}", row(run, second))?;
        }
    }
    Ok(())
}

fn row(run: &Run, second: &Second) -> String {
    format!(
        "{},{},{},{},{},{},{},{},{}",
        run.subscribers,
        decimal(Some(second.t)),
        second.connected,
        second.sent,
        second.delivered,
        second.bytes,
        decimal(second.p50_us),
        decimal(second.p99_us),
        decimal(second.max_us),
    )
}

/// Three decimals: the times have nanoseconds.
fn decimal(value: Option<f64>) -> String {
    let value = value.filter(|value| value.is_finite());
    value.map_or_else(String::new, |value| format!("{value:.3}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    fn csv(report: &Report) -> Vec<String> {
        let mut text = Vec::new();
        write(report, &mut text).unwrap();
        let text = String::from_utf8(text).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn a_head_is_followed_by_a_row_per_second() {
        let rows = csv(&sample::fanout());
        assert_eq!(rows[0], HEAD);
        assert_eq!(rows.len(), 1 + 30);
        assert_eq!(
            rows[1],
            "10000,-1.000,10000,50,500000,117000000,18400.000,41700.500,"
        );
    }

    #[test]
    fn the_runs_of_a_sweep_follow_each_other() {
        let rows = csv(&sample::sweep());
        let runs = rows[1..].iter().map(|row| row.split(',').next().unwrap());
        let mut runs: Vec<&str> = runs.collect();
        runs.dedup();
        assert_eq!(runs, ["100", "1000", "10000"]);
    }

    #[test]
    fn every_row_has_as_many_fields_as_the_head_also_with_nothing_measured() {
        for report in [sample::fanout(), sample::idle(), sample::empty()] {
            for row in csv(&report) {
                assert_eq!(row.split(',').count(), 9, "{row}");
                assert!(!row.contains("NaN"));
            }
        }
    }
}
