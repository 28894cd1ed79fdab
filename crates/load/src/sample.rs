//! A plan for tests.

use std::time::Duration;

use crate::plan::{Length, Load, Mode, Plan};
use crate::target::Target;

/// A fan-out to `subscribers`, one message in flight.
pub(super) fn plan(subscribers: usize) -> Plan {
    Plan {
        mode: Mode::Fanout,
        subscribers: vec![subscribers],
        load: Load::InFlight(1),
        publishers: 1,
        size: 128..=128,
        rooms: 1,
        length: Length::Messages(10),
        warmup: Duration::ZERO,
        drain: Duration::from_secs(5),
        connect_rate: None,
        connect_concurrency: 256,
        timeout: Duration::from_secs(10),
        sources: Vec::new(),
        threads: 1,
        missed: 10,
        slow: None,
        churn: 0,
        target: Target {
            subscribe_path: "/rooms/{room}/events".into(),
            publish_path: "/rooms/{room}/messages".into(),
            publish_body: r#"{"name":"bench","message":"{payload}"}"#.into(),
            content_type: "application/json".into(),
            headers: Vec::new(),
        },
    }
}
