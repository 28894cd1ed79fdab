//! Types and parsers for the values of flags: times, sizes, rates and switches.
//! `Display` writes a value as it is typed; each parse error shows an example.

use std::num::NonZeroUsize;
use std::ops::RangeInclusive;
use std::time::Duration;

use bytesize::ByteSize;
use jiff::{SignedDuration, Span, SpanRelativeTo};

use crate::config::{self, Rate};

/// A time: `15s`, `1h 30m`, `500ms`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Time(pub(super) Duration);

impl std::fmt::Display for Time {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{:#}",
            SignedDuration::try_from(self.0).unwrap_or(SignedDuration::MAX)
        )
    }
}

/// A range of times: `2s..5s`.
#[derive(Debug, Clone)]
pub(super) struct TimeRange(pub(super) RangeInclusive<Duration>);

impl std::fmt::Display for TimeRange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}..{}", Time(*self.0.start()), Time(*self.0.end()))
    }
}

/// A number of bytes: `4096`, `4KiB`, `256MiB`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Size(pub(super) usize);

impl std::fmt::Display for Size {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // A large unit only for a whole number of it; 4096 stays as it is.
        match [(1 << 30, "GiB"), (1 << 20, "MiB")]
            .into_iter()
            .find(|(unit, _)| self.0 >= *unit && self.0.is_multiple_of(*unit))
        {
            Some((unit, name)) => write!(f, "{}{name}", self.0 / unit),
            None => write!(f, "{}", self.0),
        }
    }
}

/// Bytes per second: `2MiB`, or `none` for no limit.
#[derive(Debug, Clone, Copy)]
pub(super) struct SizeOrNone(pub(super) Option<NonZeroUsize>);

impl std::fmt::Display for SizeOrNone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Some(size) => Size(size.get()).fmt(f),
            None => f.write_str("none"),
        }
    }
}

pub(super) fn parse_size_or_none(text: &str) -> Result<SizeOrNone, String> {
    if text == "none" {
        return Ok(SizeOrNone(None));
    }
    let size = parse_size(text)
        .ok()
        .and_then(|size| NonZeroUsize::new(size.0));
    size.map(|size| SizeOrNone(Some(size)))
        .ok_or_else(|| "not a size like 2MiB, 500KiB or none".to_owned())
}

/// A rate: `5/s`, `100/m`, or `none` for no limit.
#[derive(Debug, Clone, Copy)]
pub(super) struct RateOrNone(pub(super) Option<Rate>);

/// The units of time in a rate, in seconds.
const RATE_UNITS: [(&str, u64); 3] = [("s", 1), ("m", 60), ("h", 3600)];

impl std::fmt::Display for RateOrNone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Some(rate) = self.0 else {
            return f.write_str("none");
        };
        match RATE_UNITS
            .iter()
            .find(|(_, secs)| rate.per.as_secs() == *secs)
        {
            Some((unit, _)) => write!(f, "{}/{unit}", rate.count),
            None => write!(f, "{} in {}", rate.count, Time(rate.per)),
        }
    }
}

pub(super) fn parse_rate(text: &str) -> Result<RateOrNone, String> {
    if text == "none" {
        return Ok(RateOrNone(None));
    }
    let rate = text.split_once('/').and_then(|(count, unit)| {
        let (_, secs) = RATE_UNITS.iter().find(|(name, _)| *name == unit)?;
        Some(Rate {
            count: count.parse().ok()?,
            per: Duration::from_secs(*secs),
        })
    });
    rate.map(|rate| RateOrNone(Some(rate)))
        .ok_or_else(|| "not a rate like 5/s, 100/m or none".to_owned())
}

/// A day has 24 hours. Months and years are refused: their length varies.
pub(super) fn parse_time(text: &str) -> Result<Time, String> {
    let span = text.trim().parse::<Span>().ok();
    let time = span.and_then(|span| span.to_duration(SpanRelativeTo::days_are_24_hours()).ok());
    let time = time.and_then(|time| Duration::try_from(time).ok());
    time.map(Time)
        .ok_or_else(|| "not a time like 15s, 500ms or 1h".to_owned())
}

