//! The events that open and close a stream, as they are encoded: hello and bye.

use std::ops::RangeInclusive;
use std::time::Duration;

use serde::Serialize;

use crate::chat::{Hello, HelloRoom};
use crate::config::Config;
use crate::protocol::Cursor;
use crate::sse;

/// How much is joined into one write to a reader. The worker keeps none of it.
pub const MAX_WRITE_BYTES: usize = 64 * 1024;

/// A time for one client to come back after, so that not all do so at once.
pub(super) fn draw(range: &RangeInclusive<Duration>) -> Duration {
    let (from, to) = (range.start(), range.end());
    let millis = |time: &Duration| time.as_millis().try_into().unwrap_or(u64::MAX);
    Duration::from_millis(fastrand::u64(millis(from)..=millis(to)))
}

pub(super) fn encode_hello(config: &Config, hello: &Hello) -> sse::Encoded {
    #[derive(Serialize)]
    struct Data<'a> {
        cursor: &'a Cursor,
        ping_ms: u128,
        rooms: &'a [HelloRoom],
    }
    sse::Event::with_capacity(512)
        .retry(draw(&config.retry))
        .event("hello")
        .id(hello.cursor)
        .json(&Data {
            cursor: &hello.cursor,
            ping_ms: config.ping.as_millis(),
            rooms: &hello.rooms,
        })
}

/// The `bye` of one stream, with a time of its own to come back after.
pub fn bye(config: &Config) -> sse::Encoded {
    #[derive(Serialize)]
    struct Data {
        reason: &'static str,
        retry_ms: u128,
    }
    let retry = draw(&config.retry);
    sse::Event::with_capacity(96)
        .retry(retry)
        .event("bye")
        .json(&Data {
            reason: "shutdown",
            retry_ms: retry.as_millis(),
        })
}
