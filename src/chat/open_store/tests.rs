//! A server with a store that holds more than memory: pages, streams, changes and bans
//! reach all of it.

mod changes;
mod limits;
mod pages;
mod streams;

use std::time::SystemTime;

use rusqlite::Connection;

use super::*;
use crate::chat::test_reader::{TestDelivery, TestReader};
use crate::chat::{
    Author, BanError, Change, ChangeError, Draft, Entry, EventForm, Gap, GapReason, HistoryQuery,
    HistoryUnavailable, Published, Requester, RoomList, SubscribeOptions,
};
use crate::protocol::{Backlog, Cursor, Emoji, EventId, MessageText, RoomName, UserName};
use crate::test_folder::TestFolder;

/// Entries of a room in memory, and in all.
const MEMORY: usize = 5;
const STORED: usize = 20;

struct Server {
    hub: Arc<Hub>,
    store: OpenStore,
}

impl Server {
    fn start(folder: &TestFolder) -> Self {
        Self::with(folder, limits())
    }

    fn with(folder: &TestFolder, limits: HubLimits) -> Self {
        let settings = DataSettings::default();
        let (hub, store) = OpenStore::open(folder.path(), limits, &settings).unwrap();
        Self { hub, store }
    }

    async fn say(&self, room: &str, text: &str) -> Entry {
        let text = MessageText::parse(text, 1 << 20).unwrap();
        let draft = Draft {
            author: Author::for_test(),
            ..Draft::new(UserName::parse("Alice").unwrap(), text)
        };
        let published = self.hub.publish(&name(room), draft).unwrap();
        published.durable().await.unwrap().entry().clone()
    }

    /// Publishes the messages 1 to `count` in room a.
    async fn fill(&self, count: usize) -> Vec<EventId> {
        let mut ids = Vec::new();
        for number in 1..=count {
            ids.push(self.say("a", &number.to_string()).await.id());
        }
        ids
    }

    async fn change(&self, item: EventId, change: Change) -> Result<Published, ChangeError> {
        let requester = Requester {
            author: Author::for_test(),
            may_moderate: true,
        };
        let room = name("a");
        let changed = self.hub.change_with_store(&room, item, &change, &requester);
        Ok(changed.await?.durable().await?)
    }

    /// The texts of a page.
    async fn page(&self, query: HistoryQuery) -> Result<Vec<String>, HistoryUnavailable> {
        let page = self.hub.page_with_store(&name("a"), query).await?;
        Ok(page.entries.iter().map(text).collect())
    }

    async fn all(&self) -> Vec<String> {
        self.page(query(None, None, 500)).await.unwrap()
    }

    fn reader(&self, rooms: &[&str], cursor: Option<Cursor>) -> TestReader {
        let options = SubscribeOptions {
            cursor,
            backlog: Backlog::All,
            ..SubscribeOptions::to(RoomList::new(rooms.iter().map(|room| name(room))).unwrap())
        };
        TestReader::of(&self.hub, self.hub.subscribe(options).unwrap())
    }

    /// What a reader gets up to the entry `last`: gaps, and the texts of entries.
    async fn read(&self, cursor: Option<Cursor>, last: EventId) -> (Vec<Gap>, Vec<String>) {
        let mut reader = self.reader(&["a"], cursor);
        let (mut gaps, mut texts) = (Vec::new(), Vec::new());
        loop {
            match reader.next().await {
                TestDelivery::Gap(gap) => gaps.push(gap),
                TestDelivery::Entry(entry) => {
                    texts.push(text(&entry));
                    if entry.id() == last {
                        return (gaps, texts);
                    }
                }
                other => panic!("{other:?}"),
            }
        }
    }
}

fn limits() -> HubLimits {
    HubLimits {
        history: MEMORY,
        stored_history: STORED,
        ..HubLimits::default()
    }
}

fn name(room: &str) -> RoomName {
    RoomName::parse(room).unwrap()
}

fn query(after: Option<EventId>, before: Option<EventId>, limit: usize) -> HistoryQuery {
    HistoryQuery {
        after: after.map(Cursor::Id),
        before: before.map(Cursor::Id),
        limit,
    }
}

fn edit(text: &str) -> Change {
    Change::Edit(MessageText::parse(text, 100).unwrap())
}

fn text(entry: &Entry) -> String {
    let json: serde_json::Value = serde_json::from_slice(&entry.json()).unwrap();
    let text = json["message"].as_str();
    text.map_or_else(|| json.to_string(), str::to_owned)
}

fn numbers(range: std::ops::RangeInclusive<usize>) -> Vec<String> {
    range.map(|number| number.to_string()).collect()
}
