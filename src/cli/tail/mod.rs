//! `sse-chat tail`: shows what is said in rooms, over cuts and restarts. With a
//! name and a terminal it is a small chat: see `chat`.

mod chat;
mod line;
mod out;
mod talk;

use std::io::{self, IsTerminal as _};
use std::num::NonZeroU64;

use clap::Args;

use super::exit::{End, Failure, Outcome, say};
use super::remote::{Remote, failure};
use super::send::Sender;
use super::signals::or_interrupted;
use crate::chat::RoomList;
use crate::client::{ClientEvent, EventStream, RetryPolicy, SubscribeRequest};
use crate::protocol::{Backlog, EventId, RoomName, UserName};
use chat::Chat;
use line::Style;
use out::Out;
use talk::Talk;

const EXAMPLES: &str = "\
Goes on through cuts and restarts of the server, shows each message once, and says on
standard error what was lost. Exits with 3 when the server can't be reached at first.

Examples:
  sse-chat tail                                  what is said in the room lobby from now on
  sse-chat tail --backlog 20 --room ops --room ci
  sse-chat tail --json | jq -r .message          a line of JSON for each message
  sse-chat tail --since mfz3k1q8x04z-1042        go on after that message
  sse-chat tail --count 1                        wait for the next message
  sse-chat tail --name Ada                       a chat: what you type is said
";

/// The flags of `sse-chat tail`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Tail {
    #[command(flatten)]
    remote: Remote,

    /// A room to follow; repeat it for more
    #[arg(long = "room", value_name = "ROOM", default_value = "lobby", value_parser = RoomName::parse)]
    rooms: Vec<RoomName>,

    /// How many past messages of each room to show first: 0 to 500, or `all`
    #[arg(long, value_name = "N|all", default_value = "0", value_parser = parse_backlog)]
    backlog: Backlog,

    /// Show what was said after the message with this id
    #[arg(long, value_name = "ID", conflicts_with = "backlog")]
    since: Option<EventId>,

    /// End after so many messages
    #[arg(long, value_name = "N", value_parser = parse_count)]
    count: Option<NonZeroU64>,

    /// Print each message as a line of JSON, exactly as the server sent it
    #[arg(long)]
    json: bool,

    /// Join under this name; at a terminal (input and output), what is typed is said in the
    /// first room
    #[arg(long, value_name = "NAME", value_parser = UserName::parse)]
    name: Option<UserName>,
}

/// As the server takes it; what it does not take is a wrong use.
fn parse_backlog(text: &str) -> Result<Backlog, &'static str> {
    text.parse()
        .map_err(|_| "not a number from 0 to 500, nor `all`")
}

fn parse_count(text: &str) -> Result<NonZeroU64, &'static str> {
    text.parse().map_err(|_| "not a number from 1 on")
}

impl Tail {
    /// Shows messages until there is a reason to end.
    pub(super) async fn run(self) -> Outcome {
        RoomList::new(self.rooms.iter().cloned())
            .map_err(|error| End::Usage.because(format_args!("--room: {error}")))?;
        let client = self.remote.client()?;
        let tailing = Tailing::new(&self, client.subscribe(self.subscribe()));
        match self.name {
            Some(name) if io::stdin().is_terminal() && io::stdout().is_terminal() => {
                let sender = Sender::new(client, &self.rooms[0], Some(name));
                or_interrupted(tailing.chat(sender)).await
            }
            _ => or_interrupted(tailing.print()).await,
        }
    }

    fn subscribe(&self) -> SubscribeRequest {
        SubscribeRequest {
            rooms: self
                .rooms
                .iter()
                .map(|room| room.as_str().to_owned())
                .collect(),
            cursor: self.since.map(|id| id.to_string()),
            backlog: self.backlog,
            name: self.name.as_ref().map(|name| name.as_str().to_owned()),
            presence: false,
            retry: RetryPolicy::AfterFirstConnect,
        }
    }
}

/// Somebody who follows.
struct Tailing {
    subscription: EventStream,
    style: Style,
    talk: Talk,
    json: bool,
    /// How many messages are still to come; `None` for no end.
    left: Option<u64>,
}

impl Tailing {
    fn new(options: &Tail, subscription: EventStream) -> Self {
        Self {
            subscription,
            style: Style::of_stdout(options.rooms.len() > 1),
            talk: Talk::default(),
            json: options.json,
            left: options.count.map(NonZeroU64::get),
        }
    }

    /// Prints until somebody has seen enough.
    async fn print(mut self) -> Outcome {
        let out = Out::stdout();
        let outcome = tokio::select! {
            outcome = self.follow(&out) => outcome,
            () = out.closed() => Ok(()),
        };
        out.finish().await.and(outcome)
    }

    /// Prints until somebody has said enough.
    async fn chat(mut self, sender: Sender) -> Outcome {
        // Nobody is asked to type while nobody hears.
        loop {
            match self.next().await? {
                Some(ClientEvent::Hello(_)) => break,
                Some(told) => self.talk.about(&told).iter().for_each(|line| say(line)),
                None => return closed(),
            }
        }
        let (mut chat, out) = Chat::open(sender)?;
        let outcome = tokio::select! {
            outcome = self.follow(&out) => outcome,
            outcome = chat.ended(&out) => outcome,
        };
        out.finish().await.and(outcome)
    }

    async fn follow(&mut self, out: &Out) -> Outcome {
        while self.left != Some(0) {
            let Some(told) = self.next().await? else {
                return closed();
            };
            let line = match &told {
                ClientEvent::Message { json, .. } if self.json => self.style.show_json(json),
                ClientEvent::Message { message, .. } => self.style.show(message),
                told => {
                    for line in self.talk.about(told) {
                        out.talk(&line).await;
                    }
                    continue;
                }
            };
            out.print(line).await;
            self.left = self.left.map(|left| left - 1);
        }
        Ok(())
    }

    async fn next(&mut self) -> Result<Option<ClientEvent>, Failure> {
        let next = self.subscription.next().await;
        next.map_err(|error| failure(&error))
    }
}

/// The server said not to come back.
fn closed() -> Outcome {
    Err(End::Refused.because("the server closed the stream for good"))
}

/// What a terminal or a pipe did to us.
fn output_failed(error: &io::Error) -> Failure {
    End::Failed.because(format_args!("standard output: {error}"))
}
