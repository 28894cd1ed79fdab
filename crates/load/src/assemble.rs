//! Makes the report of a run from its raw results: sums over the workers, rates,
//! and warnings.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use crate::plan::Mode;
use crate::report::{
    Connect, Delivery, Generator, Latency, Publish, Resume, Run, ServerUse, SlowDelivery,
};
use crate::run_data::{PublishTotals, RunData, ServerUsage, seconds};
use crate::tally::Tally;

/// Above this CPU share the busiest thread may be the bottleneck.
const BUSY: f64 = 0.9;
/// Above this lag the delivery times are distorted.
const LATE: Duration = Duration::from_millis(10);

/// The report of one run.
pub(crate) fn run(data: RunData, interrupted: bool) -> Run {
    let sums = sums(&data.tallies);
    let mode = data.shared.plan.mode;
    let measured = measured_seconds(&data, &sums);
    let mut run = Run {
        subscribers: data.subscribers,
        seconds: measured,
        interrupted,
        connect: connect(&data, &sums),
        publish: None,
        delivery: None,
        slow: slow(&data, &sums),
        resume: (mode == Mode::Resume).then(|| resume(&data, &sums)),
        server: None,
        generator: generator(&data),
        series: Vec::new(),
        warnings: Vec::new(),
    };
    if let Some(published) = &data.published {
        run.publish = Some(publish(published, measured));
        if data.subscribers > 0 {
            run.delivery = Some(delivery(&data, &sums, measured));
        }
    }
    let opened = run.connect.ok;
    let published =
        (mode == Mode::Publish).then(|| run.publish.as_ref().map_or(0, |all| all.accepted));
    let error = data.server.as_ref().and_then(|server| server.error.clone());
    run.server = data
        .server
        .as_ref()
        .filter(|server| server.error.is_none())
        .map(|server| server_use(server, opened, sums.measured_of_all, published));
    run.series = data.timeline.finish(&data.shared);
    run.warnings = warnings(&run);
    run.warnings
        .extend(error.map(|why| format!("the server's use was not measured: {why}")));
    if let (Mode::Idle, Some(server)) = (mode, &mut run.server)
        && run.connect.ok > 0
        && measured > 0.0
    {
        let each = server.cpu_seconds * 1e6 / measured / run.connect.ok as f64;
        server.cpu_us_per_subscriber_second = Some(each);
        // By the end, memory that only connecting needed is returned.
        let grown = server.memory_after as f64 - server.memory_before as f64;
        server.memory_per_subscriber = Some(grown / run.connect.ok as f64);
    }
    if let (Mode::Handshakes, Some(server)) = (mode, &mut run.server) {
        // No stream stays.
        server.memory_per_subscriber = None;
        let each = server.cpu_seconds * 1e6 / opened as f64;
        server.cpu_us_per_handshake = (opened > 0).then_some(each);
    }
    run.warnings.extend(ended_streams(&run, &sums));
    run
}

/// The sums over all workers.
fn sums(tallies: &[Tally]) -> Tally {
    let mut all = Tally::default();
    for tally in tallies {
        all.add(tally);
    }
    all
}

/// The length of the measured part: to the last delivery or answer, without the
/// rest of the drain.
fn measured_seconds(data: &RunData, sums: &Tally) -> f64 {
    let (began_ns, ended_ns) = data.measured_ns;
    let last_answer_ns = data.published.as_ref().map_or(0, |all| all.last_answer_ns);
    let ended_ns = match (data.shared.plan.mode, sums.last_ns.max(last_answer_ns)) {
        (Mode::Fanout | Mode::Publish, last_ns) if last_ns > began_ns => last_ns,
        _ => ended_ns,
    };
    seconds(ended_ns.saturating_sub(began_ns))
}

fn connect(data: &RunData, sums: &Tally) -> Connect {
    let counters = &data.shared.counters;
    Connect {
        ok: counters.opened.load(Relaxed),
        failed: counters.failed.load(Relaxed),
        first_failure: data
            .shared
            .first_failure()
            .as_ref()
            .map(|error| error.reason().to_owned()),
        seconds: data.connect_seconds,
        tcp: sums.tcp.clone(),
        tls: sums.tls.clone(),
        answered: sums.answered.clone(),
        first_event: sums.first_event.clone(),
    }
}

fn publish(published: &PublishTotals, measured: f64) -> Publish {
    Publish {
        due: published.due,
        sent: published.measured_sent,
        accepted: published.accepted,
        refused: published.refused,
        unanswered: published.unanswered,
        first_failure: published.first_failure.clone(),
        per_second: per_second(published.accepted, measured),
        answer: published.answer.clone(),
    }
}

