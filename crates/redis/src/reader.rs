//! Reads what is written, on a connection of its own: a call that waits for something would
//! hold up all others.

use std::sync::Arc;

use redis::aio::MultiplexedConnection;
use redis::{RedisResult, Value};

use crate::answer::Opened;
use crate::calls::open;
use crate::connect::connect;
use crate::item::Item;
use crate::newest::NewestEpoch;
use crate::pool::wait_after;
use crate::presence::PresenceItem;
use crate::settings::Settings;
use crate::value::{BadAnswer, Parts};

/// Most items of a read of each stream.
const MAX_ITEMS: usize = 500;

/// What was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReadEvent {
    /// A connection has begun, or another generation. With another epoch, what was read
    /// beyond the end of the last one is lost: the next items follow that end.
    Opened(Opened),
    /// The next items in order, each with its seq.
    Items(Vec<(u64, Item)>),
    /// Items between the last one that was read and the next one are missing in the log: it
    /// was trimmed, or they were deleted. Load the rooms anew, then go on by
    /// [`Reader::skip_to`]. Until then the same comes again.
    Missed {
        /// The seq of the last one.
        last: u64,
        /// The seq of the next one that is there.
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
    newest_epoch: Arc<NewestEpoch>,
    /// The seq of the last item that was read.
    last: u64,
    /// The number of the last change of members that was read.
    presence: u64,
    epoch: String,
    connection: Option<MultiplexedConnection>,
    /// Failures since the last read.
    tries: u32,
    /// Most items of the next read. Fewer after one that failed: it may have been too much
    /// for the connection.
    most: usize,
    /// What was read and not returned yet.
    items: Vec<(u64, Item)>,
    changes: Vec<(u64, PresenceItem)>,
}

impl Reader {
    pub(crate) fn new(
        settings: Arc<Settings>,
        newest_epoch: Arc<NewestEpoch>,
        opened: &Opened,
    ) -> Self {
        Self {
            settings,
            newest_epoch,
            last: opened.seq,
            presence: opened.presence,
            epoch: opened.epoch.clone(),
            connection: None,
            tries: 0,
            most: MAX_ITEMS,
            items: Vec::new(),
            changes: Vec::new(),
        }
    }

    /// Goes on behind the item with this seq, of the present generation.
    pub fn skip_to(&mut self, seq: u64) {
        self.last = seq;
    }

    /// The next that happens. It waits as long as nothing does.
    ///
    /// A future that is dropped loses no item, but what it was about to do begins anew: the
    /// wait before a connection, or a read, which the next one waits for. So drop it rarely.
    pub async fn next(&mut self) -> ReadEvent {
        loop {
            if let Some(event) = self.take_items().or_else(|| self.take_changes()) {
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
            self.tries = 0;
            self.most = (self.most * 2).min(MAX_ITEMS);
            // Of another generation they do not follow the last one, whatever their seqs are.
            let is_news = !read.items.is_empty() || !read.changes.is_empty();
            if is_news && read.epoch.as_deref() == Some(&*self.epoch) {
                self.items = read.items;
                self.changes = read.changes;
                continue;
            }
            match open(connection, &self.settings, &self.newest_epoch).await {
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
        // Also before the first try: all nodes lose the same Redis at one time.
        tokio::time::sleep(wait_after(self.tries)).await;
        self.tries += 1;
        let connected = async {
            let mut connection = connect(&self.settings).await?;
            let opened = open(&mut connection, &self.settings, &self.newest_epoch).await?;
            Ok::<_, crate::ConnectError>((connection, opened))
        };
        match connected.await {
            Ok((connection, opened)) => {
                self.connection = Some(connection);
                self.opened(opened)
            }
            Err(error) => ReadEvent::Away(error.to_string()),
        }
    }

    fn opened(&mut self, opened: Opened) -> ReadEvent {
        if self.epoch != opened.epoch {
            let mut ended = opened.ended.iter();
            let end = ended.find(|(epoch, _)| *epoch == self.epoch);
            // Of another history, all of it is new.
            self.last = end.map_or(0, |(_, end)| self.last.min(*end));
            self.presence = opened.presence;
            self.epoch.clone_from(&opened.epoch);
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

    /// What is read already: all up to the first item that does not follow the last one. What
    /// comes behind it is read again, once it is known which generation it is of.
    fn take_items(&mut self) -> Option<ReadEvent> {
        let mut items = std::mem::take(&mut self.items);
        let next = items.first()?.0;
        let follows = |(seq, place): &(&(u64, Item), u64)| seq.0 == *place;
        let count = items
            .iter()
            .zip(self.last + 1..)
            .take_while(follows)
            .count();
        if count == 0 {
            let last = self.last;
            return Some(ReadEvent::Missed { last, next });
        }
        items.truncate(count);
        self.last += count as u64;
        Some(ReadEvent::Items(items))
    }
}

/// What was read at once.
#[derive(Debug, Default)]
struct Read {
    items: Vec<(u64, Item)>,
    changes: Vec<(u64, PresenceItem)>,
    /// The present epoch after that.
    epoch: Option<String>,
}

/// What follows `last` and `presence`, once there is anything; nothing after a while.
async fn read(
    connection: &mut MultiplexedConnection,
    settings: &Settings,
    most: usize,
    last: u64,
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
        .arg(format!("{last}-0"))
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
