//! Calls of the functions, one method each.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{Cmd, RedisResult, Value};

use crate::answer::{ChangeAnswer, Loaded, Opened, Outcome, PublishAnswer, outcome};
use crate::connect::{ConnectError, connect, not_reached};
use crate::item::StoredBan;
use crate::library::LIBRARY;
use crate::newest::NewestEpoch;
use crate::pool::{Needs, Pool};
use crate::reader::Reader;
use crate::settings::{MAX_EXACT, Settings};
use crate::value::{BadAnswer, Parts, unknown};

/// The key of a retry: a request is published once while history holds its entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryKey<'a> {
    /// The sender's id for the request.
    pub client_id: &'a str,
    /// A hash of the request.
    pub request: &'a str,
}

/// A message or an event to be published.
#[derive(Debug, Clone, Copy)]
pub struct NewEntry<'a> {
    /// Its room.
    pub room: &'a str,
    /// A message counts in the numbers of its room, an event does not.
    pub is_message: bool,
    /// What only nodes read.
    pub content: &'a [u8],
    /// The key of a retry, if there is one.
    pub retry_key: Option<RetryKey<'a>>,
}

/// A change of a message, or the deletion of a message or event.
#[derive(Debug, Clone, Copy)]
pub struct Change<'a> {
    /// The room.
    pub room: &'a str,
    /// The seq of the message or event.
    pub item: u64,
    /// The seq of the latest change of it that the caller knows; 0 if it knows none.
    pub latest: u64,
    /// Whether it is deleted, with all that history has of it.
    pub is_deletion: bool,
    /// What only nodes read: the state as it is now.
    pub content: &'a [u8],
}

/// Why a call has no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallError {
    /// Redis is not reached, or refuses. The call may have been done all the same: repeat it
    /// with its client id.
    Unavailable(String),
    /// It is done, but too few replicas have it in time: a failover may lose it.
    NotReplicated,
    /// The caller knows another generation as the present one. This is the epoch.
    OtherEpoch(String),
    /// The room has as many bans as it may have.
    TooManyBans,
    /// There are as many tickets as there may be.
    TooManyTickets,
    /// The node has no lease.
    NoLease,
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unavailable(why) => write!(f, "the shared history is not available: {why}"),
            Self::NotReplicated => f.write_str("too few replicas have it in time"),
            Self::OtherEpoch(epoch) => write!(f, "the present generation is {epoch}"),
            Self::TooManyBans => f.write_str("the room has too many bans"),
            Self::TooManyTickets => f.write_str("there are too many tickets"),
            Self::NoLease => f.write_str("the node has no lease"),
        }
    }
}

impl Error for CallError {}

impl From<BadAnswer> for CallError {
    fn from(error: BadAnswer) -> Self {
        Self::Unavailable(error.to_string())
    }
}

/// The history, for calls. Dropping it ends its connections.
#[derive(Debug)]
pub struct SharedLog {
    pool: Pool,
    settings: Arc<Settings>,
    newest_epoch: Arc<NewestEpoch>,
}

impl SharedLog {
    /// Connects. The state of the history comes along: a new one if there is none, and
    /// another generation if entries may be lost since the last call.
    ///
    /// # Errors
    ///
    /// [`ConnectError`] if the server is not reached, or can't keep a history.
    pub async fn connect(settings: Settings) -> Result<(Self, Opened), ConnectError> {
        let settings = Arc::new(settings);
        let mut first = connect(&settings).await?;
        let newest_epoch = Arc::<NewestEpoch>::default();
        let opened = open(&mut first, &settings, &newest_epoch).await?;
        let pool = Pool::begin(&settings, &newest_epoch, first);
        let log = Self {
            pool,
            settings,
            newest_epoch,
        };
        Ok((log, opened))
    }

    /// A reader of what follows `opened`, with a connection of its own.
    pub fn reader(&self, opened: &Opened) -> Reader {
        let (settings, newest) = (Arc::clone(&self.settings), Arc::clone(&self.newest_epoch));
        Reader::new(settings, newest, opened)
    }

