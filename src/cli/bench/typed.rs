//! The values of the benchmark's flags: counts, rates, sizes, shares, and the parts
//! of a request. The error of an invalid value has an example of a valid one.

use std::ops::RangeInclusive;

use sse_chat_load::{MIN_PAYLOAD_BYTES, PAYLOAD, SlowReaders};

use crate::cli::values::parse_size;

/// More publishers would have no use.
pub(super) const MAX_PUBLISHERS: usize = 4096;

/// The decoder of a subscriber takes an event with this payload.
const MAX_PAYLOAD_BYTES: usize = 512 * 1024;
/// The requests of each room are rendered before the run.
const MAX_ROOMS: usize = 100_000;
/// A message in about a quarter of an hour.
const MIN_RATE: f64 = 0.001;
/// The resolution of the clock.
const MAX_RATE: f64 = 1e9;

/// Bytes of a payload.
#[derive(Debug, Clone)]
pub(super) struct Sizes(pub(super) RangeInclusive<usize>);

/// Transient subscribers per second.
#[derive(Debug, Clone, Copy)]
pub(super) struct Churn(pub(super) usize);

/// A number with an optional suffix k or m.
fn parse_number(text: &str) -> Option<f64> {
    let text = text.trim();
    let (digits, factor) = match text.chars().last()?.to_ascii_lowercase() {
        'k' => (&text[..text.len() - 1], 1e3),
        'm' => (&text[..text.len() - 1], 1e6),
        _ => (text, 1.0),
    };
    let number = digits.parse::<f64>().ok()? * factor;
    (number.is_finite() && number >= 0.0).then_some(number)
}

pub(super) fn parse_count(text: &str) -> Result<usize, String> {
    match parse_number(text) {
        // 16.1k is not exactly 16,100 in binary.
        Some(number) if (number - number.round()).abs() < 1e-6 && number <= 1e9 => {
            Ok(number.round() as usize)
        }
        _ => Err("not a number like 100 or 10k".to_owned()),
    }
}

pub(super) fn parse_some(text: &str) -> Result<usize, String> {
    match parse_count(text)? {
        0 => Err("it is at least 1".to_owned()),
        count => Ok(count),
    }
}

pub(super) fn parse_rooms(text: &str) -> Result<usize, String> {
    match parse_some(text)? {
        count if count > MAX_ROOMS => Err(format!("it is at most {MAX_ROOMS}")),
        count => Ok(count),
    }
}

pub(super) fn parse_publishers(text: &str) -> Result<usize, String> {
    match parse_some(text)? {
        count if count > MAX_PUBLISHERS => Err(format!("it is at most {MAX_PUBLISHERS}")),
        count => Ok(count),
    }
}

pub(super) fn parse_rate(text: &str) -> Result<f64, String> {
    match parse_number(text.trim_end_matches("/s")) {
        Some(rate) if (MIN_RATE..=MAX_RATE).contains(&rate) => Ok(rate),
        _ => Err("not a rate a second, over 0, like 0.5, 100 or 10k (0.001 to 1000m)".to_owned()),
    }
}

pub(super) fn parse_churn(text: &str) -> Result<Churn, String> {
    parse_count(text.trim_end_matches("/s"))
        .map(Churn)
        .map_err(|_| "not a number a second like 50/s".to_owned())
}

pub(super) fn parse_sizes(text: &str) -> Result<Sizes, String> {
    let (from, to) = text.split_once("..").unwrap_or((text, text));
    let (from, to) = (parse_size(from)?.0, parse_size(to)?.0);
    if from < MIN_PAYLOAD_BYTES {
        return Err(format!(
            "a payload has at least {MIN_PAYLOAD_BYTES} bytes: it says which message it is, and when it was due"
        ));
    }
    if to > MAX_PAYLOAD_BYTES {
        return Err(format!("a payload has at most {MAX_PAYLOAD_BYTES} bytes"));
    }
    match from <= to {
        true => Ok(Sizes(from..=to)),
        false => Err("not a range of sizes like 64..2048".to_owned()),
    }
}

