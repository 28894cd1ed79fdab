//! Reads what is written, on a connection of its own: a call that waits for something would
//! hold up all others.

use std::sync::Arc;

use redis::aio::MultiplexedConnection;
use redis::{RedisResult, Value};

use crate::answer::Opened;
use crate::calls::open;
use crate::connect::connect;
use crate::item::{Item, ItemId};
use crate::pool::wait_after;
use crate::presence::PresenceItem;
use crate::settings::Settings;
use crate::value::{BadAnswer, Parts};

/// Most items of a read of each stream.
const MAX_ITEMS: usize = 500;
/// What was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReadEvent {
    /// A connection has begun, or another generation. What follows is of this state.
    Opened(Opened),
    /// The next items, in order.
    Items(Vec<Item>),
    /// Entries between the last one that was read and the next one are missing in the log: it
    /// was trimmed, or they were deleted. Load the rooms anew, then go on by
    /// [`Reader::skip_to`].
    Missed {
        /// The seq of the last one.
        last: u64,
        /// The seq of the next one.
        next: u64,
    },
    /// The next changes of members, in order. All members that are known have to be loaded
    /// anew if `follows` is false: changes before these are missing.
    Presence {
        /// The number of the last one.
        number: u64,
        /// Whether none is missing before the first one.
        follows: bool,
        /// The changes.
        items: Vec<PresenceItem>,
    },
    /// Redis is not reached, for this reason. The next read tries again.
    Away(String),
}

/// A reader of all entries of the history.
#[derive(Debug)]
pub struct Reader {
    settings: Arc<Settings>,
    /// The last item that was read.
    last: ItemId,
    /// The number of the last change of members that was read.
    presence: u64,
    epoch: String,
    connection: Option<MultiplexedConnection>,
    /// Failed tries since the last connection.
    tries: u32,
    /// Most items of the next read. Fewer after one that failed: it may have been too much
    /// for the connection.
    most: usize,
    /// The items that follow entries which are missing.
    ahead: Vec<(ItemId, Item)>,
    /// Changes of members that were read.
    changes: Vec<(u64, PresenceItem)>,
}

impl Reader {
    /// A reader of what follows `opened`.
    pub fn new(settings: Settings, opened: &Opened) -> Self {
        Self {
            settings: Arc::new(settings),
            last: ItemId {
                seq: opened.seq,
                sub: 0,
            },
            presence: opened.presence,
            epoch: opened.epoch.clone(),
            connection: None,
            tries: 0,
            most: MAX_ITEMS,
            ahead: Vec::new(),
            changes: Vec::new(),
        }
    }

    /// Goes on behind the entry with this seq, of the present generation.
    pub fn skip_to(&mut self, seq: u64) {
        self.last = ItemId { seq, sub: 0 };
        self.ahead.retain(|(id, _)| *id > self.last);
    }

    /// The next that happens. It waits as long as nothing does. A future that is dropped
    /// loses nothing.
    pub async fn next(&mut self) -> ReadEvent {
        loop {
            if let Some(event) = self.take_ahead().or_else(|| self.take_changes()) {
                return event;
            }
            let Some(connection) = &mut self.connection else {
                return self.connect().await;
            };
            let read = read(
                connection,
                &self.settings,
                self.most,
                self.last,
                self.presence,
            );
            let read = match read.await {
                Ok(read) => read,
                Err(why) => {
                    self.most = (self.most / 2).max(1);
                    return self.lose(why);
                }
            };
            self.most = (self.most * 2).min(MAX_ITEMS);
            // Of another generation they do not follow the last one, whatever their seqs are.
            let is_news = !read.items.is_empty() || !read.changes.is_empty();
            if is_news && read.epoch.as_deref() == Some(&*self.epoch) {
                self.ahead = read.items;
                self.changes = read.changes;
                continue;
            }
            match open(connection, &self.settings).await {
                Ok(opened) if opened.epoch == self.epoch => {}
                Ok(opened) => return self.opened(opened),
                Err(error) => return self.lose(error.to_string()),
            }
        }
    }

    fn lose(&mut self, why: String) -> ReadEvent {
        self.connection = None;
        ReadEvent::Away(why)
    }

