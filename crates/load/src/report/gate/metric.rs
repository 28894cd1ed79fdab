//! The metrics of conditions: names, units, and their values in a run.

use std::str::FromStr;
use std::time::Duration;

use bytesize::ByteSize;
use jiff::SpanRelativeTo;

use crate::quantity::{bytes, count, number, seconds};
use crate::report::latency::PERCENTILES;
use crate::report::{Connect, Delivery, Latency, Run};

/// The metric of a condition.
#[derive(Debug, Clone, Copy)]
pub(super) enum Metric {
    Time(TimeKind, Statistic),
    Figure(&'static Figure),
}

/// The unit of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    /// In seconds.
    Time,
    /// In bytes.
    Size,
    Plain,
}

/// The start and end of a time.
#[derive(Debug, Clone, Copy)]
pub(super) enum TimeKind {
    /// The main times of the mode.
    Main,
    /// The same to the last subscriber.
    All,
    Answer,
    Connect,
    Lag,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Statistic {
    Percentile(f64),
    Max,
    Mean,
}

#[derive(Debug)]
pub(super) struct Figure {
    name: &'static str,
    unit: Unit,
    measure: fn(&Run) -> Option<f64>,
}

const fn plain(name: &'static str, measure: fn(&Run) -> Option<f64>) -> Figure {
    let unit = Unit::Plain;
    Figure {
        name,
        unit,
        measure,
    }
}

static FIGURES: [Figure; 15] = [
    plain("lost", |run| of_delivery(run, |it| it.lost)),
    plain("doubled", |run| of_delivery(run, |it| it.doubled)),
    plain("out_of_order", |run| of_delivery(run, |it| it.out_of_order)),
    plain("announced_lost", |run| {
        of_delivery(run, |it| it.announced_lost)
    }),
    plain("number_holes", |run| of_delivery(run, |it| it.number_holes)),
    plain("disconnected", |run| of_delivery(run, |it| it.disconnected)),
    plain("incomplete", incomplete),
    plain("failed", |run| Some(run.connect.failed as f64)),
    plain("refused", |run| Some(run.publish.as_ref()?.refused as f64)),
    plain("unanswered", |run| {
        Some(run.publish.as_ref()?.unanswered as f64)
    }),
    plain("deliveries", |run| Some(run.delivery.as_ref()?.per_second)),
    plain("published", |run| Some(run.publish.as_ref()?.per_second)),
    plain("connects", |run| {
        let Connect { ok, seconds, .. } = &run.connect;
        (*seconds > 0.0).then(|| *ok as f64 / seconds)
    }),
    plain("cpu_us", |run| {
        let server = run.server.as_ref()?;
        let per_connection = server.cpu_us_per_handshake;
        let per_message = server.cpu_us_per_delivery.or(server.cpu_us_per_publish);
        per_message.or(per_connection)
    }),
    Figure {
        name: "memory",
        unit: Unit::Size,
        measure: |run| run.server.as_ref()?.memory_per_subscriber,
    },
];

fn of_delivery(run: &Run, field: fn(&Delivery) -> u64) -> Option<f64> {
    // Without expected deliveries nothing was checked.
    let delivery = run.delivery.as_ref().filter(|it| it.expected > 0);
    delivery.map(|it| field(it) as f64)
}

fn incomplete(run: &Run) -> Option<f64> {
    let asked = run.subscribers as u64;
    let resume = run.resume.as_ref();
    match resume.map(|it| asked.saturating_sub(it.whole) as f64) {
        Some(not_whole) => Some(not_whole),
        None => of_delivery(run, |it| it.incomplete),
    }
}

impl FromStr for Metric {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let figure = FIGURES.iter().find(|figure| figure.name == name);
        figure
            .map(Self::Figure)
            .or_else(|| a_time(name))
            .ok_or_else(|| unknown(name))
    }
}

