//! The report: those fields of the report of `sse-chat bench` that the runner reads.

use serde_json::{Value, json};

use crate::arguments::{Arguments, Mode};
use crate::load::Found;

/// The report of one run; a figure that was not measured is null.
pub(crate) fn json(arguments: &Arguments, found: &Found) -> Value {
    let asked = arguments.subscribers as u64;
    json!({"runs": [{
        "connect": {"ok": found.opened, "failed": asked.saturating_sub(found.opened)},
        "publish": null,
        "delivery": match arguments.mode {
            Mode::Fanout => delivery(found),
            Mode::Idle => Value::Null,
        },
        "resume": null,
        "server": server(arguments.mode, found),
        "warnings": warnings(arguments.mode, found),
    }]})
}

fn delivery(found: &Found) -> Value {
    let time = json!({"p50_us": null, "p99_us": null});
    json!({
        "received": found.deliveries,
        "lost": found.lost,
        "doubled": found.doubled,
        "out_of_order": 0,
        "announced_lost": 0,
        "disconnected": found.ended,
        "per_second": found.deliveries as f64 / found.seconds,
        "each": time,
        "last": time,
    })
}

fn server(mode: Mode, found: &Found) -> Value {
    let cpu_seconds = found.end.cpu_seconds - found.begin.cpu_seconds;
    let each = |count: f64| (count > 0.0).then(|| cpu_seconds * 1e6 / count);
    let connected = match mode {
        // By the end, the memory that only connecting needs is free again.
        Mode::Idle => found.end.memory,
        Mode::Fanout => found.connected.memory,
    };
    let grown = connected as f64 - found.before.memory as f64;
    json!({
        "cpu_seconds": cpu_seconds,
        "cpu_us_per_delivery": each(found.deliveries as f64),
        "cpu_us_per_publish": null,
        "cpu_us_per_subscriber_second": each(found.opened as f64 * found.seconds),
        "memory_per_subscriber": (found.opened > 0).then(|| grown / found.opened as f64),
        "memory_before": found.before.memory,
        "memory_left": found.left.map(|left| left.memory),
    })
}

/// Warnings of ended streams that are in no other figure.
fn warnings(mode: Mode, found: &Found) -> Vec<String> {
    match (mode, found.ended) {
        (Mode::Idle, ended @ 1..) => vec![format!("{ended} streams ended")],
        _ => Vec::new(),
    }
}
