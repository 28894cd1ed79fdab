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
use crate::settings::Settings;
use crate::value::{BadAnswer, Parts};

/// Most items of a read.
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
    /// Redis is not reached, for this reason. The next read tries again.
    Away(String),
}

/// A reader of all entries of the history.
#[derive(Debug)]
pub struct Reader {
    settings: Arc<Settings>,
    /// The last item that was read.
    last: ItemId,
    epoch: String,
    connection: Option<MultiplexedConnection>,
    /// Failed tries since the last connection.
    tries: u32,
    /// The items that follow entries which are missing.
    ahead: Vec<(ItemId, Item)>,
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
            epoch: opened.epoch.clone(),
            connection: None,
            tries: 0,
            ahead: Vec::new(),
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
            if let Some(event) = self.take_ahead() {
                return event;
            }
            let Some(connection) = &mut self.connection else {
                return self.connect().await;
            };
            let (items, epoch) = match read(connection, &self.settings, self.last).await {
                Ok(read) => read,
                Err(why) => return self.lose(why),
            };
            // Of another generation they do not follow the last one, whatever their seqs are.
            if !items.is_empty() && epoch.as_deref() == Some(&*self.epoch) {
                self.ahead = items;
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
        self.epoch.clone_from(&opened.epoch);
        ReadEvent::Opened(opened)
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

/// The items behind `last`, once there are any, and the present epoch after that. No items
/// if there were none for a while.
async fn read(
    connection: &mut MultiplexedConnection,
    settings: &Settings,
    last: ItemId,
) -> Result<(Vec<(ItemId, Item)>, Option<String>), String> {
    let mut pipeline = redis::pipe();
    pipeline
        .cmd("XREAD")
        .arg("COUNT")
        .arg(MAX_ITEMS)
        .arg("BLOCK")
        .arg(settings.longest_silence().as_millis() as u64)
        .arg("STREAMS")
        .arg(settings.namespace.key("log"))
        .arg(last.to_string());
    pipeline
        .cmd("HGET")
        .arg(settings.namespace.key("state"))
        .arg("epoch");
    let answer: RedisResult<(Value, Option<String>)> = pipeline.query_async(connection).await;
    match answer.map_err(|error| error.to_string())? {
        (Value::Nil, epoch) => Ok((Vec::new(), epoch)),
        (streams, epoch) => match items(streams) {
            Ok(items) => Ok((items, epoch)),
            Err(error) => Err(error.to_string()),
        },
    }
}

fn items(streams: Value) -> Result<Vec<(ItemId, Item)>, BadAnswer> {
    let mut stream = Parts::of(streams)?.next_parts()?;
    let _name: Value = stream.next()?;
    let mut parts = stream.next_parts()?;
    let mut items = Vec::new();
    while !parts.is_empty() {
        items.push(Item::read(parts.next_parts()?)?);
    }
    Ok(items)
}
