//! `sse-chat send`: publishes a message, each line of standard input, or an event.
//! It succeeds only if the server has acknowledged every one.

use std::convert::identity;
use std::fs::File;
use std::io::{self, BufRead, IsTerminal as _, Read, Write as _};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use clap::Args;
use tokio::sync::mpsc;

use super::exit::{CommandError, CommandResult, ExitKind, stdout_result};
use super::publisher::{RoomPublisher, new_client_id};
use super::remote::{ClientFlags, client_error};
use super::signals::until_interrupted;
use super::terminal::escape_json;
use crate::client::EventRequest;
use crate::protocol::{ClientId, CustomEventName, EventId, RoomName, UserName};

/// The longest line and the largest payload that are read; every server refuses
/// larger ones.
const MAX_INPUT_BYTES: u64 = 1 << 20;
const EXAMPLES: &str = "\
Prints the id of each message. Exits with 0 if the server has acknowledged all messages,
with 3 if it can't be reached, and with 4 if it refused one.

A message is sent again after its connection was cut. The server deduplicates retries by
the id that the client gives to each message.

With --event an event is published instead: its payload is TEXT, or all of a file, or all
of standard input, to the byte.

Examples:
  sse-chat send Dinner is ready             one message to the room lobby
  sse-chat send --room ops --name CI 'build 7: ok'
  git log --oneline -5 | sse-chat send      a message for each line
  sse-chat send --json hello | jq .number   the message as the server returned it
  sse-chat send --event news --file news.html --room team
  sse-chat send --event price '{\"EUR\":1.08}' --content-type application/json
";

/// The flags of `sse-chat send`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, allow_negative_numbers = true)]
pub(super) struct SendArgs {
    #[command(flatten)]
    client: ClientFlags,

    /// Room to publish to
    #[arg(long, value_name = "ROOM", default_value = "lobby", value_parser = RoomName::parse)]
    room: RoomName,

    /// Name of the sender [default: $USER, or anonymous]
    #[arg(long, value_name = "NAME", value_parser = UserName::parse, conflicts_with = "event")]
    name: Option<UserName>,

    /// Id of the message or event, 1 to 64 of A-Z, a-z, 0-9, _ and -: what was published before
    /// with the same id is not published again [default: a random one]
    #[arg(long, value_name = "ID", value_parser = ClientId::parse)]
    client_id: Option<ClientId>,

    /// Print each message as the server returned it, instead of its id
    #[arg(long)]
    json: bool,

    /// Publish an event of this name; `message` is what EventSource gives to onmessage
    #[arg(long, value_name = "EVENT", value_parser = CustomEventName::parse)]
    event: Option<CustomEventName>,

    /// File with the payload of the event
    #[arg(long, value_name = "FILE", requires = "event", conflicts_with = "text")]
    file: Option<PathBuf>,

    /// Type of the payload: text/* or application/json. The server checks JSON, and sends no type
    /// to readers
    #[arg(
        long,
        value_name = "TYPE",
        requires = "event",
        default_value = "text/plain"
    )]
    content_type: String,

    /// Text of the message; words are joined by a space. With `-`, or without a text if input is
    /// piped in, each non-empty line of standard input is a message
    #[arg(value_name = "TEXT")]
    text: Vec<String>,
}

impl SendArgs {
    /// Publishes all messages in order, or stops at the first failure.
    pub(super) async fn run(self) -> CommandResult {
        until_interrupted(self.publish()).await
    }

    async fn publish(self) -> CommandResult {
        let text = match &self.text[..] {
            [] => None,
            [dash] if dash == "-" => None,
            words => Some(words.join(" ")),
        };
        if text.is_none() && self.text.is_empty() && self.file.is_none() && is_typed() {
            return Err(ExitKind::Usage.with_message(NO_TEXT));
        }
        let publisher = RoomPublisher::new(self.client.connect()?, &self.room, self.name);
        let client_id = self.client_id.as_ref().map(ClientId::as_str);
        match (&self.event, text) {
            (Some(event), text) => {
                let payload = match text {
                    Some(text) => text,
                    None => read_payload(self.file).await?,
                };
                let new_id = new_client_id();
                let event = EventRequest {
                    event: event.as_str(),
                    content_type: &self.content_type,
                    payload: &payload,
                    client_id: Some(client_id.unwrap_or(&new_id)),
                };
                publish_event(publisher, &event, self.json).await
            }
            (None, Some(text)) => publish_text(publisher, &text, client_id, self.json).await,
            (None, None) if client_id.is_some() => {
                Err(ExitKind::Usage
                    .with_message("--client-id: it is for one message, not for lines"))
            }
            (None, None) => publish_lines(publisher, self.json).await,
        }
    }
}

