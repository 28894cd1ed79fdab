//! The events that open and close a stream, with the ping interval and the retry
//! times of the configuration. Their fields and encoding are in `protocol`.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::chat::StreamHello;
use crate::config::Config;
use crate::protocol::{Bye, ByeReason, Hello};
use crate::sse;

/// The maximum size of one write to a reader, into which a worker joins events. It
/// keeps no copy of them.
pub const MAX_WRITE_BYTES: usize = 64 * 1024;

/// Draws a retry time from the range, in whole milliseconds. Each client gets its
/// own, so that clients do not reconnect at the same time.
pub(super) fn draw(range: &RangeInclusive<Duration>) -> Duration {
    let (from, to) = (range.start(), range.end());
    Duration::from_millis(fastrand::u64(millis(*from)..=millis(*to)))
}

fn millis(time: Duration) -> u64 {
    time.as_millis().try_into().unwrap_or(u64::MAX)
}

/// The `hello` of one stream, with its own retry time.
pub(super) fn encode_hello(config: &Config, hello: StreamHello) -> sse::Encoded {
    let hello = Hello {
        cursor: hello.cursor,
        ping_ms: millis(config.ping),
        rooms: hello.rooms,
    };
    hello.encode(draw(&config.retry))
}

/// The `bye` of one stream, with its own retry time.
pub fn bye(config: &Config) -> sse::Encoded {
    Bye::new(ByeReason::Shutdown, draw(&config.retry)).encode()
}
