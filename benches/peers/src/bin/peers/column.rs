//! The figures of a work: how each is read from a run and formatted.

use crate::report::Run;
use crate::work::Work;

/// One figure of a work.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Column {
    /// The heading, with the unit.
    pub(crate) title: &'static str,
    /// The heading in the overview, which shares columns between works; `None` if it
    /// is not in the overview.
    pub(crate) overview: Option<&'static str>,
    /// Reads it from a run; `None` if the run does not have it.
    pub(crate) of: fn(&Run) -> Option<f64>,
}

impl Column {
    const fn new(title: &'static str, of: fn(&Run) -> Option<f64>) -> Self {
        let overview = None;
        Self {
            title,
            overview,
            of,
        }
    }

    const fn in_overview(mut self, title: &'static str) -> Self {
        self.overview = Some(title);
        self
    }
}

const CPU: Column = Column::new("CPU, µs a delivery", |run| {
    run.server.as_ref()?.cpu_us_per_delivery
});
const DELIVERIES: Column = Column::new("deliveries/s", |run| {
    run.delivery.as_ref().map(|delivery| delivery.per_second)
});
const P50: Column = Column::new("p50, ms", |run| {
    Some(run.delivery.as_ref()?.each.p50_us? / 1e3)
});
const P99: Column = Column::new("p99, ms", |run| {
    Some(run.delivery.as_ref()?.each.p99_us? / 1e3)
});
const MEMORY: Column = Column::new("memory, KiB a reader", |run| {
    Some(run.server.as_ref()?.memory_per_subscriber? / 1024.0)
});
const PUBLISHED: Column = Column::new("requests/s", |run| {
    run.publish.as_ref().map(|publish| publish.per_second)
});
const CPU_PUBLISH: Column = Column::new("CPU, µs a request", |run| {
    run.server.as_ref()?.cpu_us_per_publish
});
const LEFT: Column = Column::new("after all left, times the empty server", |run| {
    let server = run.server.as_ref()?;
    Some(server.memory_left? as f64 / server.memory_before as f64)
});
const IDLE_CPU: Column = Column::new("CPU, % of a core", |run| {
    let server = run.server.as_ref()?;
    // Microseconds per reader and second to percent of one core.
    Some(server.cpu_us_per_subscriber_second? * run.connect.ok as f64 / 1e4)
});
const ANSWER: Column = Column::new("answer p99, ms", |run| {
    Some(run.publish.as_ref()?.answer.p99_us? / 1e3)
});
const LAST: Column = Column::new("p99 until the last reader has it, ms", |run| {
    Some(run.delivery.as_ref()?.last.p99_us? / 1e3)
});
const CPU_SECONDS: Column = Column::new("CPU, s", |run| Some(run.server.as_ref()?.cpu_seconds));
const RESUMED: Column = Column::new("until the last is whole, s", |run| {
    run.resume.as_ref().map(|resume| resume.all_seconds)
});

const CONNECTS: Column = Column::new("connections/s", |run| {
    let connect = &run.connect;
    (connect.seconds > 0.0).then(|| connect.ok as f64 / connect.seconds)
});
const CPU_CONNECT: Column = Column::new("CPU, µs a connection", |run| {
    run.server.as_ref()?.cpu_us_per_handshake
});

/// The figures of a work, the most important first.
pub(crate) fn columns(work: Work) -> Vec<Column> {
    match work {
        Work::Fanout1000 => vec![CPU.in_overview("1,000 readers, µs a delivery"), DELIVERIES],
        Work::Fanout9000 => vec![CPU.in_overview("9,000 readers, µs a delivery"), DELIVERIES],
        Work::Fanout1000With64 => vec![CPU.in_overview("64 in flight, µs a delivery"), DELIVERIES],
        Work::Fanout9000Nap => vec![CPU.in_overview("9,000 that nap, µs a delivery")],
        Work::Fanout9000Nap200 => vec![CPU.in_overview("the same every 200 ms")],
        Work::Rooms1800 => vec![
            CPU.in_overview("1,800 rooms, µs a delivery"),
            P99,
            DELIVERIES,
        ],
        Work::Paced => vec![P99.in_overview("paced, p99 in ms"), P50, CPU, DELIVERIES],
        Work::Sender => vec![ANSWER.in_overview("sender's answer, p99 in ms"), LAST],
        Work::Idle => vec![MEMORY.in_overview("KiB an idle reader"), LEFT, IDLE_CPU],
        Work::IdleHttp10 => vec![
            MEMORY.in_overview("KiB an idle HTTP/1.0 reader"),
            LEFT,
            IDLE_CPU,
        ],
        Work::Publish => vec![PUBLISHED.in_overview("publish requests/s"), CPU_PUBLISH],
        Work::TlsFanout1000 => vec![
            CPU.in_overview("TLS, 1,000 readers, µs a delivery"),
            DELIVERIES,
        ],
        Work::TlsFanout9000 => vec![
            CPU.in_overview("TLS, 9,000 readers, µs a delivery"),
            DELIVERIES,
        ],
        Work::TlsIdle => vec![MEMORY.in_overview("KiB an idle TLS reader"), LEFT, IDLE_CPU],
        Work::TlsHandshakes => vec![CONNECTS.in_overview("handshakes/s"), CPU_CONNECT],
        Work::Http2Fanout1000 => vec![
            CPU.in_overview("HTTP/2, 1,000 connections, µs a delivery"),
            DELIVERIES,
        ],
        Work::Http2Fanout100x50 => vec![
            CPU.in_overview("HTTP/2, 100 connections of 50, µs a delivery"),
            DELIVERIES,
        ],
        Work::Http2Idle100x50 => vec![
            MEMORY.in_overview("KiB an idle HTTP/2 stream"),
            LEFT,
            IDLE_CPU,
        ],
        Work::Resume => vec![RESUMED.in_overview("resume, s"), CPU_SECONDS],
    }
}

/// A figure with three significant digits and separated thousands.
pub(crate) fn figure(value: f64) -> String {
    match value.abs() {
        small if small < 0.0995 => format!("{value:.3}"),
        small if small < 9.995 => format!("{value:.2}"),
        middle if middle < 99.95 => format!("{value:.1}"),
        _ => thousands(value.round() as i64),
    }
}

/// Separates thousands: `12,345`.
pub(crate) fn thousands(value: i64) -> String {
    let digits = value.unsigned_abs().to_string();
    let mut text = String::from(if value < 0 { "-" } else { "" });
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_about_three_digits() {
        let written: Vec<_> = [0.0, 0.254, 2.4, 18.74, 181.2, 203_456.0]
            .map(figure)
            .into();
        assert_eq!(written, ["0.000", "0.25", "2.40", "18.7", "181", "203,456"]);
    }
}