    async fn connect(&mut self) -> ReadEvent {
        if self.tries > 0 {
            tokio::time::sleep(wait_after(self.tries)).await;
        }
        self.tries += 1;
        let connected = async {
            let mut connection = connect(&self.settings).await?;
            let opened = open(&mut connection, &self.settings).await?;
            Ok::<_, crate::ConnectError>((connection, opened))
        };
        match connected.await {
            Ok((connection, opened)) => {
                self.connection = Some(connection);
                self.tries = 0;
                self.opened(opened)
            }
            Err(error) => ReadEvent::Away(error.to_string()),
        }
    }

    fn opened(&mut self, opened: Opened) -> ReadEvent {
        if self.epoch != opened.epoch {
            self.epoch.clone_from(&opened.epoch);
            self.presence = opened.presence;
        }
        ReadEvent::Opened(opened)
    }

    /// Changes of members that are read already.
    fn take_changes(&mut self) -> Option<ReadEvent> {
        let changes = std::mem::take(&mut self.changes);
        let (first, last) = (changes.first()?.0, changes.last()?.0);
        let follows = first == self.presence + 1;
        self.presence = last;
        Some(ReadEvent::Presence {
            number: last,
            follows,
            items: changes.into_iter().map(|(_, item)| item).collect(),
        })
    }

    /// What is read already: all up to the first entry that does not follow the last one.
    fn take_ahead(&mut self) -> Option<ReadEvent> {
        let mut last = self.last;
        let follows = |(id, _): &&(ItemId, Item)| {
            let does = id.seq == last.seq || (id.seq == last.seq + 1 && id.sub == 0);
            if does {
                last = *id;
            }
            does
        };
        let count = self.ahead.iter().take_while(follows).count();
        if count > 0 {
            self.last = last;
            let items = self.ahead.drain(..count).map(|(_, item)| item);
            return Some(ReadEvent::Items(items.collect()));
        }
        let (next, _) = self.ahead.first()?;
        Some(ReadEvent::Missed {
            last: self.last.seq,
            next: next.seq,
        })
    }
}

/// What was read at once.
#[derive(Debug, Default)]
struct Read {
    items: Vec<(ItemId, Item)>,
    changes: Vec<(u64, PresenceItem)>,
    /// The present epoch after that.
    epoch: Option<String>,
}

/// What follows `last` and `presence`, once there is anything; nothing after a while.
async fn read(
    connection: &mut MultiplexedConnection,
    settings: &Settings,
    most: usize,
    last: ItemId,
    presence: u64,
) -> Result<Read, String> {
    let (log, changes) = (
        settings.namespace.key("log"),
        settings.namespace.key("presence"),
    );
    let mut pipeline = redis::pipe();
    pipeline
        .cmd("XREAD")
        .arg("COUNT")
        .arg(most)
        .arg("BLOCK")
        .arg(settings.longest_silence().as_millis() as u64)
        .arg("STREAMS")
        .arg(&log)
        .arg(&changes)
        .arg(last.to_string())
        .arg(format!("{presence}-0"));
    pipeline
        .cmd("HGET")
        .arg(settings.namespace.key("state"))
        .arg("epoch");
    let answer: RedisResult<(Value, Option<String>)> = pipeline.query_async(connection).await;
    let (streams, epoch) = answer.map_err(|error| error.to_string())?;
    let read = match streams {
        Value::Nil => Ok(Read::default()),
        streams => items(streams, &log),
    };
    let read = read.map_err(|error| error.to_string())?;
    Ok(Read { epoch, ..read })
}

fn items(streams: Value, log: &str) -> Result<Read, BadAnswer> {
    let mut streams = Parts::of(streams)?;
    let mut read = Read::default();
    while !streams.is_empty() {
        let mut stream = streams.next_parts()?;
        let name: String = stream.next()?;
        let mut parts = stream.next_parts()?;
        while !parts.is_empty() {
            match name == log {
                true => read.items.push(Item::read(parts.next_parts()?)?),
                false => read.changes.push(PresenceItem::read(parts.next_parts()?)?),
            }
        }
    }
    Ok(read)
}
