//! `sse-chat tail`: prints the messages of rooms as they arrive, across lost
//! connections and restarts. With a name and a terminal it is a chat: see `chat`.

mod chat;
mod format;
mod notices;
mod output;

use std::io::{self, IsTerminal as _};
use std::num::NonZeroU64;

use clap::Args;

use self::chat::Chat;
use self::format::MessageFormat;
use self::notices::{Notices, clean};
use self::output::Output;
use super::exit::{CommandError, CommandResult, ExitKind, print_stderr};
use super::publisher::RoomPublisher;
use super::remote::{ClientFlags, Remote, client_error};
use super::signals::until_interrupted;
use crate::chat::RoomList;
use crate::client::{AccessToken, ClientEvent, EventStream, RetryPolicy, SubscribeRequest};
use crate::protocol::{Backlog, Close, CloseReason, EventId, RoomName, UserName};

const EXAMPLES: &str = "\
Reconnects after lost connections and restarts of the server, prints each message once,
and reports lost messages on standard error. Exits with 3 if the server can't be reached
at the start, and with 4 if it needs another token.

Examples:
  sse-chat tail                                  new messages of the room lobby
  sse-chat tail --backlog 20 --room ops --room ci
  sse-chat tail --json | jq -r .message          one line of JSON per message
  sse-chat tail --since mfz3k1q8x04z-1042        the messages after that one
  sse-chat tail --count 1                        wait for the next message
  sse-chat tail --name Ada                       a chat in the terminal
";

/// The flags of `sse-chat tail`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct TailArgs {
    #[command(flatten)]
    client: ClientFlags,

    /// Room to follow; repeat for more
    #[arg(long = "room", value_name = "ROOM", default_value = "lobby", value_parser = RoomName::parse)]
    rooms: Vec<RoomName>,

    /// Past messages per room to print first: 0 to 500, or `all`
    #[arg(long, value_name = "N|all", default_value = "0", value_parser = parse_backlog)]
    backlog: Backlog,

    /// Start after the message with this id
    #[arg(long, value_name = "ID", conflicts_with = "backlog")]
    since: Option<EventId>,

    /// Exit after N messages
    #[arg(long, value_name = "N", value_parser = parse_count)]
    count: Option<NonZeroU64>,

    /// Print each message as one line of JSON, as the server sent it
    #[arg(long)]
    json: bool,

    /// Join under this name; if input and output are a terminal, typed lines are published to the
    /// first room
    #[arg(long, value_name = "NAME", value_parser = UserName::parse)]
    name: Option<UserName>,
}

/// Parses a backlog within the limit of the server.
fn parse_backlog(text: &str) -> Result<Backlog, &'static str> {
    text.parse()
        .map_err(|_| "not a number from 0 to 500, nor `all`")
}

fn parse_count(text: &str) -> Result<NonZeroU64, &'static str> {
    text.parse().map_err(|_| "not a number of at least 1")
}