const NO_TEXT: &str = "no text: put it after `send`, or use `-` to type one message per line";

fn is_typed() -> bool {
    io::stdin().is_terminal()
}

async fn publish_event(
    mut publisher: RoomPublisher,
    event: &EventRequest<'_>,
    json: bool,
) -> CommandResult {
    let response = publisher.publish_event(event).await;
    let response = response.map_err(|error| client_error(&error))?;
    print(response.receipt.id, response.json, json).await
}

async fn publish_text(
    mut publisher: RoomPublisher,
    text: &str,
    client_id: Option<&str>,
    json: bool,
) -> CommandResult {
    let new_id = new_client_id();
    let response = publisher.publish(text, client_id.unwrap_or(&new_id)).await;
    let response = response.map_err(|error| client_error(&error))?;
    print(response.message.id, response.json, json).await
}

async fn publish_lines(mut publisher: RoomPublisher, json: bool) -> CommandResult {
    let mut lines = read_lines();
    while let Some((number, line)) = lines.recv().await {
        let at_line = |error: &str| format!("line {number}: {error}");
        let line =
            line.map_err(|error| ExitKind::Failed.with_message(at_line(&input_error(&error))))?;
        if line.trim().is_empty() {
            continue;
        }
        let response = publisher.publish(&line, &new_client_id()).await;
        let response = response.map_err(|error| client_error(&error).map_message(at_line))?;
        print(response.message.id, response.json, json).await?;
    }
    Ok(())
}

/// The whole file, or the whole standard input. Reading has its own thread, so that a
/// pipe does not delay signals.
async fn read_payload(file: Option<PathBuf>) -> Result<String, CommandError> {
    let name = file.as_deref().map(Path::display);
    let name = name.map_or_else(|| "standard input".to_owned(), |name| name.to_string());
    let reading = tokio::task::spawn_blocking(move || match file {
        Some(path) => read_all(File::open(path)?),
        None => read_all(io::stdin().lock()),
    });
    let text = reading.await.map_err(io::Error::other).and_then(identity);
    text.map_err(|error| {
        let error = input_error(&error);
        ExitKind::Failed.with_message(format_args!("{name}: {error}"))
    })
}

fn read_all(input: impl Read) -> io::Result<String> {
    let mut bytes = Vec::new();
    input.take(MAX_INPUT_BYTES + 1).read_to_end(&mut bytes)?;
    into_text(bytes)
}

/// Refuses what is too large, or not UTF-8.
fn into_text(bytes: Vec<u8>) -> io::Result<String> {
    if bytes.len() as u64 > MAX_INPUT_BYTES {
        let message = format!("it has over {MAX_INPUT_BYTES} bytes");
        return Err(io::Error::other(message));
    }
    String::from_utf8(bytes).map_err(|_| io::ErrorKind::InvalidData.into())
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
    let read = input.take(MAX_INPUT_BYTES + 2).read_until(b'\n', &mut line);
    match read {
        Err(error) => return Some(Err(error)),
        Ok(0) => return None,
        Ok(_) => {}
    }
    if line.pop_if(|last| *last == b'\n').is_some() {
        line.pop_if(|last| *last == b'\r');
    }
    Some(into_text(line))
}

fn input_error(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::InvalidData => "it is not UTF-8".to_owned(),
        _ => error.to_string(),
    }
}

/// Prints the id, or the whole answer. A closed pipe is no failure, because the message is
/// published. Printing has its own thread, so that a blocked pipe does not delay
/// signals.
async fn print(id: EventId, answer: Bytes, json: bool) -> CommandResult {
    let printing = tokio::task::spawn_blocking(move || {
        let mut out = io::stdout().lock();
        match json {
            true if out.is_terminal() => {
                let answer = String::from_utf8_lossy(&answer);
                writeln!(out, "{}", escape_json(&answer))
            }
            true => out.write_all(&answer).and_then(|()| writeln!(out)),
            false => writeln!(out, "{id}"),
        }
    });
    stdout_result(printing.await.map_err(io::Error::other).and_then(identity))
}