pub(super) fn parse_time_range(text: &str) -> Result<TimeRange, String> {
    let (from, to) = text
        .split_once("..")
        .ok_or("not a range of times like 2s..5s")?;
    Ok(TimeRange(parse_time(from)?.0..=parse_time(to)?.0))
}

pub(super) fn parse_size(text: &str) -> Result<Size, String> {
    let size = text
        .parse::<ByteSize>()
        .ok()
        .and_then(|size| usize::try_from(size.as_u64()).ok());
    size.map(Size)
        .ok_or_else(|| "not a size like 4096 or 4MiB".to_owned())
}

/// The size of the log queue, at least [`config::MIN_LOG_QUEUE`].
pub(super) fn parse_log_queue(text: &str) -> Result<Size, String> {
    let size = parse_size(text)?;
    match size.0 >= config::MIN_LOG_QUEUE {
        true => Ok(size),
        false => Err("must be at least 16KiB".to_owned()),
    }
}

/// The number of fan-out workers.
pub(super) fn parse_workers(text: &str) -> Result<NonZeroUsize, String> {
    match text.parse::<usize>().map(NonZeroUsize::new) {
        Ok(Some(workers)) => Ok(workers),
        Ok(None) => Err(
            "without workers no message is delivered; use 1 or more, or omit it for one per \
             core"
                .to_owned(),
        ),
        Err(_) => Err("not a number of threads like 2".to_owned()),
    }
}

/// The value of a switch's variable. Everything unclear is refused, since a
/// guess could enable what the operator meant to disable.
pub(super) fn parse_switch(text: &str) -> Result<bool, String> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Ok(true),
        "false" | "0" | "no" | "off" => Ok(false),
        _ => Err("not one of true, false, 1, 0, yes, no, on, off".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_displayed_as_they_are_typed() {
        for text in ["15s", "500ms", "1h"] {
            assert_eq!(parse_time(text).unwrap().to_string(), text);
        }
        assert_eq!(parse_time("1d").unwrap().to_string(), "24h");
        assert_eq!(parse_time("1h 30m").unwrap().0, Duration::from_secs(5400));
        assert_eq!(parse_time_range("2s..5s").unwrap().to_string(), "2s..5s");
        for text in ["4096", "4MiB", "256MiB", "1000"] {
            assert_eq!(parse_size(text).unwrap().to_string(), text);
        }
        for text in ["5/s", "100/m", "1/h", "none"] {
            assert_eq!(parse_rate(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn errors_show_a_valid_example() {
        for text in ["", "15", "-5s", "1month", "soon"] {
            assert!(parse_time(text).unwrap_err().contains("15s"), "{text}");
        }
        assert!(parse_time_range("2s").unwrap_err().contains("2s..5s"));
        for text in ["", "5", "0/s", "-1/s", "5/d", "0.5/s"] {
            assert!(parse_rate(text).unwrap_err().contains("5/s"), "{text}");
        }
        assert!(parse_size("4 cats").unwrap_err().contains("4MiB"));
        assert!(parse_log_queue("16383").unwrap_err().contains("16KiB"));
        assert!(parse_log_queue("16KiB").is_ok());
        for text in ["", "-1", "two", "1.5"] {
            assert!(
                parse_workers(text).unwrap_err().contains("like 2"),
                "{text}"
            );
        }
        assert!(parse_workers("0").unwrap_err().contains("use 1 or more"));
        assert_eq!(parse_workers("3"), Ok(NonZeroUsize::new(3).unwrap()));
    }

    #[test]
    fn a_switch_is_clear_or_refused() {
        for (on, off) in [
            ("true", "false"),
            ("1", "0"),
            ("yes", "no"),
            (" ON ", "Off\n"),
        ] {
            assert_eq!(parse_switch(on), Ok(true));
            assert_eq!(parse_switch(off), Ok(false));
        }
        for text in [
            "", "maybe", "2", "00", "y", "n", "truee", "enabled", "f", "null",
        ] {
            assert!(parse_switch(text).is_err(), "{text:?}");
        }
    }
}
