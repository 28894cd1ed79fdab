//! The log of the server: what is logged, how a line is written, and that
//! neither a line nor a panic ever waits for standard error.

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

use super::super::escape::escape_json;
use super::super::is_colour_wanted;
use super::super::values::{Size, parse_log_queue};
use super::log_queue::LogQueue;
use super::panics;
use crate::config;
use crate::http::ACCESS_LOG;
use crate::protocol::is_printable;

/// The target of the line that reports dropped lines.
const DROP_REPORT: &str = "log_queue";

/// How the log is written.
#[derive(Debug, Clone, Args)]
pub(super) struct LogFlags {
    /// How the log on standard error is written
    #[arg(long, env = "SSE_CHAT_LOG_FORMAT", value_name = "FORMAT", value_enum, default_value_t = LogFormat::Text)]
    log_format: LogFormat,

    /// The least severe messages that are logged: off, error, warn, info, debug or trace
    #[arg(long, env = "SSE_CHAT_LOG_LEVEL", value_name = "LEVEL", default_value_t = LevelFilter::INFO)]
    log_level: LevelFilter,

    /// Bytes of log lines that wait while standard error is blocked; further lines are dropped and
    /// counted
    #[arg(long, env = "SSE_CHAT_LOG_QUEUE", value_name = "SIZE", value_parser = parse_log_queue,
          default_value_t = Size(config::DEFAULT_LOG_QUEUE))]
    log_queue: Size,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum LogFormat {
    /// A line for a person
    Text,
    /// A line of JSON
    Json,
}

/// The log of this process, while it serves.
#[derive(Debug)]
pub(super) struct Log(LogQueue);

impl Log {
    /// Starts the log on standard error. From here on panics are lines of it.
    pub(super) fn start(flags: &LogFlags) -> io::Result<Self> {
        // A descriptor of its own: a write that blocks must not hold the lock
        // of std's standard error.
        let stderr = File::from(io::stderr().as_fd().try_clone_to_owned()?);
        let queue = LogQueue::start(flags.log_queue.0, Stderr(stderr), |lines| {
            tracing::warn!(
                target: DROP_REPORT,
                lines,
                "log lines were dropped: standard error was blocked, or a write to it failed"
            );
        })?;
        flags.subscribe(&queue);
        panics::log_them();
        Ok(Self(queue))
    }

    /// The count of lines that were dropped.
    pub(super) fn dropped(&self) -> Arc<AtomicU64> {
        Arc::clone(self.0.dropped())
    }

    /// Waits until all lines are written, or for `most`.
    pub(super) fn flush(&self, most: Duration) {
        // Nothing can be said about lines that nobody reads.
        let _ = self.0.flush(most);
    }
}

impl LogFlags {
    /// Nothing but reports and panics, as JSON, over the smallest queue.
    #[cfg(test)]
    pub(super) fn off_as_json() -> Self {
        Self {
            log_format: LogFormat::Json,
            log_level: LevelFilter::OFF,
            log_queue: Size(config::MIN_LOG_QUEUE),
        }
    }

    fn subscribe(&self, queue: &LogQueue) {
        // The access log, reports of dropped lines and panics do not depend on
        // the level: each has been asked for, or must not go unnoticed.
        let levels = Targets::new()
            .with_default(self.log_level)
            .with_target(ACCESS_LOG, LevelFilter::INFO)
            .with_target(DROP_REPORT, LevelFilter::WARN)
            .with_target(panics::TARGET, LevelFilter::ERROR);
        let log = tracing_subscriber::registry().with(levels);
        let lines = tracing_subscriber::fmt::layer()
            .with_target(false)
            .with_writer(Lines {
                queue: queue.clone(),
                format: self.log_format,
            });
        match self.log_format {
            LogFormat::Text => {
                let ansi = io::stderr().is_terminal() && is_colour_wanted();
                log.with(lines.with_ansi(ansi)).init();
            }
            LogFormat::Json => log.with(lines.json()).init(),
        }
    }
}

/// Makes the writer of each line.
struct Lines {
    queue: LogQueue,
    format: LogFormat,
}

/// Takes one line, in one write.
struct Line<'a> {
    lines: &'a Lines,
    is_report: bool,
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line {
            lines: self,
            is_report: false,
        }
    }

    fn make_writer_for(&'a self, meta: &Metadata<'_>) -> Line<'a> {
        Line {
            lines: self,
            is_report: meta.target() == DROP_REPORT,
        }
    }
}

impl io::Write for Line<'_> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(line);
        let escaped = escape(&text, self.lines.format);
        match self.is_report {
            true => self.lines.queue.push_report(escaped.as_bytes()),
            false => self.lines.queue.push(escaped.as_bytes()),
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The line with everything escaped that is not printable, whichever field it
/// came in. The formatters escape less: that of JSON leaves C1 controls and
/// U+202E, that of text also line breaks where a field is shown by `Display`.
/// Only ESC stays, which begins the text format's colours: within fields the
/// formatter has escaped it.
fn escape(line: &str, format: LogFormat) -> Cow<'_, str> {
    let text = line.strip_suffix('\n').unwrap_or(line);
    let colours = (format == LogFormat::Text).then_some('\u{1b}');
    let is_fine = |c: char| is_printable(c) || Some(c) == colours;
    if text.chars().all(is_fine) {
        return Cow::Borrowed(line);
    }
    let escaped = match format {
        LogFormat::Json => escape_json(text),
        LogFormat::Text => escape_text(text, is_fine),
    };
    Cow::Owned(escaped + &line[text.len()..])
}

fn escape_text(text: &str, is_fine: impl Fn(char) -> bool) -> String {
    let mut escaped = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match is_fine(c) {
            true => escaped.push(c),
            false => escaped.extend(c.escape_default()),
        }
    }
    escaped
}

/// Standard error. Another process may have made the terminal or pipe that it
/// shares non-blocking: then a write is tried again once there is room.
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
    fn a_printable_line_and_its_colours_stay_as_they_are() {
        for line in ["\u{1b}[32m INFO\u{1b}[0m started\n", "日本語\n", ""] {
            assert_eq!(escape(line, LogFormat::Text), line);
        }
    }
}
