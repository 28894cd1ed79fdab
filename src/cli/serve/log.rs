//! The log of the server: levels, formats and escaping. Neither a log line nor a
//! panic blocks on standard error; see `log_queue`.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, IsTerminal as _};
use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use clap::{Args, ValueEnum};
use rustix::event::{PollFd, PollFlags, poll};
use tracing::Metadata;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use super::super::terminal::{escape_json, is_colour_allowed};
use super::super::values::{Size, parse_log_queue};
use super::log_queue::LogQueue;
use super::panics;
use crate::config;
use crate::http::ACCESS_LOG;
use crate::protocol::is_printable;

/// Target of the report of dropped lines.
const DROP_REPORT: &str = "log_queue";
/// The target of the library of HTTP/2.
const HTTP2: &str = "h2";

/// The flags of the log.
#[derive(Debug, Clone, Args)]
pub(super) struct LogFlags {
    /// Format of the log on standard error
    #[arg(long, env = "SSE_CHAT_LOG_FORMAT", value_name = "FORMAT", value_enum, default_value_t = LogFormat::Text)]
    log_format: LogFormat,

    /// Least severe level that is logged: off, error, warn, info, debug or trace
    #[arg(long, env = "SSE_CHAT_LOG_LEVEL", value_name = "LEVEL", default_value_t = LevelFilter::INFO)]
    log_level: LevelFilter,

    /// Bytes of log lines queued while standard error is blocked; further lines are dropped and
    /// counted
    #[arg(long, env = "SSE_CHAT_LOG_QUEUE", value_name = "SIZE", value_parser = parse_log_queue,
          default_value_t = Size(config::DEFAULT_LOG_QUEUE))]
    log_queue: Size,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum LogFormat {
    /// Lines for people
    Text,
    /// Lines of JSON
    Json,
}

/// The log of this process.
#[derive(Debug)]
pub(super) struct Log(LogQueue);

impl Log {
    /// Starts the log on standard error. From here on panics are logged, too.
    pub(super) fn start(flags: &LogFlags) -> io::Result<Self> {
        // A duplicated descriptor: a write that blocks must not hold the lock of
        // std's standard error.
        let stderr = File::from(io::stderr().as_fd().try_clone_to_owned()?);
        let queue = LogQueue::start(flags.log_queue.0, Stderr(stderr), |lines| {
            tracing::warn!(
                target: DROP_REPORT,
                lines,
                "log lines were dropped: standard error was blocked, or a write to it failed"
            );
        })?;
        flags.subscribe(&queue);
        panics::install_hook();
        Ok(Self(queue))
    }

    /// The number of dropped lines.
    pub(super) fn dropped(&self) -> Arc<AtomicU64> {
        Arc::clone(self.0.dropped())
    }

    /// Waits at most `timeout` until all lines are written.
    pub(super) fn flush(&self, timeout: Duration) {
        // A timeout can't be logged: standard error is blocked.
        let _ = self.0.flush(timeout);
    }
}

impl LogFlags {
    /// Level off, as JSON, with the smallest queue.
    #[cfg(test)]
    pub(super) fn off_as_json() -> Self {
        Self {
            log_format: LogFormat::Json,
            log_level: LevelFilter::OFF,
            log_queue: Size(config::MIN_LOG_QUEUE),
        }
    }

    /// HTTP/2 warns of each client that breaks its rules, however often one does: that
    /// is for who looks for a fault.
    fn http2_level(&self) -> LevelFilter {
        match self.log_level {
            LevelFilter::WARN | LevelFilter::INFO => LevelFilter::ERROR,
            level => level,
        }
    }

