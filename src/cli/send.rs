//! `sse-chat send`: says something, and ends well only when the server has it.

use std::convert::identity;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::io::{self, BufRead, IsTerminal as _, Read as _, Write as _};
use std::time::Duration;

use clap::Args;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::escape::escape_json;
use super::exit::{End, Outcome};
use super::remote::{Remote, end_of, failure};
use super::signals::or_interrupted;
use crate::client::{Client, Error, PublishRequest, PublishResponse};
use crate::protocol::{RoomName, UserName};

/// How long a message is tried again once the server has answered before.
const PATIENCE: Duration = Duration::from_secs(10);
/// The same before it has: only a connection that came about and was cut.
const FIRST_PATIENCE: Duration = Duration::from_secs(1);
/// The first wait; each doubles, up to a second.
const FIRST_WAIT: Duration = Duration::from_millis(100);

/// A line longer than this is none that any server takes.
const MAX_LINE_BYTES: u64 = 1 << 20;
const EXAMPLES: &str = "\
Exits with 0 when the server has answered that each message was said, with 3 when it can't
be reached, with 4 when it refused one. Prints the id of each message.

Every message carries an id of its own, so one that is sent again after a connection was
cut is said once.

Examples:
  sse-chat send Dinner is ready             one message, in the room lobby
  sse-chat send --room ops --name CI 'build 7: ok'
  git log --oneline -5 | sse-chat send      each line is a message
  sse-chat send --json hello | jq .number   the message as the server has it
";

/// The flags of `sse-chat send`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, allow_negative_numbers = true)]
pub(super) struct Send {
    #[command(flatten)]
    remote: Remote,

    /// The room to say it in
    #[arg(long, value_name = "ROOM", default_value = "lobby", value_parser = RoomName::parse)]
    room: RoomName,

    /// Who says it [default: $USER, or anonymous]
    #[arg(long, value_name = "NAME", value_parser = UserName::parse)]
    name: Option<UserName>,

    /// Print each message as the server answered it, not its id alone
    #[arg(long)]
    json: bool,

    /// What to say; the words are joined by a space. With `-`, or with no text and something
    /// piped in, each line of standard input that is not empty is a message
    #[arg(value_name = "TEXT")]
    text: Vec<String>,
}

impl Send {
    /// Says it all, in order, or stops at the first that is not answered.
    pub(super) async fn run(self) -> Outcome {
        or_interrupted(self.say_all()).await
    }

    async fn say_all(self) -> Outcome {
        let mut sender = Sender::new(self.remote.client()?, &self.room, self.name);
        if !self.text.is_empty() && self.text != ["-"] {
            let said = sender.say(&self.text.join(" ")).await;
            return print(said.map_err(|error| failure(&error))?, self.json).await;
        }
        if self.text.is_empty() && io::stdin().is_terminal() {
            return Err(End::Usage.because(
                "say what? Put the text after send, or `-` to type messages line by line",
            ));
        }
        let mut lines = lines();
        while let Some((number, line)) = lines.recv().await {
            let at = |why: &str| format!("line {number}: {why}");
            let line = line.map_err(|error| End::Failed.because(at(&unreadable(&error))))?;
            if line.trim().is_empty() {
                continue;
            }
            let said = sender.say(&line).await;
            let said = said.map_err(|error| end_of(&error).because(at(&error.to_string())))?;
            print(said, self.json).await?;
        }
        Ok(())
    }
}

/// Somebody in a room, who says one thing after another.
pub(super) struct Sender {
    client: Client,
    room: String,
    name: String,
    /// The server has answered before, so it is worth waiting for.
    was_there: bool,
}

impl Sender {
    pub(super) fn new(client: Client, room: &RoomName, name: Option<UserName>) -> Self {
        Self {
            client,
            room: room.as_str().to_owned(),
            name: name.unwrap_or_else(own_name).as_str().to_owned(),
            was_there: false,
        }
    }

    /// Says something once, however often it takes to get through.
    async fn say(&mut self, message: &str) -> Result<PublishResponse, Error> {
        let client_id = new_client_id();
        let begun = Instant::now();
        let mut wait = FIRST_WAIT;
        loop {
            let error = match self.attempt(message, &client_id).await {
                Ok(said) => return Ok(said),
                Err(error) => error,
            };
            let patience = match (&error, self.was_there) {
                (Error::Cut(_) | Error::Unreachable(_), true) => PATIENCE,
                (Error::Refused(refusal), true) if refusal.is_transient() => PATIENCE,
                (Error::Cut(_), false) => FIRST_PATIENCE,
                _ => return Err(error),
            };
            if begun.elapsed() + wait > patience {
                return Err(error);
            }
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(Duration::from_secs(1));
        }
    }

    /// Tries once; `client_id` tells a message that is sent again.
    pub(super) async fn attempt(
        &mut self,
        message: &str,
        client_id: &str,
    ) -> Result<PublishResponse, Error> {
        let say = PublishRequest {
            name: &self.name,
            message,
            client_id: Some(client_id),
        };
        let said = self.client.publish(&self.room, &say).await;
        self.was_there |= said.is_ok();
        said
    }
}

/// An id that no other message has.
pub(super) fn new_client_id() -> String {
    // Keyed by the system: two that start in the same moment differ, too.
    let random = RandomState::new().build_hasher().finish();
    format!("{random:016x}{:016x}", fastrand::u64(..))
}

fn own_name() -> UserName {
    let user = std::env::var("USER").ok();
    let name = user.and_then(|user| UserName::parse(&user).ok());
    name.unwrap_or_else(|| UserName::parse("anonymous").expect("it is a name"))
}

/// The lines of standard input, numbered from 1, as they come.
fn lines() -> mpsc::Receiver<(usize, io::Result<String>)> {
    let (tell, lines) = mpsc::channel(1);
    tokio::task::spawn_blocking(move || {
        let mut stdin = io::stdin().lock();
        for number in 1.. {
            let Some(line) = next_line(&mut stdin) else {
                return;
            };
            let failed = line.is_err();
            if tell.blocking_send((number, line)).is_err() || failed {
                return;
            }
        }
    });
    lines
}

/// The next line without its end; none after the last.
fn next_line(input: &mut impl BufRead) -> Option<io::Result<String>> {
    let mut line = Vec::new();
    // One byte more than a line may have, and its end.
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
        let why = format!("it has over {MAX_LINE_BYTES} bytes");
        return Some(Err(io::Error::other(why)));
    }
    Some(String::from_utf8(line).map_err(|_| io::ErrorKind::InvalidData.into()))
}

fn unreadable(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::InvalidData => "it is not UTF-8".to_owned(),
        _ => error.to_string(),
    }
}

/// Prints the answer. A closed standard output is no failure: the message is
/// published all the same. It prints on a thread of its own, so that a blocked
/// pipe delays no signal.
async fn print(said: PublishResponse, json: bool) -> Outcome {
    let printing = tokio::task::spawn_blocking(move || {
        let mut out = io::stdout().lock();
        match json {
            true if out.is_terminal() => {
                let json = String::from_utf8_lossy(&said.json);
                writeln!(out, "{}", escape_json(&json))
            }
            true => out.write_all(&said.json).and_then(|()| writeln!(out)),
            false => writeln!(out, "{}", said.message.id),
        }
    });
    match printing.await.map_err(io::Error::other).and_then(identity) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(End::Failed.because(format_args!("standard output: {error}")))
        }
        _ => Ok(()),
    }
}
