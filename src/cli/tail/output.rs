//! Output of `tail`. A thread writes the lines, so that a blocked terminal or
//! pipe does not delay signals.

use std::io::{self, Write as _};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustyline::ExternalPrinter;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::super::exit::{CommandResult, print_stderr, stdout_result};

/// Lines queued for the writing thread.
const MAX_QUEUED: usize = 256;

/// The messages and notices that `tail` prints.
pub(super) struct Output {
    lines: mpsc::Sender<String>,
    writing: JoinHandle<io::Result<()>>,
    notices: NoticeTarget,
}

/// Where notices are printed.
enum NoticeTarget {
    Stderr,
    /// Like messages, above the line that is being typed.
    Editor,
}

impl Output {
    /// Messages to standard output, notices to standard error.
    pub(super) fn stdout() -> Self {
        Self::new(NoticeTarget::Stderr, |line: String| {
            let mut out = io::stdout().lock();
            out.write_all(line.as_bytes())?;
            out.flush()
        })
    }

    /// Messages and notices above the line that is being typed.
    pub(super) fn above_editor(mut printer: impl ExternalPrinter + Send + 'static) -> Self {
        Self::new(NoticeTarget::Editor, move |line| {
            printer.print(line).map_err(io::Error::other)
        })
    }

    fn new(
        notices: NoticeTarget,
        mut write: impl FnMut(String) -> io::Result<()> + Send + 'static,
    ) -> Self {
        let (lines, mut queued) = mpsc::channel::<String>(MAX_QUEUED);
        let writing = tokio::task::spawn_blocking(move || {
            while let Some(line) = queued.blocking_recv() {
                write(line)?;
            }
            Ok(())
        });
        Self {
            lines,
            writing,
            notices,
        }
    }

    /// Prints a message that ends with a line feed.
    pub(super) async fn print(&self, line: String) {
        // Fails after an error of the writing thread; then `closed` ends the
        // command.
        let _ = self.lines.send(line).await;
    }

    /// Prints a notice.
    pub(super) async fn notice(&self, line: &str) {
        match self.notices {
            NoticeTarget::Editor => self.print(format!("* {line}\n")).await,
            NoticeTarget::Stderr => print_stderr(line),
        }
    }

    /// Returns when the output can no longer be read.
    pub(super) async fn closed(&self) {
        tokio::select! {
            () = self.lines.closed() => {}
            () = stdout_hung_up() => {}
        }
    }

    /// Waits until all lines are written.
    pub(super) async fn finish(self) -> CommandResult {
        drop(self.lines);
        stdout_result(self.writing.await.unwrap_or(Ok(())))
    }
}

/// Returns when the other end of standard output is closed, which a write would
/// notice only at the next message. Never returns for a file.
async fn stdout_hung_up() {
    let watching = tokio::task::spawn_blocking(|| {
        let out = io::stdout();
        // Without flags poll(2) still reports errors and hang-ups.
        let mut watched = [PollFd::new(&out, PollFlags::empty())];
        while let Err(Errno::INTR) = poll(&mut watched, None) {}
        watched[0].revents()
    });
    match watching.await {
        Ok(events) if !events.is_empty() => {}
        _ => std::future::pending().await,
    }
}