    /// Publishes an entry in the generation `epoch`.
    ///
    /// # Errors
    ///
    /// [`CallError`] if there is no answer.
    pub async fn publish(
        &self,
        epoch: &str,
        entry: NewEntry<'_>,
    ) -> Result<PublishAnswer, CallError> {
        let mut command = self.command("publish");
        let retry_key = entry
            .retry_key
            .map_or(("", ""), |key| (key.client_id, key.request));
        command
            .arg(epoch)
            .arg(random())
            .arg(entry.room)
            .arg(if entry.is_message { "m" } else { "e" })
            .arg(entry.content)
            .arg(retry_key.0)
            .arg(retry_key.1);
        self.add_bounds(&mut command);
        Ok(PublishAnswer::read(self.call_replicated(command).await?)?)
    }

    /// Changes a message, or deletes a message or event, in the generation `epoch`.
    ///
    /// # Errors
    ///
    /// [`CallError`] if there is no answer.
    pub async fn change(&self, epoch: &str, change: Change<'_>) -> Result<ChangeAnswer, CallError> {
        let function = if change.is_deletion {
            "delete"
        } else {
            "change"
        };
        let mut command = self.command(function);
        command
            .arg(epoch)
            .arg(random())
            .arg(change.room)
            .arg(if change.is_deletion { "d" } else { "c" })
            .arg(change.content)
            .arg(change.item)
            .arg(change.latest);
        self.add_bounds(&mut command);
        Ok(ChangeAnswer::read(self.call_replicated(command).await?)?)
    }

    /// The newest `most` entries of a room, and its state.
    ///
    /// # Errors
    ///
    /// [`CallError`] if there is no answer.
    pub async fn load(&self, epoch: &str, room: &str, most: usize) -> Result<Loaded, CallError> {
        self.load_by(epoch, room, most, None).await
    }

    /// The newest `most` entries of a room up to the seq `up_to`, and the place behind them: to
    /// load several rooms as of one seq, or to read history in slices, each up to the seq before
    /// the oldest entry of the last one.
    ///
    /// It is what is left of the room as of `up_to`. A change or deletion that came later has
    /// already replaced the earlier change, and a deletion what it deleted, so entries up to
    /// `up_to` may be missing. `evicted`, `is_late` and `bans` are as of `as_of`; if
    /// `evicted` is beyond `up_to`, there are no entries.
    ///
    /// # Errors
    ///
    /// [`CallError`] if there is no answer.
    pub async fn load_up_to(
        &self,
        epoch: &str,
        room: &str,
        up_to: u64,
        most: usize,
    ) -> Result<Loaded, CallError> {
        self.load_by(epoch, room, most, Some(up_to)).await
    }

    async fn load_by(
        &self,
        epoch: &str,
        room: &str,
        most: usize,
        up_to: Option<u64>,
    ) -> Result<Loaded, CallError> {
        let mut command = self.command("load");
        command.arg(epoch).arg(room).arg(most).arg(up_to);
        let answer = self.call(command).await?;
        Ok(Loaded::read(done(answer)?)?)
    }

    /// Bans an author from a room until a time in milliseconds since 1970. At most `most`
    /// of a room are banned.
    ///
    /// # Errors
    ///
    /// [`CallError`] if there is no answer, or if there are too many bans.
    pub async fn ban(
        &self,
        epoch: &str,
        room: &str,
        ban: &StoredBan,
        most: usize,
    ) -> Result<(), CallError> {
        let mut command = self.command("ban");
        command
            .arg(epoch)
            .arg(random())
            .arg(room)
            .arg(&ban.author)
            .arg(ban.until)
            .arg(&ban.content)
            .arg(most);
        self.add_bounds(&mut command);
        done(self.call_replicated(command).await?).map(drop)
    }

    /// Lifts the bans of authors.
    ///
    /// # Errors
    ///
    /// [`CallError`] if there is no answer.
    pub async fn lift(&self, epoch: &str, room: &str, authors: &[&str]) -> Result<(), CallError> {
        let mut command = self.command("lift");
        command.arg(epoch).arg(random()).arg(room);
        self.add_bounds(&mut command);
        command.arg(authors);
        done(self.call_replicated(command).await?).map(drop)
    }

