//! Sample reports for tests.

use std::time::Duration;

use super::{
    Connect, Delivery, Generator, Latency, Machine, Publish, Report, Resume, Run, Second, ServerUse,
};

/// 1,000 times, evenly from 10 µs to 10 ms, with the last one ten times as long, all
/// multiplied by `scale`.
pub(super) fn latency(scale: u64) -> Latency {
    let mut latency = Latency::default();
    for step in 1..1_000 {
        latency.record(Duration::from_micros(step * 10 * scale));
    }
    latency.record(Duration::from_micros(100_000 * scale));
    latency
}

/// A report without runs, in mode `fanout`.
pub(super) fn empty() -> Report {
    Report {
        schema: 1,
        version: "0.1.0",
        started_at: "2026-01-02T03:04:05Z".to_owned(),
        command: "sse-chat bench".to_owned(),
        machine: Machine {
            system: "Linux 6.8.0".to_owned(),
            processor: "Example CPU @ 2.00GHz".to_owned(),
            processors: 16,
            open_files: 1_048_576,
        },
        url: "http://127.0.0.1:8080".to_owned(),
        mode: "fanout",
        load: "50 msg/s, 128 bytes each, 1 room".to_owned(),
        runs: Vec::new(),
        gates: Vec::new(),
        interrupted: false,
    }
}

/// A run in which subscribers connect and nothing is published.
pub(super) fn idle_run(subscribers: usize) -> Run {
    Run {
        subscribers,
        seconds: 30.0,
        interrupted: false,
        connect: Connect {
            ok: subscribers as u64,
            seconds: 1.62,
            tcp: latency(1),
            answered: latency(2),
            first_event: latency(3),
            ..Connect::default()
        },
        publish: None,
        delivery: None,
        slow: None,
        resume: None,
        server: None,
        generator: Generator {
            threads: 2,
            cpu_cores: 1.25,
            busiest_thread: 0.87,
            lag: Latency::default(),
        },
        series: vec![second(-1.0, subscribers as u64, 0)],
        warnings: Vec::new(),
    }
}

pub(super) fn fanout_run(subscribers: usize) -> Run {
    let mut run = idle_run(subscribers);
    let size = subscribers as u64;
    run.publish = Some(publish());
    run.delivery = Some(Delivery {
        expected: 1_500 * size,
        received: 1_500 * size,
        per_second: 50.0 * size as f64,
        bytes_per_second: 11_700.0 * size as f64,
        each: latency(4),
        last: latency(8),
        from_sending: latency(3),
        ..Delivery::default()
    });
    run.server = Some(server());
    run.generator.lag = latency(1);
    run.series = (0..30)
        .map(|at| second(f64::from(at) - 1.0, size, 50))
        .collect();
    run
}

fn publish() -> Publish {
    Publish {
        due: 1_500,
        sent: 1_500,
        accepted: 1_500,
        per_second: 50.0,
        answer: latency(1),
        ..Publish::default()
    }
}

fn server() -> ServerUse {
    ServerUse {
        pids: vec![4711],
        cpu_seconds: 93.0,
        cpu_us_per_delivery: Some(6.2),
        cpu_us_per_publish: None,
        cpu_us_per_subscriber_second: None,
        cpu_us_per_handshake: None,
        memory_before: 5_000_000,
        memory_connected: 139_140_000,
        memory_after: 156_237_824,
        memory_left: None,
        memory_per_subscriber: Some(13_414.0),
        threads: 9,
    }
}

fn second(t: f64, connected: u64, sent: u64) -> Second {
    let some = |value| (sent > 0).then_some(value);
    Second {
        t,
        connected,
        sent,
        delivered: sent * connected,
        bytes: sent * connected * 234,
        p50_us: some(18_400.0),
        p99_us: some(41_700.5),
        max_us: None,
    }
}

pub(super) fn fanout() -> Report {
    Report {
        runs: vec![fanout_run(10_000)],
        ..empty()
    }
}

pub(super) fn sweep() -> Report {
    Report {
        runs: [100, 1_000, 10_000].map(fanout_run).into(),
        ..empty()
    }
}

pub(super) fn idle() -> Report {
    Report {
        mode: "idle",
        runs: vec![idle_run(1_000)],
        ..empty()
    }
}

pub(super) fn publish_only() -> Report {
    let mut run = idle_run(0);
    run.connect = Connect::default();
    run.publish = Some(publish());
    run.series = (0..3).map(|at| second(f64::from(at), 0, 50)).collect();
    Report {
        mode: "publish",
        runs: vec![run],
        ..empty()
    }
}

pub(super) fn resume() -> Report {
    let mut run = idle_run(1_000);
    run.resume = Some(Resume {
        missed: 100,
        whole: 998,
        each: latency(20),
        all_seconds: 2.5,
    });
    Report {
        mode: "resume",
        runs: vec![run],
        ..empty()
    }
}