    fn subscribe(&self, queue: &LogQueue) {
        // The level does not apply to the access log, which has its own flag, nor
        // to panics and dropped lines, which must not go unnoticed.
        let levels = Targets::new()
            .with_default(self.log_level)
            .with_target(HTTP2, self.http2_level())
            .with_target(ACCESS_LOG, LevelFilter::INFO)
            .with_target(DROP_REPORT, LevelFilter::WARN)
            .with_target(panics::TARGET, LevelFilter::ERROR);
        let log = tracing_subscriber::registry().with(levels);
        let lines = tracing_subscriber::fmt::layer()
            .with_target(false)
            .with_writer(LogWriter {
                queue: queue.clone(),
                format: self.log_format,
            });
        match self.log_format {
            LogFormat::Text => {
                let ansi = io::stderr().is_terminal() && is_colour_allowed();
                log.with(lines.with_ansi(ansi)).init();
            }
            LogFormat::Json => log.with(lines.json()).init(),
        }
    }
}

/// Makes the writer for each line.
struct LogWriter {
    queue: LogQueue,
    format: LogFormat,
}

/// Queues one line, which arrives in one write.
struct LogLine<'a> {
    log: &'a LogWriter,
    is_report: bool,
}

impl<'a> MakeWriter<'a> for LogWriter {
    type Writer = LogLine<'a>;

    fn make_writer(&'a self) -> LogLine<'a> {
        LogLine {
            log: self,
            is_report: false,
        }
    }

    fn make_writer_for(&'a self, meta: &Metadata<'_>) -> LogLine<'a> {
        LogLine {
            log: self,
            is_report: meta.target() == DROP_REPORT,
        }
    }
}

impl io::Write for LogLine<'_> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(line);
        let escaped = escape(&text, self.log.format);
        match self.is_report {
            true => self.log.queue.push_report(escaped.as_bytes()),
            false => self.log.queue.push(escaped.as_bytes()),
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Escapes all unprintable characters of a line, in every field. The formatters
/// escape less: the JSON one leaves C1 controls and U+202E, the text one also
/// line breaks in fields with `Display`. In the text format ESC stays: it begins
/// a colour, and the formatter has escaped it within fields.
fn escape(line: &str, format: LogFormat) -> Cow<'_, str> {
    let text = line.strip_suffix('\n').unwrap_or(line);
    let colours = (format == LogFormat::Text).then_some('\u{1b}');
    let is_allowed = |c: char| is_printable(c) || Some(c) == colours;
    if text.chars().all(is_allowed) {
        return Cow::Borrowed(line);
    }
    let escaped = match format {
        LogFormat::Json => escape_json(text),
        LogFormat::Text => escape_text(text, is_allowed),
    };
    Cow::Owned(escaped + &line[text.len()..])
}

fn escape_text(text: &str, is_allowed: impl Fn(char) -> bool) -> String {
    let mut escaped = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match is_allowed(c) {
            true => escaped.push(c),
            false => escaped.extend(c.escape_default()),
        }
    }
    escaped
}

/// Standard error. Another process that shares the terminal or pipe may have made
/// it non-blocking: then a write waits until it is writable.
struct Stderr(File);

impl io::Write for Stderr {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            match self.0.write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    poll(&mut [PollFd::new(&self.0, PollFlags::OUT)], None)?;
                }
                written => return written,
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_escaped_in_either_format_and_stays_one_line() {
        let line = "path=\"/\u{9b}31m\u{202e}\u{2028}é\u{e0001}\" a\nb\n";
        assert_eq!(
            escape(line, LogFormat::Text),
            "path=\"/\\u{9b}31m\\u{202e}\\u{2028}é\\u{e0001}\" a\\nb\n"
        );
        let line = "{\"path\":\"/\u{9b}31m\u{202e}\u{2028}é\u{e0001}\"}\n";
        let escaped = escape(line, LogFormat::Json);
        assert_eq!(
            escaped,
            "{\"path\":\"/\\u009b31m\\u202e\\u2028é\\udb40\\udc01\"}\n"
        );
        let value: serde_json::Value = serde_json::from_str(&escaped).unwrap();
        assert_eq!(value["path"], "/\u{9b}31m\u{202e}\u{2028}é\u{e0001}");
    }

    #[test]
    fn a_printable_line_and_its_colours_are_not_escaped() {
        for line in ["\u{1b}[32m INFO\u{1b}[0m started\n", "日本語\n", ""] {
            assert_eq!(escape(line, LogFormat::Text), line);
        }
    }
}
