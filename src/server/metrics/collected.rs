//! Metrics whose values are read at each scrape: from the hub, the limits, the
//! workers and the kernel. No label is the name of a room or of a person, and none
//! takes an unbounded number of values; docs/metrics.md explains each metric.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;

use super::encoder::MetricEncoder;
#[cfg(feature = "cli")]
use super::process;
use crate::chat::{GapReason, Totals};
use crate::http::{App, Carrier};
use crate::server::context::ServerContext;
use crate::server::fanout::{Fanout, WorkerCounters};
#[cfg(feature = "https")]
use crate::server::tls::Certificates;

/// Reads its values at each scrape.
#[derive(Debug)]
pub(super) struct CollectedMetrics {
    app: Arc<App>,
    fanout: Arc<Fanout>,
    started: SystemTime,
    dropped_log_lines: Arc<AtomicU64>,
    #[cfg(feature = "https")]
    certificates: Option<Arc<Certificates>>,
}

impl Collector for CollectedMetrics {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut metrics = MetricEncoder(encoder);
        let totals = self.app.hub.totals();
        self.presence(&mut metrics, &totals)?;
        self.messages(&mut metrics, &totals)?;
        self.resume(&mut metrics, &totals)?;
        self.limits(&mut metrics)?;
        self.workers(&mut metrics, &totals)?;
        self.store(&mut metrics, &totals)?;
        self.shared(&mut metrics)?;
        #[cfg(feature = "https")]
        self.certificates(&mut metrics)?;
        self.process(&mut metrics)
    }
}

impl CollectedMetrics {
    pub(super) fn new(context: &ServerContext, dropped_log_lines: Arc<AtomicU64>) -> Self {
        Self {
            app: Arc::clone(&context.app),
            fanout: Arc::clone(&context.fanout),
            started: SystemTime::now(),
            dropped_log_lines,
            #[cfg(feature = "https")]
            certificates: context
                .tls
                .as_ref()
                .map(|tls| Arc::clone(tls.certificates())),
        }
    }

    fn presence(&self, metrics: &mut MetricEncoder<'_>, totals: &Totals) -> fmt::Result {
        metrics.gauge("sse_chat_readers", "Open event streams", totals.readers)?;
        metrics.gauge("sse_chat_rooms", "Rooms", totals.rooms)?;
        metrics.gauge(
            "sse_chat_members",
            "Members: named readers, once for each room, two streams of one name as one",
            totals.members,
        )?;
        metrics.gauge(
            "sse_chat_connections",
            "Open connections, those of readers included",
            self.app.admission.connections(),
        )?;
        let admission = &self.app.admission;
        let of = |(carrier, count): (Carrier, usize)| (carrier.labels(), count);
        metrics.gauges_of_pairs(
            "sse_chat_connections_by_protocol",
            "Open connections by the version of HTTP and the scheme, once they are known",
            admission.carried_connections().map(of),
        )?;
        metrics.gauges_of_pairs(
            "sse_chat_readers_by_protocol",
            "Open event streams by the version of HTTP and the scheme",
            admission.carried_streams().map(of),
        )?;
        metrics.gauge(
            "sse_chat_max_connections",
            "Maximum of open connections: --max-connections, or what the limit on open files allows",
            self.app.config.limits.max_connections,
        )
    }

    fn messages(&self, metrics: &mut MetricEncoder<'_>, totals: &Totals) -> fmt::Result {
        metrics.counter("sse_chat_messages", "Published messages", totals.messages)?;
        metrics.counter(
            "sse_chat_message_bytes",
            "Bytes of the texts of published messages",
            totals.message_bytes,
        )?;
        metrics.counter(
            "sse_chat_events",
            "Published events of programs",
            totals.events,
        )?;
        metrics.counter(
            "sse_chat_event_bytes",
            "Bytes of the payloads of published events",
            totals.event_bytes,
        )?;
        metrics.counter(
            "sse_chat_changes",
            "Edits, deletions and reactions that changed a message, and deletions of events",
            totals.changes,
        )?;
        metrics.counter(
            "sse_chat_presence_bytes",
            "Bytes of presence events, once for each reader that gets them",
            totals.presence_bytes,
        )?;
        metrics.gauge(
            "sse_chat_history_messages",
            "Messages, events and changes in the history of all rooms",
            totals.history_entries,
        )?;
        metrics.gauge(
            "sse_chat_history_bytes",
            "Bytes in the history of all rooms, as --history-budget counts them",
            totals.history_bytes,
        )
    }

    fn resume(&self, metrics: &mut MetricEncoder<'_>, totals: &Totals) -> fmt::Result {
        metrics.counter(
            "sse_chat_replays",
            "Streams that resumed from an event id",
            totals.resumes,
        )?;
        metrics.counter(
            "sse_chat_replayed_messages",
            "Messages that readers got from history",
            totals.replayed,
        )?;
        metrics.counter(
            "sse_chat_replayed_bytes",
            "Bytes of the messages that readers got from history",
            totals.replayed_bytes,
        )?;
        metrics.gauge(
            "sse_chat_replays_waiting",
            "Streams whose replay waits for the budget of --replay-rate",
            totals.replays_waiting,
        )?;
        let reasons = GapReason::ALL.map(GapReason::as_str);
        metrics.counters(
            "sse_chat_gaps",
            "Gaps announced to readers",
            "reason",
            reasons.into_iter().zip(totals.gaps),
        )
    }

