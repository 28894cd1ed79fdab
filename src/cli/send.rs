//! `sse-chat send`: publishes a message, or each line of standard input. It
//! succeeds only if the server has acknowledged every message.

use std::convert::identity;
use std::io::{self, BufRead, IsTerminal as _, Read as _, Write as _};

use clap::Args;
use tokio::sync::mpsc;

use super::exit::{CommandResult, ExitKind, stdout_result};
use super::publisher::RoomPublisher;
use super::remote::{RemoteFlags, client_error, exit_kind};
use super::signals::until_interrupted;
use super::terminal::escape_json;
use crate::client::PublishResponse;
use crate::protocol::{RoomName, UserName};

/// The longest line that is read; every server refuses longer messages.
const MAX_LINE_BYTES: u64 = 1 << 20;
const EXAMPLES: &str = "\
Prints the id of each message. Exits with 0 if the server has acknowledged all messages,
with 3 if it can't be reached, and with 4 if it refused one.

A message is sent again after its connection was cut. The server deduplicates retries by
the id that the client gives to each message.

Examples:
  sse-chat send Dinner is ready             one message to the room lobby
  sse-chat send --room ops --name CI 'build 7: ok'
  git log --oneline -5 | sse-chat send      a message for each line
  sse-chat send --json hello | jq .number   the message as the server returned it
";

/// The flags of `sse-chat send`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, allow_negative_numbers = true)]
pub(super) struct SendArgs {
    #[command(flatten)]
    remote: RemoteFlags,

    /// Room to publish to
    #[arg(long, value_name = "ROOM", default_value = "lobby", value_parser = RoomName::parse)]
    room: RoomName,

    /// Name of the sender [default: $USER, or anonymous]
    #[arg(long, value_name = "NAME", value_parser = UserName::parse)]
    name: Option<UserName>,

    /// Print each message as the server returned it, instead of its id
    #[arg(long)]
    json: bool,

    /// Text of the message; words are joined by a space. With `-`, or without a text if input is
    /// piped in, each non-empty line of standard input is a message
    #[arg(value_name = "TEXT")]
    text: Vec<String>,
}

impl SendArgs {
    /// Publishes all messages in order, or stops at the first failure.
    pub(super) async fn run(self) -> CommandResult {
        until_interrupted(self.publish_all()).await
    }

    async fn publish_all(self) -> CommandResult {
        let mut publisher = RoomPublisher::new(self.remote.client()?, &self.room, self.name);
        if !self.text.is_empty() && self.text != ["-"] {
            let response = publisher.publish(&self.text.join(" ")).await;
            return print(response.map_err(|error| client_error(&error))?, self.json).await;
        }
        if self.text.is_empty() && io::stdin().is_terminal() {
            return Err(ExitKind::Usage.with_message(
                "no text: put it after `send`, or use `-` to type one message per line",
            ));
        }
        let mut lines = read_lines();
        while let Some((number, line)) = lines.recv().await {
            let at_line = |error: &str| format!("line {number}: {error}");
            let line =
                line.map_err(|error| ExitKind::Failed.with_message(at_line(&input_error(&error))))?;
            if line.trim().is_empty() {
                continue;
            }
            let response = publisher.publish(&line).await;
            let response = response
                .map_err(|error| exit_kind(&error).with_message(at_line(&error.to_string())))?;
            print(response, self.json).await?;
        }
        Ok(())
    }
}

/// The lines of standard input as they arrive, numbered from 1.
fn read_lines() -> mpsc::Receiver<(usize, io::Result<String>)> {
    let (sender, lines) = mpsc::channel(1);
    tokio::task::spawn_blocking(move || {
        let mut stdin = io::stdin().lock();
        for number in 1.. {
            let Some(line) = read_line(&mut stdin) else {
                return;
            };
            let failed = line.is_err();
            if sender.blocking_send((number, line)).is_err() || failed {
                return;
            }
        }
    });
    lines
}

/// The next line without its line ending; `None` at the end of the input.
fn read_line(input: &mut impl BufRead) -> Option<io::Result<String>> {
    let mut line = Vec::new();
    // A longest line and its line ending, of two bytes.
    let read = input.take(MAX_LINE_BYTES + 2).read_until(b'\n', &mut line);
    match read {
        Err(error) => return Some(Err(error)),
        Ok(0) => return None,
        Ok(_) => {}
    }
    if line.pop_if(|last| *last == b'\n').is_some() {
        line.pop_if(|last| *last == b'\r');
    }
    if line.len() as u64 > MAX_LINE_BYTES {
        let message = format!("it has over {MAX_LINE_BYTES} bytes");
        return Some(Err(io::Error::other(message)));
    }
    Some(String::from_utf8(line).map_err(|_| io::ErrorKind::InvalidData.into()))
}

fn input_error(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::InvalidData => "it is not UTF-8".to_owned(),
        _ => error.to_string(),
    }
}

/// Prints the response. A closed pipe is no failure, because the message is
/// published. Printing has its own thread, so that a blocked pipe does not delay
/// signals.
async fn print(response: PublishResponse, json: bool) -> CommandResult {
    let printing = tokio::task::spawn_blocking(move || {
        let mut out = io::stdout().lock();
        match json {
            true if out.is_terminal() => {
                let json = String::from_utf8_lossy(&response.json);
                writeln!(out, "{}", escape_json(&json))
            }
            true => out.write_all(&response.json).and_then(|()| writeln!(out)),
            false => writeln!(out, "{}", response.message.id),
        }
    });
    stdout_result(printing.await.map_err(io::Error::other).and_then(identity))
}
