//! Times as columns hold them: milliseconds since 1970.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Rounds up, so that what ends at a time does not end before it.
pub(super) fn to_millis(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let millis = since.as_nanos().div_ceil(1_000_000);
    i64::try_from(millis).unwrap_or(i64::MAX)
}

pub(super) fn from_millis(millis: i64) -> SystemTime {
    let since = Duration::from_millis(millis.max(0).cast_unsigned());
    UNIX_EPOCH.checked_add(since).unwrap_or(UNIX_EPOCH)
}
