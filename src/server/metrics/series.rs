//! Every series, by its whole name, with what it tells: docs/metrics.md says
//! more. No label is a room's or a person's name, and none takes values without
//! an end.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;

use super::page::Page;
use super::process;
use crate::chat::{GapReason, Totals};
use crate::http::{App, Times};
use crate::server::connection_counters::ConnectionCounters;
use crate::server::context::ServerContext;
use crate::server::fanout::{Fanout, WorkerCounters};

/// Where the numbers come from.
#[derive(Debug, Clone)]
pub(in crate::server) struct MetricSources {
    app: Arc<App>,
    fanout: Arc<Fanout>,
    connections: Arc<ConnectionCounters>,
    started: SystemTime,
    dropped_log_lines: Arc<AtomicU64>,
}

impl Collector for MetricSources {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut page = Page(encoder);
        let totals = self.app.hub.totals();
        self.presence(&mut page, &totals)?;
        self.messages(&mut page, &totals)?;
        self.resume(&mut page, &totals)?;
        self.trouble(&mut page)?;
        self.times(&mut page)?;
        self.workers(&mut page, &totals)?;
        self.process(&mut page)
    }
}

impl MetricSources {
    pub(in crate::server) fn new(
        context: &ServerContext,
        dropped_log_lines: Arc<AtomicU64>,
    ) -> Self {
        Self {
            app: Arc::clone(&context.app),
            fanout: Arc::clone(&context.fanout),
            connections: Arc::clone(&context.connections),
            started: SystemTime::now(),
            dropped_log_lines,
        }
    }

    fn presence(&self, page: &mut Page<'_>, totals: &Totals) -> fmt::Result {
        page.gauge(
            "sse_chat_readers",
            "Event streams that are open",
            totals.readers,
        )?;
        page.gauge("sse_chat_rooms", "Rooms that there are", totals.rooms)?;
        page.gauge(
            "sse_chat_members",
            "Names of readers, each once for each of its rooms",
            totals.members,
        )?;
        page.gauge(
            "sse_chat_connections",
            "Connections that are open, those of readers included",
            self.app.admission.connections(),
        )?;
        page.gauge(
            "sse_chat_max_connections",
            "Connections that are let in at the most: --max-connections, or what open files allow",
            self.app.config.limits.max_connections,
        )?;
        page.counter(
            "sse_chat_connections_accepted",
            "Connections that were accepted",
            self.connections.accepted(),
        )
    }

    fn messages(&self, page: &mut Page<'_>, totals: &Totals) -> fmt::Result {
        page.counter(
            "sse_chat_messages",
            "Messages that were said",
            totals.messages,
        )?;
        page.counter(
            "sse_chat_message_bytes",
            "Bytes of the texts of these messages",
            totals.message_bytes,
        )?;
        page.counter(
            "sse_chat_deliveries",
            "Messages given to readers, each once for each reader",
            self.sum(|worker| &worker.deliveries),
        )?;
        page.counter(
            "sse_chat_delivered_bytes",
            "Bytes given to readers: of messages, and of everything else in their streams",
            self.sum(|worker| &worker.delivered_bytes),
        )?;
        page.counter(
            "sse_chat_presence_bytes",
            "Bytes of presence events, once for each reader that gets them",
            totals.presence_bytes,
        )?;
        page.gauge(
            "sse_chat_history_messages",
            "Messages in the history of all rooms",
            totals.history_messages,
        )?;
        page.gauge(
            "sse_chat_history_bytes",
            "Bytes in the history of all rooms, as --history-budget counts them",
            totals.history_bytes,
        )
    }

    fn resume(&self, page: &mut Page<'_>, totals: &Totals) -> fmt::Result {
        page.counter(
            "sse_chat_replays",
            "Streams that began where another had ended, by an event id",
            totals.resumes,
        )?;
        page.counter(
            "sse_chat_replayed_messages",
            "Messages given to readers out of history",
            totals.replayed,
        )?;
        page.counter(
            "sse_chat_replayed_bytes",
            "Bytes of these messages",
            totals.replayed_bytes,
        )?;
        page.gauge(
            "sse_chat_replays_waiting",
            "Streams whose replay waits until --replay-rate allows more",
            totals.replays_waiting,
        )?;
        let reasons = GapReason::ALL.map(GapReason::as_str);
        page.counters(
            "sse_chat_gaps",
            "Gaps that readers were told of",
            "reason",
            reasons.into_iter().zip(totals.gaps),
        )
    }