    fn limits(&self, metrics: &mut MetricEncoder<'_>) -> fmt::Result {
        metrics.counter(
            "sse_chat_stalls",
            "Readers closed because they read nothing for --stall",
            self.app.stalled.load(Ordering::Relaxed),
        )?;
        metrics.counters(
            "sse_chat_rate_limited",
            "Messages, streams and requests over a rate limit, by the limit",
            "rate",
            self.app.rate_limited(),
        )?;
        metrics.counter(
            "sse_chat_log_lines_dropped",
            "Log lines dropped because standard error was blocked or a write to it failed",
            self.dropped_log_lines.load(Ordering::Relaxed),
        )
    }

    fn workers(&self, metrics: &mut MetricEncoder<'_>, totals: &Totals) -> fmt::Result {
        let workers = || self.fanout.workers().enumerate();
        let waiting =
            |counters: &WorkerCounters| totals.sent_events.saturating_sub(counters.position());
        metrics.gauges(
            "sse_chat_worker_readers",
            "Readers of each worker",
            "worker",
            workers().map(|(number, (readers, _))| (number, readers as u64)),
        )?;
        metrics.gauges(
            "sse_chat_worker_waiting_events",
            "Events that each worker has not read yet",
            "worker",
            workers().map(|(number, (_, counters))| (number, waiting(counters))),
        )
    }

    fn store(&self, metrics: &mut MetricEncoder<'_>, totals: &Totals) -> fmt::Result {
        let Some(store) = self.app.store_totals() else {
            return Ok(());
        };
        metrics.counter(
            "sse_chat_data_commits",
            "Transactions of the store of --data",
            store.commits,
        )?;
        metrics.counter(
            "sse_chat_data_records",
            "Records in them: entries, evictions, bans",
            store.records,
        )?;
        metrics.counter(
            "sse_chat_data_commit_seconds",
            "Time of these transactions, the disk's included",
            store.commit_time.as_secs_f64(),
        )?;
        metrics.gauge(
            "sse_chat_data_queue_bytes",
            "Bytes that wait to be stored, bounded by --commit-queue",
            totals.queued_bytes,
        )?;
        metrics.gauge(
            "sse_chat_data_older_entries",
            "Messages, events and changes that are on disk and not in memory",
            totals.older_entries,
        )?;
        metrics.gauge(
            "sse_chat_data_older_bytes",
            "Their bytes, as --data-history-budget counts them",
            totals.older_bytes,
        )?;
        metrics.counter(
            "sse_chat_data_reads",
            "Reads of what is on disk and not in memory",
            store.reads,
        )?;
        metrics.counters(
            "sse_chat_data_unanswered_reads",
            "Reads that failed, and reads that were refused because too many waited",
            "reason",
            [
                ("failed", store.failed_reads),
                ("refused", store.refused_reads),
            ],
        )?;
        metrics.gauge(
            "sse_chat_data_bytes",
            "Bytes of the store's files",
            store.bytes,
        )?;
        metrics.gauge(
            "sse_chat_data_free_bytes",
            "Bytes that the file system of --data has left",
            store.free_bytes,
        )
    }

    fn shared(&self, metrics: &mut MetricEncoder<'_>) -> fmt::Result {
        let Some(shared) = self.app.hub.shared_totals() else {
            return Ok(());
        };
        metrics.gauge(
            "sse_chat_redis_stale",
            "1 while readers know that Redis is away, else 0",
            usize::from(shared.is_stale),
        )?;
        metrics.gauge(
            "sse_chat_redis_shown",
            "Seq of the newest entry that is shown here",
            shared.shown,
        )?;
        metrics.counters(
            "sse_chat_redis_calls",
            "Calls that publish, change, ban or load a room, by whether Redis answered",
            "outcome",
            [("answered", shared.calls), ("failed", shared.failed_calls)],
        )?;
        metrics.counter(
            "sse_chat_redis_call_seconds",
            "Time of these calls",
            shared.call_time.as_secs_f64(),
        )?;
        metrics.counter(
            "sse_chat_redis_generations",
            "Generations of the history that have begun",
            shared.generations,
        )?;
        metrics.counter(
            "sse_chat_redis_reloads",
            "Times that rooms were loaded anew because a part of the log was missing",
            shared.reloads,
        )
    }

    #[cfg(feature = "https")]
    fn certificates(&self, metrics: &mut MetricEncoder<'_>) -> fmt::Result {
        let Some(certificates) = &self.certificates else {
            return Ok(());
        };
        metrics.gauges(
            "sse_chat_tls_certificate_not_after",
            "End of each certificate that is served, in seconds since 1970",
            "name",
            certificates.not_after(),
        )?;
        metrics.counters(
            "sse_chat_tls_reloads",
            "Changed certificate files, by whether they could be loaded",
            "outcome",
            certificates.reloads(),
        )
    }

    fn process(&self, metrics: &mut MetricEncoder<'_>) -> fmt::Result {
        metrics.gauges(
            "sse_chat_build_info",
            "The version that runs; always 1",
            "version",
            [(env!("CARGO_PKG_VERSION"), 1)],
        )?;
        metrics.gauge(
            "sse_chat_draining",
            "1 while the server shuts down, else 0",
            usize::from(self.app.draining.has_begun()),
        )?;
        // Not from the kernel: a service manager may hide when the machine booted.
        let started = self.started.duration_since(SystemTime::UNIX_EPOCH);
        metrics.gauge(
            "process_start_time_seconds",
            "Start time of the process, in seconds since 1970",
            started.map_or(0.0, |since| since.as_secs_f64()),
        )?;
        #[cfg(feature = "cli")]
        process::encode(metrics)?;
        Ok(())
    }
}
