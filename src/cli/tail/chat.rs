//! The chat in a terminal: one thread edits the line being typed, what was
//! typed is said in order, what arrives is shown above.

use std::cell::Cell;
use std::io::{self, Write as _};
use std::time::Duration;

use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};
use rustyline::error::ReadlineError;
use rustyline::history::MemHistory;
use rustyline::{Config, Editor};
use tokio::sync::mpsc;

use super::super::exit::{End, Failure, Outcome};
use super::super::remote::failure;
use super::super::send::{Sender, new_client_id};
use super::out::Out;
use crate::client::Error;

/// How long the last lines may take after Ctrl-D.
const LAST_WORDS: Duration = Duration::from_secs(5);
/// The longest wait before a line is tried again.
const MAX_WAIT: Duration = Duration::from_secs(5);

/// Ends the marking of what is pasted, which the editor began, and the line.
const LEAVE_THE_LINE: &str = "\u{1b}[?2004l\r\n";

/// Somebody at a terminal.
pub(super) struct Chat {
    typed: mpsc::UnboundedReceiver<Typed>,
    sender: Sender,
    _terminal: Terminal,
}

enum Typed {
    Line(String),
    /// Ctrl-C.
    Interrupt,
    /// Ctrl-D, or the terminal is gone.
    End,
}

/// The terminal as it was, which it is again when this is dropped: the thread
/// that edits may be in the middle of a line when the program ends.
struct Terminal(Option<Termios>);

impl Terminal {
    fn remember() -> Self {
        Self(tcgetattr(io::stdin()).ok())
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let Some(as_it_was) = &self.0 else {
            return;
        };
        let is = tcgetattr(io::stdin()).map(|is| is.local_modes);
        if is.is_ok_and(|is| is != as_it_was.local_modes) {
            // Nothing can be done about a terminal that is gone.
            let _ = tcsetattr(io::stdin(), OptionalActions::Now, as_it_was);
            let _ = io::stdout().write_all(LEAVE_THE_LINE.as_bytes());
        }
    }
}

impl Chat {
    /// Begins to edit. Lines for the screen go to the second.
    pub(super) fn open(sender: Sender) -> Result<(Self, Out), Failure> {
        let terminal = Terminal::remember();
        let failed = |error| End::Failed.because(format_args!("the terminal: {error}"));
        let config = Config::builder().auto_add_history(true).build();
        let mut editor =
            Editor::<(), _>::with_history(config, MemHistory::new()).map_err(failed)?;
        let out = Out::above(editor.create_external_printer().map_err(failed)?);
        let (tell, typed) = mpsc::unbounded_channel();
        std::thread::spawn(move || {
            loop {
                let typed = read(&mut editor);
                let goes_on = matches!(typed, Typed::Line(_));
                if tell.send(typed).is_err() || !goes_on {
                    return;
                }
            }
        });
        let chat = Self {
            typed,
            sender,
            _terminal: terminal,
        };
        Ok((chat, out))
    }

    /// Says what is typed until there is no more to come.
    pub(super) async fn ended(&mut self, out: &Out) -> Outcome {
        let (keep, mut kept) = mpsc::unbounded_channel();
        let (typed, sender) = (&mut self.typed, &mut self.sender);
        let unsaid = Cell::new(0);
        let mut saying = std::pin::pin!(say_all(sender, &mut kept, &unsaid, out));
        let end = async {
            loop {
                match typed.recv().await {
                    Some(Typed::Line(line)) => {
                        unsaid.set(unsaid.get() + 1);
                        drop(keep.send(line));
                    }
                    Some(Typed::Interrupt) => {
                        return Err(End::Interrupted.because(not_said(unsaid.get())));
                    }
                    Some(Typed::End) | None => return Ok(()),
                }
            }
        };
        tokio::select! {
            end = end => end?,
            failed = &mut saying => failed?,
        }
        drop(keep);
        match tokio::time::timeout(LAST_WORDS, saying).await {
            Ok(outcome) => outcome,
            Err(_) => Err(End::Unreachable.because(not_said(unsaid.get()))),
        }
    }
}

/// How many lines are lost with the end, in words; nothing if none is.
fn not_said(lines: usize) -> String {
    match lines {
        0 => String::new(),
        1 => "the last line was not said: the server has not answered".to_owned(),
        lines => format!("the last {lines} lines were not said: the server has not answered"),
    }
}

/// The next thing that is typed.
fn read(editor: &mut Editor<(), MemHistory>) -> Typed {
    match editor.readline("> ") {
        Ok(line) => Typed::Line(line),
        Err(ReadlineError::Interrupted) => Typed::Interrupt,
        Err(_) => Typed::End,
    }
}

/// Says line after line until there are no more.
async fn say_all(
    sender: &mut Sender,
    lines: &mut mpsc::UnboundedReceiver<String>,
    unsaid: &Cell<usize>,
    out: &Out,
) -> Outcome {
    while let Some(line) = lines.recv().await {
        if !line.trim().is_empty() {
            say_one(sender, &line, out).await?;
        }
        unsaid.set(unsaid.get() - 1);
    }
    Ok(())
}

/// Says a line, as often as it takes while the server is away.
async fn say_one(sender: &mut Sender, line: &str, out: &Out) -> Outcome {
    let client_id = new_client_id();
    let mut wait = Duration::from_millis(250);
    loop {
        match sender.attempt(line, &client_id).await {
            Ok(_) => return Ok(()),
            Err(Error::Refused(refusal)) if !refusal.is_transient() => {
                out.talk(&format!("not said: {refusal}")).await;
                return Ok(());
            }
            Err(error @ Error::NotSseChat(_)) => return Err(failure(&error)),
            Err(error) => {
                if wait == Duration::from_millis(250) {
                    out.talk(&format!("kept until the server is back: {error}"))
                        .await;
                }
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(MAX_WAIT);
            }
        }
    }
}
