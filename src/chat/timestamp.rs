//! Times as text: RFC 3339 in UTC.

use std::time::SystemTime;

use jiff::Timestamp;
use jiff::fmt::temporal::DateTimePrinter;

/// Half the cost of `format!`.
const MILLISECONDS: DateTimePrinter = DateTimePrinter::new().precision(Some(3));

/// The present time, with milliseconds.
pub(super) fn now() -> String {
    with_milliseconds(&Timestamp::now())
}

/// A time, with milliseconds. Empty beyond the year 9999.
pub(super) fn of(time: SystemTime) -> String {
    Timestamp::try_from(time).map_or_else(|_| String::new(), |at| with_milliseconds(&at))
}

/// A time in milliseconds since 1970. Empty beyond the year 9999.
#[cfg(feature = "redis")]
pub(super) fn of_millis(millis: u64) -> String {
    let at = i64::try_from(millis).ok();
    let at = at.and_then(|millis| Timestamp::from_millisecond(millis).ok());
    at.map_or_else(String::new, |at| with_milliseconds(&at))
}

fn with_milliseconds(at: &Timestamp) -> String {
    let mut text = String::with_capacity(32);
    // Writing to a `String` can't fail.
    let _ = MILLISECONDS.print_timestamp(at, &mut text);
    text
}

/// A time in seconds since 1970. Empty beyond the year 9999.
pub(crate) fn of_seconds(seconds: u64) -> String {
    let at = i64::try_from(seconds).ok();
    let at = at.and_then(|seconds| Timestamp::from_second(seconds).ok());
    at.map_or_else(String::new, |at| at.to_string())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn times_are_in_utc_to_the_second_or_to_the_millisecond() {
        assert_eq!(of_seconds(0), "1970-01-01T00:00:00Z");
        assert_eq!(of_seconds(1_795_840_394), "2026-11-28T04:33:14Z");
        assert_eq!(of_seconds(u64::MAX), "");
        let time = SystemTime::UNIX_EPOCH + Duration::from_millis(1_795_840_394_005);
        assert_eq!(of(time), "2026-11-28T04:33:14.005Z");
        assert_eq!(now().len(), "2026-11-28T04:33:14.000Z".len());
    }
}