fn a_time(name: &str) -> Option<Metric> {
    const KINDS: [(&str, TimeKind); 4] = [
        ("all.", TimeKind::All),
        ("answer.", TimeKind::Answer),
        ("connect.", TimeKind::Connect),
        ("lag.", TimeKind::Lag),
    ];
    let mut kinds = KINDS.into_iter();
    let prefixed = kinds.find_map(|(prefix, kind)| Some((kind, name.strip_prefix(prefix)?)));
    let (kind, name) = prefixed.unwrap_or((TimeKind::Main, name));
    let mut percentiles = PERCENTILES.into_iter();
    let statistic = match name {
        "max" => Statistic::Max,
        "mean" => Statistic::Mean,
        _ => Statistic::Percentile(percentiles.find(|(known, _)| *known == name)?.1),
    };
    Some(Metric::Time(kind, statistic))
}

fn unknown(name: &str) -> String {
    let times = PERCENTILES.map(|(name, _)| name).join(", ");
    let figures = FIGURES.each_ref().map(|figure| figure.name).join(", ");
    format!(
        "{name:?} is none of {times}, max, mean (also behind all., answer., connect., lag.), {figures}"
    )
}

impl Metric {
    pub(super) fn unit(self) -> Unit {
        match self {
            Self::Time(..) => Unit::Time,
            Self::Figure(figure) => figure.unit,
        }
    }

    /// Its value in a run of this mode; none if it was not measured.
    pub(super) fn measure(self, mode: &str, run: &Run) -> Option<f64> {
        let value = match self {
            Self::Figure(figure) => (figure.measure)(run),
            Self::Time(TimeKind::All, _) if mode == "resume" => {
                run.resume.as_ref().map(|it| it.all_seconds)
            }
            Self::Time(kind, statistic) => {
                let latency = kind.of(mode, run);
                latency
                    .and_then(|it| statistic.of(it))
                    .map(|it| it.as_secs_f64())
            }
        };
        value.filter(|value| value.is_finite())
    }
}

impl TimeKind {
    fn of<'a>(self, mode: &str, run: &'a Run) -> Option<&'a Latency> {
        match self {
            Self::Main => run.main_latency(mode),
            Self::All => run.delivery.as_ref().map(|it| &it.last),
            Self::Answer => run.publish.as_ref().map(|it| &it.answer),
            Self::Connect => Some(&run.connect.answered),
            Self::Lag => Some(&run.generator.lag),
        }
    }
}

impl Statistic {
    fn of(self, latency: &Latency) -> Option<Duration> {
        match self {
            Self::Percentile(percentile) => latency.percentile(percentile),
            Self::Max => latency.max(),
            Self::Mean => latency.mean(),
        }
    }
}

impl Unit {
    /// Parses a value.
    pub(super) fn parse(self, text: &str) -> Result<f64, String> {
        match self {
            Self::Time => parse_time(text)
                .map(|time| time.as_secs_f64())
                .ok_or_else(|| format!("{text:?} is not a time like 50ms, 1.5s or 300us")),
            Self::Size => text
                .parse::<ByteSize>()
                .map(|size| size.as_u64() as f64)
                .map_err(|_| format!("{text:?} is not a size like 4096 or 13KiB")),
            Self::Plain => parse_plain(text)
                .ok_or_else(|| format!("{text:?} is not a number like 0, 12.5 or 100k")),
        }
    }

    /// Formats a value.
    pub(super) fn show(self, value: f64) -> String {
        match self {
            Self::Time => seconds(value),
            Self::Size => bytes(value),
            Self::Plain if value.fract() == 0.0 && value >= 0.0 => count(value as u64),
            Self::Plain => number(value),
        }
    }
}

fn parse_time(text: &str) -> Option<Duration> {
    let span: jiff::Span = text.parse().ok()?;
    let time = span.to_duration(SpanRelativeTo::days_are_24_hours()).ok()?;
    Duration::try_from(time).ok()
}

fn parse_plain(text: &str) -> Option<f64> {
    let (digits, factor) = match text.char_indices().last()? {
        (at, 'k' | 'K') => (&text[..at], 1e3),
        (at, 'm' | 'M') => (&text[..at], 1e6),
        _ => (text, 1.0),
    };
    let plain = digits.chars().all(|it| it.is_ascii_digit() || it == '.');
    let value = digits.parse::<f64>().ok().filter(|_| plain)?;
    Some(value * factor)
}
