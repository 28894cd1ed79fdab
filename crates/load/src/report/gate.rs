//! Conditions under which a benchmark fails: `p99>50ms`, `lost>0`.
//!
//! A condition whose figure was not measured fails, too: a gate must not pass
//! unchecked.

mod metric;

use std::str::FromStr;

use super::{GateResult, Report};
use metric::Metric;

/// The syntax of a condition, for the help of the command line.
pub const HELP: &str = "\
METRIC OP VALUE, where OP is one of > >= < <= == != and METRIC is one of
  p50 p90 p99 p99.9 max mean   time until a subscriber has a message; in mode
                               publish until the answer, in mode resume until a
                               subscriber is whole again, in modes connect,
                               idle and handshakes until a stream or a request
                               is answered
  all.p99 ...                  the same until the last subscriber has it
  answer.p99 ...               until a publish is answered
  connect.p99 ...              until a stream is answered
  lag.p99 ...                  what the load generator was late by itself
  lost doubled out_of_order announced_lost number_holes disconnected
  incomplete                   messages not with all subscribers in time; in
                               mode resume subscribers that are not whole
  failed                       subscribers that could not connect
  refused unanswered           messages that were not accepted
  deliveries published         a second, e.g. deliveries<100k
  connects                     connections a second
  cpu_us                       the server's, for a delivery or a publish; in
                               mode handshakes for a connection
  memory                       the server's for a subscriber, e.g. memory>13KiB";

/// A condition: the benchmark fails if it holds in any run. Parse it from text.
#[derive(Debug, Clone)]
pub struct Condition {
    /// As it was typed.
    text: String,
    metric: Metric,
    relation: Relation,
    /// In seconds, bytes, or as it is.
    limit: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Relation {
    AtLeast,
    AtMost,
    Equal,
    Unequal,
    Above,
    Below,
}

impl Relation {
    /// The longer signs first, so that `>=` is not taken for `>`.
    const ALL: [(&'static str, Self); 6] = [
        (">=", Self::AtLeast),
        ("<=", Self::AtMost),
        ("==", Self::Equal),
        ("!=", Self::Unequal),
        (">", Self::Above),
        ("<", Self::Below),
    ];

    #[expect(
        clippy::float_cmp,
        reason = "counts are equal or not; times are as typed"
    )]
    fn holds(self, measured: f64, limit: f64) -> bool {
        match self {
            Self::AtLeast => measured >= limit,
            Self::AtMost => measured <= limit,
            Self::Equal => measured == limit,
            Self::Unequal => measured != limit,
            Self::Above => measured > limit,
            Self::Below => measured < limit,
        }
    }
}

impl FromStr for Condition {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let at = text
            .find(['<', '>', '=', '!'])
            .ok_or("not a condition like p99>50ms or lost>0")?;
        let (name, rest) = text.split_at(at);
        let operator = Relation::ALL
            .into_iter()
            .find(|(sign, _)| rest.starts_with(sign));
        let (sign, relation) = operator.ok_or("compare with one of > >= < <= == !=")?;
        let metric: Metric = name.trim().parse()?;
        let limit = metric.unit().parse(rest[sign.len()..].trim())?;
        Ok(Self {
            text: text.trim().to_owned(),
            metric,
            relation,
            limit,
        })
    }
}

impl Condition {
    /// Evaluates it. The result has the figure of the run that is worst by this
    /// condition.
    pub fn judge(&self, report: &Report) -> GateResult {
        let runs = report.runs.iter();
        let figures: Option<Vec<(usize, f64)>> = runs
            .map(|run| Some((run.subscribers, self.metric.measure(report.mode, run)?)))
            .collect();
        let worst = figures.as_deref().and_then(|it| self.worst(it));
        let Some((subscribers, worst)) = worst else {
            return self.gate("not measured".to_owned(), true);
        };
        let mut measured = self.metric.unit().show(worst);
        if report.runs.len() > 1 {
            measured += &format!(
                " at {} subscribers",
                crate::quantity::count(subscribers as u64)
            );
        }
        self.gate(measured, self.relation.holds(worst, self.limit))
    }

    fn worst(&self, figures: &[(usize, f64)]) -> Option<(usize, f64)> {
        let mut figures = figures.iter().copied();
        match self.relation {
            Relation::Above | Relation::AtLeast => figures.max_by(|a, b| a.1.total_cmp(&b.1)),
            Relation::Below | Relation::AtMost => figures.min_by(|a, b| a.1.total_cmp(&b.1)),
            Relation::Equal | Relation::Unequal => {
                let first = figures.clone().next();
                let holds = figures.find(|it| self.relation.holds(it.1, self.limit));
                holds.or(first)
            }
        }
    }

    fn gate(&self, measured: String, failed: bool) -> GateResult {
        GateResult {
            condition: self.text.clone(),
            measured,
            failed,
        }
    }
}

#[cfg(test)]
mod tests;