impl TailArgs {
    /// Prints messages until the count is reached or the command is stopped.
    pub(super) async fn run(self) -> CommandResult {
        RoomList::new(self.rooms.iter().cloned())
            .map_err(|error| ExitKind::Usage.with_message(format_args!("--room: {error}")))?;
        let request = self.subscribe();
        let format = MessageFormat::for_stdout(self.rooms.len() > 1);
        let remote = self.client.connect()?;
        let session = TailSession {
            subscription: remote.client.subscribe(request),
            token: remote.client.token(),
            remote: remote.clone(),
            format,
            notices: Notices::default(),
            json: self.json,
            left: self.count.map(NonZeroU64::get),
        };
        match self.name {
            Some(name) if io::stdin().is_terminal() && io::stdout().is_terminal() => {
                let publisher = RoomPublisher::new(remote, &self.rooms[0], Some(name));
                Box::pin(until_interrupted(session.chat(publisher))).await
            }
            _ => until_interrupted(session.print()).await,
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

/// A subscription whose messages and notices are printed.
struct TailSession {
    subscription: EventStream,
    remote: Remote,
    /// The token that the stream was opened with.
    token: Option<AccessToken>,
    format: MessageFormat,
    notices: Notices,
    json: bool,
    /// Messages until the end; `None` for no end.
    left: Option<u64>,
}

impl TailSession {
    /// Prints until the count is reached or the output is closed.
    async fn print(mut self) -> CommandResult {
        let out = Output::stdout();
        let result = tokio::select! {
            result = self.follow(&out) => result,
            () = out.closed() => Ok(()),
        };
        out.finish().await.and(result)
    }

    /// Chats until the count is reached or the user leaves.
    async fn chat(mut self, publisher: RoomPublisher) -> CommandResult {
        // The editor opens once the server has accepted the stream.
        loop {
            match self.next().await? {
                Some(ClientEvent::Hello(_)) => break,
                Some(event) => {
                    let notices = self.notices.for_event(&event);
                    notices.iter().for_each(|notice| print_stderr(notice));
                }
                None => return self.closed(),
            }
        }
        let (mut chat, out) = Chat::open(publisher)?;
        let result = tokio::select! {
            result = self.follow(&out) => result,
            result = chat.run(&out) => result,
        };
        out.finish().await.and(result)
    }

    async fn follow(&mut self, out: &Output) -> CommandResult {
        while self.left != Some(0) {
            let Some(event) = self.next().await? else {
                return self.closed();
            };
            let line = match &event {
                ClientEvent::Message { json, .. } if self.json => self.format.json(json),
                ClientEvent::Message { message, .. } => self.format.text(message),
                ClientEvent::Event { json, .. } if self.json => self.format.json(json),
                ClientEvent::Change { json, .. } if self.json => {
                    self.format.json(&format!("{{\"change\":{json}}}"))
                }
                event => {
                    for notice in self.notices.for_event(event) {
                        out.notice(&notice).await;
                    }
                    continue;
                }
            };
            out.print(line).await;
            // A change is of a message that was counted before.
            let counts = !matches!(event, ClientEvent::Change { .. });
            self.left = self.left.map(|left| left - u64::from(counts));
        }
        Ok(())
    }

    /// The next event. When the token expires and the file has another one, the stream
    /// is opened again with that.
    async fn next(&mut self) -> Result<Option<ClientEvent>, CommandError> {
        loop {
            let next = self.subscription.next().await;
            let next = next.map_err(|error| client_error(&error))?;
            let wants_token = match &next {
                Some(ClientEvent::Expiring(_)) => true,
                None => self.subscription.close().is_some_and(is_about_token),
                Some(_) => false,
            };
            if !wants_token || !self.renew_token() {
                return Ok(next);
            }
        }
    }

    /// Opens the stream again if there is another token.
    fn renew_token(&mut self) -> bool {
        match self.remote.renew_token(self.token.as_ref()) {
            Ok(true) => {
                self.token = self.remote.client.token();
                self.subscription.reopen();
                true
            }
            Ok(false) => false,
            Err(why) => {
                print_stderr(&format!("--token-file: {why}"));
                false
            }
        }
    }

    /// The error for a stream that the server closed with `close`: do not reconnect.
    fn closed(&self) -> CommandResult {
        let mut message = "the server closed the stream for good".to_owned();
        if let Some(close) = self.subscription.close() {
            let reason = clean(&close.reason.to_string());
            if !reason.is_empty() {
                message = format!("{message}: {reason}");
            }
            if !close.rooms.is_empty() {
                let rooms: Vec<_> = close.rooms.iter().map(|room| clean(room)).collect();
                message = format!("{message} ({})", rooms.join(", "));
            }
        }
        Err(ExitKind::Refused.with_message(message))
    }
}

/// Whether the stream may be opened again with another token.
fn is_about_token(close: &Close) -> bool {
    let reason = close.reason.known();
    reason.is_some_and(|reason| {
        matches!(
            reason,
            CloseReason::TokenRequired | CloseReason::TokenInvalid | CloseReason::TokenExpired
        )
    })
}
