//! The chat in a terminal. A thread runs the line editor, typed lines are
//! published in order, and messages are printed above the editor.

use std::cell::Cell;
use std::io::{self, Write as _};
use std::time::Duration;

use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};
use rustyline::error::ReadlineError;
use rustyline::history::MemHistory;
use rustyline::{Config, Editor};
use tokio::sync::mpsc;

use super::super::exit::{CommandError, CommandResult, ExitKind};
use super::super::publisher::{RoomPublisher, new_client_id};
use super::super::remote::client_error;
use super::output::Output;
use crate::client::Error;

/// Time limit for the pending lines after Ctrl-D.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);
/// The wait before the first retry of a line. It doubles with each retry.
const FIRST_WAIT: Duration = Duration::from_millis(250);
const MAX_WAIT: Duration = Duration::from_secs(5);

/// Turns off bracketed paste, which the editor has turned on, and ends the line.
const LEAVE_EDITOR: &str = "\u{1b}[?2004l\r\n";

/// The chat of a user at a terminal.
pub(super) struct Chat {
    input: mpsc::UnboundedReceiver<Input>,
    publisher: RoomPublisher,
    _terminal: TerminalGuard,
}

/// What the user typed.
enum Input {
    Line(String),
    /// Ctrl-C.
    Interrupt,
    /// Ctrl-D, or the terminal is gone.
    End,
}

/// Restores the terminal's attributes on drop: the editor's thread may be in the
/// middle of a line when the program ends.
struct TerminalGuard(Option<Termios>);

impl TerminalGuard {
    fn new() -> Self {
        Self(tcgetattr(io::stdin()).ok())
    }
}

impl Drop for TerminalGuard {
    fn drop(&mut self) {
        let Some(saved) = &self.0 else {
            return;
        };
        let modes = tcgetattr(io::stdin()).map(|current| current.local_modes);
        if modes.is_ok_and(|modes| modes != saved.local_modes) {
            // Errors can't be reported: the terminal is gone.
            let _ = tcsetattr(io::stdin(), OptionalActions::Now, saved);
            let _ = io::stdout().write_all(LEAVE_EDITOR.as_bytes());
        }
    }
}

impl Chat {
    /// Starts the editor. Returns the chat and the output above the editor.
    pub(super) fn open(publisher: RoomPublisher) -> Result<(Self, Output), CommandError> {
        let terminal = TerminalGuard::new();
        let failed = |error| ExitKind::Failed.with_message(format_args!("the terminal: {error}"));
        let config = Config::builder().auto_add_history(true).build();
        let mut editor =
            Editor::<(), _>::with_history(config, MemHistory::new()).map_err(failed)?;
        let out = Output::above_editor(editor.create_external_printer().map_err(failed)?);
        let (sender, input) = mpsc::unbounded_channel();
        std::thread::spawn(move || {
            loop {
                let typed = read(&mut editor);
                let is_line = matches!(typed, Input::Line(_));
                if sender.send(typed).is_err() || !is_line {
                    return;
                }
            }
        });
        let chat = Self {
            input,
            publisher,
            _terminal: terminal,
        };
        Ok((chat, out))
    }

    /// Publishes typed lines until Ctrl-D or Ctrl-C.
    pub(super) async fn run(&mut self, out: &Output) -> CommandResult {
        let (queue, mut lines) = mpsc::unbounded_channel();
        let (input, publisher) = (&mut self.input, &mut self.publisher);
        let pending = Cell::new(0);
        let mut publishing = std::pin::pin!(publish_all(publisher, &mut lines, &pending, out));
        let end = async {
            loop {
                match input.recv().await {
                    Some(Input::Line(line)) => {
                        pending.set(pending.get() + 1);
                        drop(queue.send(line));
                    }
                    Some(Input::Interrupt) => {
                        return Err(ExitKind::Interrupted.with_message(lost(pending.get())));
                    }
                    Some(Input::End) | None => return Ok(()),
                }
            }
        };
        tokio::select! {
            end = end => end?,
            failed = &mut publishing => failed?,
        }
        drop(queue);
        match tokio::time::timeout(DRAIN_TIMEOUT, publishing).await {
            Ok(result) => result,
            Err(_) => Err(ExitKind::Unreachable.with_message(lost(pending.get()))),
        }
    }
}

/// The message for lines that are pending at the end; empty for none.
fn lost(pending: usize) -> String {
    match pending {
        0 => String::new(),
        1 => "the last line was not sent: the server has not answered".to_owned(),
        lines => format!("the last {lines} lines were not sent: the server has not answered"),
    }
}

fn read(editor: &mut Editor<(), MemHistory>) -> Input {
    match editor.readline("> ") {
        Ok(line) => Input::Line(line),
        Err(ReadlineError::Interrupted) => Input::Interrupt,
        Err(_) => Input::End,
    }
}

/// Publishes lines in order until the channel is closed.
async fn publish_all(
    publisher: &mut RoomPublisher,
    lines: &mut mpsc::UnboundedReceiver<String>,
    pending: &Cell<usize>,
    out: &Output,
) -> CommandResult {
    while let Some(line) = lines.recv().await {
        if !line.trim().is_empty() {
            publish(publisher, &line, out).await?;
        }
        pending.set(pending.get() - 1);
    }
    Ok(())
}

/// Publishes a line, with retries for as long as the server is unreachable.
async fn publish(publisher: &mut RoomPublisher, line: &str, out: &Output) -> CommandResult {
    let client_id = new_client_id();
    let mut wait = FIRST_WAIT;
    loop {
        match publisher.publish_once(line, &client_id).await {
            Ok(_) => return Ok(()),
            Err(Error::Refused(refusal)) if !refusal.is_transient() => {
                out.notice(&format!("not sent: {refusal}")).await;
                return Ok(());
            }
            Err(error @ Error::NotSseChat(_)) => return Err(client_error(&error)),
            Err(error) => {
                if wait == FIRST_WAIT {
                    out.notice(&format!("waiting for the server: {error}"))
                        .await;
                }
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(MAX_WAIT);
            }
        }
    }
}
