//! The report as a page of text.
//!
//! It has the lines that apply to the mode. Losses and failures are red.

mod sweep;
mod times;

use std::io;

use super::page::{Page, TextPart, Tone, part, toned};
use super::{Connect, Delivery, Generator, Publish, Report, Resume, Run, ServerUse, SlowDelivery};
use crate::quantity::{bytes, count, number, seconds, time};

const INTERRUPTED: &str = "INTERRUPTED: these figures are only of the part that ran.";

/// Writes the summary, with colours if `paint`. Errors: those of `out`.
pub fn write(report: &Report, out: &mut impl io::Write, paint: bool) -> io::Result<()> {
    let page = &mut Page::new(out, paint);
    header(page, report)?;
    for run in &report.runs {
        page.blank()?;
        write_run(page, report.mode, run)?;
    }
    if report.runs.len() > 1 {
        page.blank()?;
        sweep::write(page, report)?;
    }
    gates(page, report)?;
    if report.interrupted {
        page.blank()?;
        page.line(Tone::Error, INTERRUPTED)?;
    }
    Ok(())
}

fn header(page: &mut Page<'_, impl io::Write>, report: &Report) -> io::Result<()> {
    if report.interrupted {
        page.line(Tone::Error, INTERRUPTED)?;
        page.blank()?;
    }
    let Report {
        version, mode, url, ..
    } = report;
    page.line(
        Tone::Strong,
        &format!("sse-chat {version}  bench {mode}  {url}"),
    )?;
    page.sentence("Load", Tone::Plain, &report.load)?;
    let machine = &report.machine;
    let parts = [
        part(&machine.system),
        part(&machine.processor),
        part(counted(machine.processors as u64, "processor")),
        part(counted(machine.open_files, "open file") + " at most"),
    ];
    page.figures("Machine", &parts)
}

fn write_run(page: &mut Page<'_, impl io::Write>, mode: &str, run: &Run) -> io::Result<()> {
    title(page, run)?;
    connect(page, &run.connect)?;
    run.publish
        .as_ref()
        .map_or(Ok(()), |it| publish(page, it))?;
    run.delivery
        .as_ref()
        .map_or(Ok(()), |it| delivery(page, it))?;
    run.slow.as_ref().map_or(Ok(()), |it| slow(page, it))?;
    let asked = run.subscribers as u64;
    let resumed = run.resume.as_ref();
    resumed.map_or(Ok(()), |it| resume(page, it, asked))?;
    times::write(page, mode, run)?;
    let used = run.server.as_ref();
    used.map_or(Ok(()), |it| server(page, it, run.seconds))?;
    generator(page, &run.generator)?;
    run.warnings
        .iter()
        .try_for_each(|warning| page.sentence("Warning", Tone::Warning, warning))
}

fn title(page: &mut Page<'_, impl io::Write>, run: &Run) -> io::Result<()> {
    let mut parts = Vec::new();
    if run.subscribers > 0 {
        let subscribers = counted(run.subscribers as u64, "subscriber");
        parts.push(toned(Tone::Strong, subscribers));
    }
    parts.push(part(format!("{} measured", seconds(run.seconds))));
    if run.interrupted {
        parts.push(toned(Tone::Error, "interrupted"));
    }
    page.figures("Run", &parts)
}

fn connect(page: &mut Page<'_, impl io::Write>, connect: &Connect) -> io::Result<()> {
    if connect.ok + connect.failed == 0 {
        return Ok(());
    }
    let mut took = seconds(connect.seconds);
    if connect.seconds > 0.0 {
        took += &format!(" ({}/s)", number(connect.ok as f64 / connect.seconds));
    }
    let parts = [
        part(format!("{} ok", count(connect.ok))),
        bad_count(connect.failed, "failed"),
        part(took),
    ];
    page.figures("Connect", &parts)?;
    first_failure(page, connect.first_failure.as_deref())
}

fn publish(page: &mut Page<'_, impl io::Write>, publish: &Publish) -> io::Result<()> {
    let sent = match publish.due > publish.sent {
        true => toned(
            Tone::Warning,
            format!("{} of {} due sent", count(publish.sent), count(publish.due)),
        ),
        false => part(format!("{} sent", count(publish.sent))),
    };
    let parts = [
        sent,
        part(format!("{} accepted", count(publish.accepted))),
        bad_count(publish.refused, "refused"),
        bad_count(publish.unanswered, "unanswered"),
        part(format!("{}/s", number(publish.per_second))),
    ];
    page.figures("Published", &parts)?;
    first_failure(page, publish.first_failure.as_deref())
}