fn delivery(data: &RunData, sums: &Tally, measured: f64) -> Delivery {
    let messages = data.shared.messages();
    Delivery {
        // Every message is received, announced as lost, or lost.
        expected: sums.received + sums.lost + sums.announced_lost,
        received: sums.received,
        lost: sums.lost,
        doubled: sums.doubled,
        out_of_order: sums.out_of_order,
        announced_lost: sums.announced_lost,
        number_holes: sums.number_holes,
        disconnected: sums.disconnected,
        incomplete: messages.outstanding.incomplete(),
        per_second: per_second(sums.measured_of_all, measured),
        bytes_per_second: per_second(sums.measured_bytes, measured),
        each: sums.each.clone(),
        last: messages.last.clone(),
        from_sending: sums.from_sending.clone(),
    }
}

fn slow(data: &RunData, sums: &Tally) -> Option<SlowDelivery> {
    data.shared.plan.slow?;
    Some(SlowDelivery {
        subscribers: data.shared.plan.slow_of(data.subscribers),
        received: sums.slow_received,
        lost: sums.slow_lost,
        announced_lost: sums.slow_announced_lost,
        disconnected: sums.slow_disconnected,
    })
}

fn resume(data: &RunData, sums: &Tally) -> Resume {
    let last_ns = sums.resumed_last_ns.saturating_sub(data.reconnect_ns);
    Resume {
        missed: data.shared.plan.missed,
        whole: data.shared.counters.resumed.load(Relaxed),
        each: sums.resumed.clone(),
        all_seconds: seconds(last_ns),
    }
}

fn server_use(
    server: &ServerUsage,
    subscribers: u64,
    deliveries: u64,
    published: Option<u64>,
) -> ServerUse {
    let cpu_seconds = server.end.cpu_seconds - server.begin.cpu_seconds;
    let each = |count: u64| (count > 0).then(|| cpu_seconds * 1e6 / count as f64);
    let grown = server.connected.memory as f64 - server.before.memory as f64;
    ServerUse {
        pids: server.pids.clone(),
        cpu_seconds,
        cpu_us_per_delivery: each(deliveries),
        cpu_us_per_publish: published.and_then(each),
        cpu_us_per_subscriber_second: None,
        cpu_us_per_handshake: None,
        memory_before: server.before.memory,
        memory_connected: server.connected.memory,
        memory_after: server.end.memory,
        memory_left: server.left.map(|left| left.memory),
        memory_per_subscriber: (subscribers > 0 && server.connected.memory > 0)
            .then(|| grown / subscribers as f64),
        threads: server.end.threads,
    }
}

fn generator(data: &RunData) -> Generator {
    let (before, after) = &data.own_threads;
    // The publishing thread has ended, so it has measured its time itself.
    let publishing = data.published.as_ref().map_or(0.0, |all| all.cpu_seconds);
    let busiest = after.busiest_since(before).max(publishing);
    let all = data.own_cpu.1 - data.own_cpu.0;
    let (began_ns, ended_ns) = data.measured_ns;
    let time = seconds(ended_ns.saturating_sub(began_ns)).max(f64::MIN_POSITIVE);
    Generator {
        threads: data.tallies.len(),
        cpu_cores: all / time,
        // The kernel counts it in hundredths of a second.
        busiest_thread: (busiest / time).min(1.0),
        lag: match &data.published {
            Some(published) => published.lag.clone(),
            None => Latency::default(),
        },
    }
}

fn per_second(count: u64, seconds: f64) -> f64 {
    match seconds > 0.0 {
        true => count as f64 / seconds,
        false => 0.0,
    }
}

/// A warning of ended streams in modes without deliveries, where no figure counts
/// them.
fn ended_streams(run: &Run, sums: &Tally) -> Option<String> {
    let ended = sums.disconnected;
    (run.delivery.is_none() && ended > 0)
        .then(|| format!("streams ended {ended} times while they should not"))
}

fn warnings(run: &Run) -> Vec<String> {
    let mut warnings = Vec::new();
    if run.generator.busiest_thread > BUSY {
        warnings.push(format!(
            "the load generator's busiest thread was busy for {:.0} % of the time: it may be the \
             limit, and not the server; use more --threads, or more processors",
            run.generator.busiest_thread * 100.0
        ));
    }
    if let Some(lag) = run.generator.lag.percentile(99.0).filter(|lag| *lag > LATE) {
        warnings.push(format!(
            "the load generator was late by {lag:.1?} (p99) by its own fault: times are too long \
             by up to that"
        ));
    }
    if let Some(publish) = run.publish.as_ref().filter(|all| all.sent < all.due) {
        warnings.push(format!(
            "{} of {} messages that were due were not sent: no publisher was free; the times do \
             not have them",
            publish.due - publish.sent,
            publish.due
        ));
    }
    if run.connect.failed > 0 {
        warnings.push(format!(
            "{} of {} streams could not be opened: {}",
            run.connect.failed,
            run.connect.failed + run.connect.ok,
            run.connect.first_failure.as_deref().unwrap_or("no reason")
        ));
    }
    warnings
}