    fn trouble(&self, page: &mut Page<'_>) -> fmt::Result {
        let lags = [
            ("reader", self.sum(|worker| &worker.reader_lags)),
            ("worker", self.sum(|worker| &worker.worker_lags)),
        ];
        page.counters(
            "sse_chat_lags",
            "How often a reader's socket was full, or a worker missed something, and history took over",
            "who",
            lags,
        )?;
        page.counter(
            "sse_chat_stalls",
            "Readers that were closed because they took nothing for the time of --stall",
            self.app.stalled.load(Ordering::Relaxed),
        )?;
        page.counters(
            "sse_chat_refusals",
            "Requests that were refused, by the code of the answer",
            "code",
            self.app.counts.refusals(),
        )?;
        page.counters(
            "sse_chat_busy",
            "Streams that were told to come back later, by what there was too much of",
            "reason",
            self.app.counts.busy(),
        )?;
        page.counters(
            "sse_chat_rate_limited",
            "Messages, streams and requests that came too fast, by the rate that they met",
            "rate",
            self.app.rate_limited(),
        )?;
        page.counter(
            "sse_chat_unheard_connections",
            "Connections that were closed without a word, since too many wait to be refused",
            self.connections.unanswered(),
        )?;
        page.counters(
            "sse_chat_timeouts",
            "Connections that were closed because their client let the server wait",
            "waiting_for",
            self.connections.timed_out(),
        )?;
        page.counter(
            "sse_chat_malformed_requests",
            "Requests that are no HTTP/1, or have a head that is too large",
            self.connections.malformed(),
        )?;
        page.counter(
            "sse_chat_log_lines_dropped",
            "Log lines that were dropped because standard error was blocked, or refused them",
            self.dropped_log_lines.load(Ordering::Relaxed),
        )
    }

    fn times(&self, page: &mut Page<'_>) -> fmt::Result {
        page.histogram(
            "sse_chat_publish_seconds",
            "From the head of a request that says something to its answer",
            &self.app.counts.publish_time.times(),
        )?;
        let mut fan_out = Times::default();
        for (_, worker) in self.fanout.workers() {
            fan_out += worker.fan_out_time.times();
        }
        page.histogram(
            "sse_chat_fanout_seconds",
            "From when a message was said to when a worker has written it to the last of its readers",
            &fan_out,
        )
    }

    fn workers(&self, page: &mut Page<'_>, totals: &Totals) -> fmt::Result {
        let workers = || self.fanout.workers().enumerate();
        let waiting = |counts: &WorkerCounters| {
            let read = counts.position.load(Ordering::Relaxed);
            totals.sent_events.saturating_sub(read)
        };
        page.gauges(
            "sse_chat_worker_readers",
            "Readers of each worker",
            "worker",
            workers().map(|(number, (readers, _))| (number, readers as u64)),
        )?;
        page.gauges(
            "sse_chat_worker_waiting_events",
            "Events that wait for each worker",
            "worker",
            workers().map(|(number, (_, counts))| (number, waiting(counts))),
        )?;
        let busy =
            |counts: &WorkerCounters| Duration::from_nanos(counts.busy.load(Ordering::Relaxed));
        page.counters(
            "sse_chat_worker_busy_seconds",
            "Time in which each worker had something to do",
            "worker",
            workers().map(|(number, (_, counts))| (number, busy(counts).as_secs_f64())),
        )
    }

    fn process(&self, page: &mut Page<'_>) -> fmt::Result {
        page.gauges(
            "sse_chat_build_info",
            "Always 1; which version runs",
            "version",
            [(env!("CARGO_PKG_VERSION"), 1)],
        )?;
        page.gauge(
            "sse_chat_draining",
            "1 while the server shuts down, else 0",
            usize::from(self.app.draining.has_begun()),
        )?;
        // Not from the kernel: a service manager may hide from us when the
        // machine was booted.
        let started = self.started.duration_since(SystemTime::UNIX_EPOCH);
        page.gauge(
            "process_start_time_seconds",
            "When the process was started, in seconds since 1970",
            started.map_or(0.0, |since| since.as_secs_f64()),
        )?;
        let Some(usage) = process::usage() else {
            return Ok(());
        };
        page.counter(
            "process_cpu_seconds",
            "Processor time that was used",
            usage.cpu_seconds,
        )?;
        page.gauge(
            "process_resident_memory_bytes",
            "Memory that is not swapped out",
            usage.resident_bytes,
        )?;
        page.gauge(
            "process_open_fds",
            "Open files, sockets among them",
            usage.open_files,
        )?;
        page.gauge(
            "process_max_fds",
            "Open files that there may be",
            usage
                .most_open_files
                .map_or(f64::INFINITY, |most| most as f64),
        )
    }

    /// What all workers counted.
    fn sum(&self, of: impl Fn(&WorkerCounters) -> &AtomicU64) -> u64 {
        let counts = self.fanout.workers().map(|(_, counts)| of(counts));
        counts.map(|count| count.load(Ordering::Relaxed)).sum()
    }
}