fn delivery(page: &mut Page<'_, impl io::Write>, delivery: &Delivery) -> io::Result<()> {
    let parts = [
        part(format!(
            "{} of {}",
            count(delivery.received),
            count(delivery.expected)
        )),
        bad_count(delivery.lost, "lost"),
        bad_count(delivery.doubled, "doubled"),
        bad_count(delivery.out_of_order, "out of order"),
        bad_count(delivery.announced_lost, "announced lost"),
        bad_count(delivery.number_holes, "number holes"),
        bad_count(delivery.disconnected, "disconnected"),
        bad_count(delivery.incomplete, "incomplete"),
    ];
    page.figures("Delivered", &parts)?;
    let parts = [
        part(format!("{} deliveries/s", number(delivery.per_second))),
        part(format!("{}/s", bytes(delivery.bytes_per_second))),
    ];
    page.figures("Throughput", &parts)
}

fn slow(page: &mut Page<'_, impl io::Write>, slow: &SlowDelivery) -> io::Result<()> {
    let parts = [
        part(counted(slow.subscribers as u64, "subscriber")),
        part(format!("{} received", count(slow.received))),
        bad_count(slow.lost, "lost"),
        part(format!("{} announced lost", count(slow.announced_lost))),
        part(format!("{} disconnected", count(slow.disconnected))),
    ];
    page.figures("Slow", &parts)
}

fn resume(page: &mut Page<'_, impl io::Write>, resume: &Resume, asked: u64) -> io::Result<()> {
    let tone = match resume.whole < asked {
        true => Tone::Error,
        false => Tone::Plain,
    };
    let whole = format!("{} of {} whole again", count(resume.whole), count(asked));
    let parts = [
        part(format!("{} missed each", count(resume.missed))),
        toned(tone, whole),
        part(format!("{} until the last", seconds(resume.all_seconds))),
    ];
    page.figures("Resumed", &parts)
}

fn server(
    page: &mut Page<'_, impl io::Write>,
    server: &ServerUse,
    run_seconds: f64,
) -> io::Result<()> {
    let mut parts = Vec::new();
    if run_seconds > 0.0 {
        let cores = server.cpu_seconds / run_seconds;
        parts.push(part(format!("CPU {} cores", number(cores))));
    }
    let costs = [
        (server.cpu_us_per_delivery, "delivery"),
        (server.cpu_us_per_publish, "publish"),
        (server.cpu_us_per_subscriber_second, "subscriber and second"),
        (server.cpu_us_per_handshake, "connection"),
    ];
    for (cost, unit) in costs {
        parts.extend(cost.map(|cost| part(format!("{} µs CPU per {unit}", number(cost)))));
    }
    let memory = server.memory_per_subscriber.map(bytes);
    parts.extend(memory.map(|memory| part(format!("{memory} per subscriber"))));
    parts.push(part(format!(
        "memory {}",
        bytes(server.memory_after as f64)
    )));
    let left = server.memory_left.map(|left| bytes(left as f64));
    parts.extend(left.map(|left| part(format!("{left} after they left"))));
    parts.push(part(counted(server.threads, "thread")));
    page.figures("Server", &parts)
}

fn generator(page: &mut Page<'_, impl io::Write>, generator: &Generator) -> io::Result<()> {
    let lag = &generator.lag;
    let lag = lag
        .percentile(99.0)
        .zip(lag.max())
        .map(|(p99, max)| part(format!("lag p99 {}, max {}", time(p99), time(max))));
    let mut parts: Vec<TextPart> = lag.into_iter().collect();
    parts.extend([
        part(format!("CPU {} cores", number(generator.cpu_cores))),
        part(format!(
            "busiest thread {:.0} %",
            generator.busiest_thread * 100.0
        )),
        part(counted(generator.threads as u64, "reading thread")),
    ]);
    page.figures("Generator", &parts)
}

fn gates(page: &mut Page<'_, impl io::Write>, report: &Report) -> io::Result<()> {
    if !report.gates.is_empty() {
        page.blank()?;
    }
    for gate in &report.gates {
        let verdict = match gate.failed {
            true => toned(Tone::Error, "FAILED"),
            false => part("passed"),
        };
        let condition = part(format!("not {}", gate.condition));
        let measured = part(format!("measured {}", gate.measured));
        page.figures("Gate", &[verdict, condition, measured])?;
    }
    Ok(())
}

fn first_failure(page: &mut Page<'_, impl io::Write>, why: Option<&str>) -> io::Result<()> {
    why.map_or(Ok(()), |why| {
        page.sentence("", Tone::Plain, &format!("the first failure: {why}"))
    })
}

/// A count that should be 0.
fn bad_count(number: u64, name: &str) -> TextPart {
    let tone = match number {
        0 => Tone::Plain,
        _ => Tone::Error,
    };
    toned(tone, format!("{} {name}", count(number)))
}

fn counted(number: u64, name: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {name}{plural}", count(number))
}

#[cfg(test)]
mod tests;