    /// These rooms have readers: they are not forgotten for a while.
    ///
    /// # Errors
    ///
    /// [`CallError`] if there is no answer.
    pub async fn use_rooms(&self, rooms: &[&str]) -> Result<(), CallError> {
        let mut command = self.command("use");
        command.arg(rooms);
        done(self.call(command).await?).map(drop)
    }

    /// Forgets rooms that were not used for `idle`, and drops tombstones beyond
    /// `tombstones`: at most `most` of each. Returns whether there may be more.
    ///
    /// # Errors
    ///
    /// [`CallError`] if there is no answer.
    pub async fn tidy(
        &self,
        epoch: &str,
        idle: Duration,
        tombstones: usize,
        most: usize,
    ) -> Result<bool, CallError> {
        let mut command = self.command("tidy");
        command
            .arg(epoch)
            .arg(random())
            .arg(millis(idle))
            .arg(tombstones)
            .arg(most);
        self.add_bounds(&mut command);
        let found: usize = done(self.call(command).await?)?.next()?;
        Ok(found >= most)
    }

    pub(crate) fn command(&self, function: &str) -> Cmd {
        command(&self.settings, function)
    }

    pub(crate) async fn call(&self, command: Cmd) -> Result<Value, CallError> {
        self.pool.call(command, Needs::Answer).await
    }

    /// A call that is answered once the replicas have what it wrote.
    pub(crate) async fn call_replicated(&self, command: Cmd) -> Result<Value, CallError> {
        self.pool.call(command, Needs::Replicas).await
    }

    fn add_bounds(&self, command: &mut Cmd) {
        command.arg(&self.settings.bounds.arguments());
    }
}

/// What follows `OK`.
pub(crate) fn done(value: Value) -> Result<Parts, CallError> {
    match outcome(value)? {
        Outcome::Done(parts) => Ok(parts),
        Outcome::Other(word, mut parts) => Err(match word.as_str() {
            "EPOCH" => CallError::OtherEpoch(parts.next()?),
            "TOO_MANY" => CallError::TooManyBans,
            "TOO_MANY_TICKETS" => CallError::TooManyTickets,
            "CLOSED" => CallError::Unavailable("another generation is about to begin".to_owned()),
            "NO_LEASE" => CallError::NoLease,
            other => unknown(other).into(),
        }),
    }
}

fn command(settings: &Settings, function: &str) -> Cmd {
    let mut command = redis::cmd("FCALL");
    command
        .arg(LIBRARY.function(function))
        .arg(1)
        .arg(settings.namespace.key("state"));
    command
}

/// A duration in milliseconds, as far as Redis counts exactly.
pub(crate) fn millis(duration: Duration) -> u64 {
    let millis = u64::try_from(duration.as_millis());
    millis.map_or(MAX_EXACT, |millis| millis.min(MAX_EXACT))
}

/// Four characters that tell two epochs of the same millisecond apart.
fn random() -> String {
    std::iter::repeat_with(fastrand::lowercase)
        .take(4)
        .collect()
}

/// The state of the history, once it or another generation has begun.
pub(crate) async fn open(
    connection: &mut MultiplexedConnection,
    settings: &Settings,
    newest_epoch: &NewestEpoch,
) -> Result<Opened, ConnectError> {
    let refused = |error: CallError| ConnectError::Unreachable(error.to_string());
    let state = ask(connection, &command(settings, "state")).await?;
    let state = outcome(state).map_err(|error| refused(error.into()))?;
    let parts = match state {
        Outcome::Done(parts) => parts,
        Outcome::Other(..) => {
            let mut command = command(settings, "open");
            command.arg(random());
            done(ask(connection, &command).await?).map_err(refused)?
        }
    };
    let opened = Opened::read(parts).map_err(|error| refused(error.into()))?;
    match newest_epoch.accept(&opened.epoch) {
        true => Ok(opened),
        false => Err(ConnectError::Replaced),
    }
}

async fn ask(connection: &mut MultiplexedConnection, command: &Cmd) -> Result<Value, ConnectError> {
    let value: RedisResult<Value> = command.query_async(connection).await;
    value.map_err(|error| not_reached(&error))
}