pub(super) fn parse_slow(text: &str) -> Result<SlowReaders, String> {
    let slow = text.split_once(':').and_then(|(share, speed)| {
        let share = share.trim().strip_suffix('%')?.parse::<f64>().ok()?;
        let speed = parse_size(speed.trim_end_matches("/s")).ok()?.0;
        ((0.0..=100.0).contains(&share) && speed > 0).then_some(SlowReaders {
            share: share / 100.0,
            bytes_per_second: speed,
        })
    });
    slow.ok_or_else(|| "not a share and a speed like 5%:1KiB/s".to_owned())
}

pub(super) fn parse_path(text: &str) -> Result<String, String> {
    let fits = text.starts_with('/') && text.bytes().all(|byte| byte.is_ascii_graphic());
    match fits {
        true => Ok(text.to_owned()),
        false => Err("not a path like /rooms/{room}/events".to_owned()),
    }
}

pub(super) fn parse_body(text: &str) -> Result<String, String> {
    match text.matches(PAYLOAD).count() {
        1 => Ok(text.to_owned()),
        _ => Err(format!("it has {PAYLOAD} in it, once")),
    }
}

pub(super) fn parse_line(text: &str) -> Result<String, String> {
    match text.is_empty() || text.contains(char::is_control) {
        true => Err("it is one line".to_owned()),
        false => Ok(text.to_owned()),
    }
}

pub(super) fn parse_header(text: &str) -> Result<String, String> {
    let wrong = || "not a header like 'Name: value'".to_owned();
    let line = parse_line(text).map_err(|_| wrong())?;
    let (name, _) = line.split_once(':').ok_or_else(wrong)?;
    let is_token = !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.!#$%&'*+^`|~".contains(&byte));
    match is_token {
        true => Ok(line),
        false => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_and_rates_are_parsed() {
        assert_eq!(parse_count("10k"), Ok(10_000));
        assert_eq!(parse_count("1.5M"), Ok(1_500_000));
        assert_eq!(parse_rate("0.5/s"), Ok(0.5));
        assert_eq!(parse_rate("10m"), Ok(10_000_000.0));
        for text in ["", "k", "-1", "1.5", "NaN", "inf", "1e300", "10 cats"] {
            assert!(parse_count(text).is_err(), "{text}");
        }
        for text in ["0", "-1", "NaN", "inf", "fast"] {
            assert!(parse_rate(text).is_err(), "{text}");
        }
        assert!(parse_some("0").is_err());
    }

    #[test]
    fn sizes_shares_and_churn() {
        assert_eq!(parse_sizes("64..2KiB").unwrap().0, 64..=2048);
        assert_eq!(parse_sizes("128").unwrap().0, 128..=128);
        assert!(parse_sizes("10").unwrap_err().contains("at least"));
        assert!(parse_sizes("200..100").is_err());
        let slow = parse_slow("5%:1KiB/s").unwrap();
        assert_eq!((slow.share, slow.bytes_per_second), (0.05, 1024));
        for text in ["5:1KiB", "101%:1", "5%", "5%:0", "x%:1"] {
            assert!(parse_slow(text).is_err(), "{text}");
        }
        assert_eq!(parse_churn("50/s").unwrap().0, 50);
    }

    #[test]
    fn values_that_would_break_a_request_are_refused() {
        assert!(parse_path("/a{room}?x=1").is_ok());
        for text in ["a", "/a b", "/a\r\nX: y", ""] {
            assert!(parse_path(text).is_err(), "{text:?}");
        }
        assert!(parse_header("X-Key: a b").is_ok());
        for text in ["X-Key", ": x", "X Y: z", "X: a\r\nY: b"] {
            assert!(parse_header(text).is_err(), "{text:?}");
        }
        assert!(parse_body("no place").is_err());
    }
}
