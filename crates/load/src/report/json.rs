//! The report as JSON.
//!
//! One object, its fields those of [`Report`]: `{"schema":1, "version",
//! "started_at", "command", "machine":{..}, "url", "mode", "load",
//! "runs":[{"subscribers", "seconds", "interrupted", "connect":{..},
//! "publish", "delivery", "slow", "resume", "server", "generator":{..},
//! "series":[..], "warnings":[..]}], "gates":[{"condition", "measured",
//! "failed"}], "interrupted"}`. A figure that was not measured is null. Times that end
//! in `_us` are microseconds, memory is bytes, the rest is as named.

use std::io;

use super::Report;

/// Writes the report and a line feed. Errors: those of `out`.
pub fn write(report: &Report, out: &mut impl io::Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, report)?;
    out.write_all(b"\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    fn json(report: &Report) -> serde_json::Value {
        let mut text = Vec::new();
        write(report, &mut text).unwrap();
        assert_eq!(text.last(), Some(&b'\n'));
        serde_json::from_slice(&text).unwrap()
    }

    #[test]
    fn every_figure_is_there() {
        let report = json(&sample::fanout());
        assert_eq!(report["schema"], 1);
        assert_eq!(report["mode"], "fanout");
        let run = &report["runs"][0];
        assert_eq!(run["subscribers"], 10_000);
        assert_eq!(run["delivery"]["expected"], 15_000_000);
        assert_eq!(run["delivery"]["each"]["count"], 1_000);
        assert!(run["delivery"]["each"]["p99_9_us"].as_f64().unwrap() > 10_000.0);
        assert_eq!(run["publish"]["accepted"], 1_500);
        assert_eq!(run["server"]["threads"], 9);
        assert_eq!(run["series"][0]["delivered"], 500_000);
        assert_eq!(report["gates"], serde_json::json!([]));
    }

    #[test]
    fn a_figure_that_was_not_measured_is_null() {
        let report = json(&sample::idle());
        let run = &report["runs"][0];
        for part in ["publish", "delivery", "slow", "resume", "server"] {
            assert!(run[part].is_null(), "{part}");
        }
        let lag = &run["generator"]["lag"];
        assert_eq!(lag["count"], 0);
        assert!(lag["p50_us"].is_null() && lag["max_us"].is_null());
        assert!(run["series"][0]["p50_us"].is_null());
    }

    #[test]
    fn a_figure_that_is_no_number_is_null() {
        let mut report = sample::idle();
        report.runs[0].generator.cpu_cores = f64::NAN;
        assert!(json(&report)["runs"][0]["generator"]["cpu_cores"].is_null());
    }
}
