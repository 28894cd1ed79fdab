//! From what was found to a report: sums over the workers, rates, and what casts
//! doubt on the figures.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use crate::found::{Found, ServerLooks, seconds};
use crate::plan::Mode;
use crate::published::Published;
use crate::report::{Connect, Delivery, Generator, Latency, Publish, Resume, Run, ServerUse, Slow};
use crate::tally::Tally;

/// A thread that is busy for a larger share of the time may be the limit.
const BUSY: f64 = 0.9;
/// A schedule that is later than this by its own fault spoils the figures.
const LATE: Duration = Duration::from_millis(10);

/// The report of one run.
pub(super) fn run(found: Found, interrupted: bool) -> Run {
    let sums = sums(&found.tallies);
    let mode = found.shared.plan.mode;
    let measured = measured_seconds(&found, &sums);
    let mut run = Run {
        subscribers: found.subscribers,
        seconds: measured,
        interrupted,
        connect: connect(&found, &sums),
        publish: None,
        delivery: None,
        slow: slow(&found, &sums),
        resume: (mode == Mode::Resume).then(|| resume(&found, &sums)),
        server: None,
        generator: generator(&found),
        series: Vec::new(),
        warnings: Vec::new(),
    };
    if let Some(published) = &found.published {
        run.publish = Some(publish(published, measured));
        if found.subscribers > 0 {
            run.delivery = Some(delivery(&found, &sums, measured));
        }
    }
    let opened = run.connect.ok;
    let published =
        (mode == Mode::Publish).then(|| run.publish.as_ref().map_or(0, |all| all.accepted));
    let lost = found.server.as_ref().and_then(|looks| looks.lost.clone());
    run.server = found
        .server
        .as_ref()
        .filter(|looks| looks.lost.is_none())
        .map(|looks| server(looks, opened, sums.measured_of_all, published));
    run.series = found.series.finish(&found.shared);
    run.warnings = warnings(&run);
    run.warnings
        .extend(lost.map(|why| format!("the server's use was not measured: {why}")));
    if let (Mode::Idle, Some(server)) = (mode, &mut run.server)
        && run.connect.ok > 0
        && measured > 0.0
    {
        let each = server.cpu_seconds * 1e6 / measured / run.connect.ok as f64;
        server.cpu_us_per_subscriber_second = Some(each);
        // By then what connecting took for a moment is given back.
        let grown = server.memory_after as f64 - server.memory_before as f64;
        server.memory_per_subscriber = Some(grown / run.connect.ok as f64);
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

/// The length of the measured part: to the last delivery or answer, not to the
/// end of the time that was left for it.
fn measured_seconds(found: &Found, sums: &Tally) -> f64 {
    let (began_ns, ended_ns) = found.measured_ns;
    let last_answer_ns = found.published.as_ref().map_or(0, |all| all.last_answer_ns);
    let ended_ns = match (found.shared.plan.mode, sums.last_ns.max(last_answer_ns)) {
        (Mode::Fanout | Mode::Publish, last_ns) if last_ns > began_ns => last_ns,
        _ => ended_ns,
    };
    seconds(ended_ns.saturating_sub(began_ns))
}

fn connect(found: &Found, sums: &Tally) -> Connect {
    let counters = &found.shared.counters;
    Connect {
        ok: counters.opened.load(Relaxed),
        failed: counters.failed.load(Relaxed),
        first_failure: found
            .shared
            .first_failure()
            .as_ref()
            .map(|trouble| trouble.why().to_owned()),
        seconds: found.connect_seconds,
        tcp: sums.tcp.clone(),
        answered: sums.answered.clone(),
        first_event: sums.first_event.clone(),
    }
}

fn publish(published: &Published, measured: f64) -> Publish {
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

fn delivery(found: &Found, sums: &Tally, measured: f64) -> Delivery {
    let messages = found.shared.messages();
    Delivery {
        // What is neither here nor announced is lost, so this is all there was.
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

fn slow(found: &Found, sums: &Tally) -> Option<Slow> {
    found.shared.plan.slow?;
    Some(Slow {
        subscribers: found.shared.plan.slow_of(found.subscribers),
        received: sums.slow_received,
        lost: sums.slow_lost,
        announced_lost: sums.slow_announced_lost,
        disconnected: sums.slow_disconnected,
    })
}

fn resume(found: &Found, sums: &Tally) -> Resume {
    let last_ns = sums.resumed_last_ns.saturating_sub(found.return_ns);
    Resume {
        missed: found.shared.plan.missed,
        whole: found.shared.counters.whole.load(Relaxed),
        each: sums.resumed.clone(),
        all_seconds: seconds(last_ns),
    }
}

fn server(
    looks: &ServerLooks,
    subscribers: u64,
    deliveries: u64,
    published: Option<u64>,
) -> ServerUse {
    let cpu_seconds = looks.end.cpu_seconds - looks.begin.cpu_seconds;
    let each = |count: u64| (count > 0).then(|| cpu_seconds * 1e6 / count as f64);
    let grown = looks.connected.memory as f64 - looks.before.memory as f64;
    ServerUse {
        pids: looks.pids.clone(),
        cpu_seconds,
        cpu_us_per_delivery: each(deliveries),
        cpu_us_per_publish: published.and_then(each),
        cpu_us_per_subscriber_second: None,
        memory_before: looks.before.memory,
        memory_connected: looks.connected.memory,
        memory_after: looks.end.memory,
        memory_left: looks.left.map(|left| left.memory),
        memory_per_subscriber: (subscribers > 0 && looks.connected.memory > 0)
            .then(|| grown / subscribers as f64),
        threads: looks.end.threads,
    }
}

fn generator(found: &Found) -> Generator {
    let (before, after) = &found.own_threads;
    // The publishing thread has ended by now, so it tells its time itself.
    let publishing = found.published.as_ref().map_or(0.0, |all| all.cpu_seconds);
    let busiest = after.busiest_since(before).max(publishing);
    let all = found.own_cpu.1 - found.own_cpu.0;
    let (began_ns, ended_ns) = found.measured_ns;
    let time = seconds(ended_ns.saturating_sub(began_ns)).max(f64::MIN_POSITIVE);
    Generator {
        threads: found.tallies.len(),
        cpu_cores: all / time,
        // The system counts it in hundredths of a second.
        busiest_thread: (busiest / time).min(1.0),
        lag: match &found.published {
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

/// Streams that ended where nothing is delivered, and so no other figure has them.
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
            run.subscribers,
            run.connect.first_failure.as_deref().unwrap_or("no reason")
        ));
    }
    warnings
}
