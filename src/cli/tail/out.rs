//! Where lines go: a thread of their own writes them, so that a terminal or a
//! pipe that takes nothing never keeps a signal waiting.

use std::io::{self, Write as _};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustyline::ExternalPrinter;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::super::exit::{Outcome, say};
use super::output_failed;

/// Lines that wait to be written.
const MAX_WAITING: usize = 256;

/// Where lines go.
pub(super) struct Out {
    lines: mpsc::Sender<String>,
    writing: JoinHandle<io::Result<()>>,
    /// Talk goes above the line being typed too.
    editor: bool,
}

impl Out {
    /// Data to standard output, talk to standard error.
    pub(super) fn stdout() -> Self {
        Self::new(false, |line: String| {
            let mut out = io::stdout().lock();
            out.write_all(line.as_bytes())?;
            out.flush()
        })
    }

    /// All of it above the line being typed.
    pub(super) fn above(mut printer: impl ExternalPrinter + Send + 'static) -> Self {
        Self::new(true, move |line| {
            printer.print(line).map_err(io::Error::other)
        })
    }

    fn new(editor: bool, mut write: impl FnMut(String) -> io::Result<()> + Send + 'static) -> Self {
        let (lines, mut waiting) = mpsc::channel::<String>(MAX_WAITING);
        let writing = tokio::task::spawn_blocking(move || {
            while let Some(line) = waiting.blocking_recv() {
                write(line)?;
            }
            Ok(())
        });
        Self {
            lines,
            writing,
            editor,
        }
    }

    /// Writes data, whose line feed is its own.
    pub(super) async fn print(&self, line: String) {
        // When nobody reads any more, `closed` ends the command.
        let _ = self.lines.send(line).await;
    }

    /// Says one line about what goes on.
    pub(super) async fn talk(&self, line: &str) {
        match self.editor {
            true => self.print(format!("* {line}\n")).await,
            false => say(line),
        }
    }

    /// Returns when nobody can read the output any more.
    pub(super) async fn closed(&self) {
        tokio::select! {
            () = self.lines.closed() => {}
            () = hung_up() => {}
        }
    }

    /// Waits until all is written. A reader that has seen enough is no failure.
    pub(super) async fn finish(self) -> Outcome {
        drop(self.lines);
        match self.writing.await {
            Ok(Err(error)) if error.kind() != io::ErrorKind::BrokenPipe => {
                Err(output_failed(&error))
            }
            _ => Ok(()),
        }
    }
}

/// Returns when the other end of standard output is closed, which a write would
/// notice only with the next message. A file has no other end.
async fn hung_up() {
    let watching = tokio::task::spawn_blocking(|| {
        let out = io::stdout();
        // No flags: an error and a hang-up are told unasked.
        let mut watched = [PollFd::new(&out, PollFlags::empty())];
        while let Err(Errno::INTR) = poll(&mut watched, None) {}
        watched[0].revents()
    });
    match watching.await {
        Ok(happened) if !happened.is_empty() => {}
        _ => std::future::pending().await,
    }
}
