//! A server with a store that holds more than memory: pages, streams, changes and bans
//! reach all of it.

use std::time::SystemTime;

use rusqlite::Connection;

use super::*;
use crate::chat::test_reader::{TestDelivery, TestReader};
use crate::chat::{
    Author, BanError, Change, ChangeError, Draft, Entry, EventForm, Fingerprint, Gap, GapReason,
    HistoryQuery, HistoryUnavailable, Published, Requester, RoomList, SubscribeOptions,
};
use crate::protocol::{Backlog, Cursor, EditKey, Emoji, EventId, MessageText, RoomName, UserName};
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
            author: author(),
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
            author: author(),
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

fn author() -> Author {
    let key = EditKey::parse("0123456789abcdef").unwrap();
    Author {
        edit_key: Some(Fingerprint::of_edit_key(&key)),
        address: Some("192.0.2.1".parse().unwrap()),
        ..Author::default()
    }
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

#[tokio::test]
async fn a_page_is_the_same_wherever_its_messages_are() {
    let folder = TestFolder::new();
    let mut server = Server::start(&folder);
    let ids = server.fill(30).await;
    for _ in 0..2 {
        assert_eq!(server.all().await, numbers(11..=30));
        let page = server
            .hub
            .page_with_store(&name("a"), query(None, None, 1))
            .await
            .unwrap();
        assert_eq!((page.oldest, page.newest), (Some(ids[10]), Some(ids[29])));
        for limit in [1, 4, 7, 25] {
            for at in 1..=30 {
                let id = Some(ids[at - 1]);
                let after = server.page(query(id, None, limit)).await.unwrap();
                let first = (at + 1).max(11);
                assert_eq!(
                    after,
                    numbers(first..=30.min(first + limit - 1)),
                    "after {at}"
                );
                let before = server.page(query(None, id, limit)).await.unwrap();
                let first = at.saturating_sub(limit).max(11);
                assert_eq!(before, numbers(first..=at - 1), "before {at}");
                let between = server.page(query(Some(ids[12]), id, limit)).await.unwrap();
                assert_eq!(
                    between,
                    numbers(14..=(at - 1).min(13 + limit)),
                    "13 to {at}"
                );
            }
        }
        drop(server);
        server = Server::start(&folder);
    }
}

#[tokio::test]
async fn a_stream_resumes_from_the_store_and_goes_on_from_memory() {
    let folder = TestFolder::new();
    let mut server = Server::start(&folder);
    let ids = server.fill(30).await;
    for round in 0..2 {
        for at in 1..=29 {
            let (gaps, texts) = server.read(Some(Cursor::Id(ids[at - 1])), ids[29]).await;
            let first = (at + 1).max(11);
            assert_eq!(texts, numbers(first..=30), "after {at}");
            assert_eq!(gaps.len(), usize::from(at < 10), "after {at}");
            for gap in gaps {
                assert_eq!((gap.reason, gap.next), (GapReason::Evicted, 11));
                // What was evicted before the start is not known one by one.
                let lost = (round == 0).then_some(10 - at as u64);
                assert_eq!(gap.lost, lost, "after {at}");
                assert_eq!(gap.cursor, Cursor::Id(ids[9]));
            }
        }
        let (gaps, texts) = server.read(None, ids[29]).await;
        assert_eq!((gaps.len(), texts), (0, numbers(11..=30)));
        let (gaps, texts) = server.read(Some(Cursor::Unknown), ids[29]).await;
        assert_eq!((gaps.len(), texts), (1, numbers(11..=30)));
        drop(server);
        server = Server::start(&folder);
    }
}

#[tokio::test]
async fn a_backlog_reaches_back_into_the_store() {
    let folder = TestFolder::new();
    let server = Server::start(&folder);
    let ids = server.fill(30).await;
    for (count, first) in [(3, 28), (5, 26), (6, 25), (12, 19), (20, 11), (50, 11)] {
        let options = SubscribeOptions {
            backlog: Backlog::Last(count),
            ..SubscribeOptions::to(RoomList::new([name("a")]).unwrap())
        };
        let mut reader = TestReader::of(&server.hub, server.hub.subscribe(options).unwrap());
        for number in first..=30 {
            match reader.next().await {
                TestDelivery::Entry(entry) => assert_eq!(entry.id(), ids[number - 1]),
                other => panic!("{count}: {other:?}"),
            }
        }
    }
}

#[tokio::test]
async fn a_stream_of_several_rooms_has_the_order_of_ids_over_store_and_memory() {
    let folder = TestFolder::new();
    let server = Server::start(&folder);
    let start = Cursor::Id(EventId {
        epoch: server.hub.epoch(),
        seq: 0,
    });
    for number in 0..40 {
        let room = ["a", "a", "b", "c", "a"][number % 5];
        server.say(room, &number.to_string()).await;
    }
    let mut reader = server.reader(&["c", "a", "b"], Some(start));
    let (mut seqs, mut gaps) = (Vec::new(), 0);
    while seqs.last() != Some(&40) {
        match reader.next().await {
            TestDelivery::Entry(entry) => seqs.push(entry.seq()),
            TestDelivery::Gap(gap) => {
                assert_eq!((gap.room, gap.lost), (name("a"), Some(4)));
                gaps += 1;
            }
            other => panic!("{other:?}"),
        }
    }
    let held = (1..=40).filter(|seq| ![1, 2, 5, 6].contains(seq));
    assert_eq!((seqs, gaps), (held.collect::<Vec<_>>(), 1));
}

#[tokio::test]
async fn an_older_message_can_be_changed_and_its_author_banned() {
    let folder = TestFolder::new();
    let mut server = Server::start(&folder);
    let ids = server.fill(30).await;
    let edited = server.change(ids[11], edit("edited")).await.unwrap();
    assert_eq!(text(edited.entry()), "edited");
    let again = server.change(ids[11], edit("edited")).await.unwrap();
    assert!(matches!(again, Published::Duplicate(_)));
    let thumb = Emoji::parse("👍").unwrap();
    let react = Change::React(thumb, UserName::parse("Bob").unwrap());
    server.change(ids[12], react).await.unwrap();
    server.change(ids[13], Change::Delete).await.unwrap();
    assert_eq!(
        server.change(ids[13], edit("no")).await.unwrap_err(),
        ChangeError::NotFound
    );
    assert_eq!(
        server.change(ids[9], edit("no")).await.unwrap_err(),
        ChangeError::NotFound,
        "it is evicted"
    );
    let until = SystemTime::now() + Duration::from_secs(60);
    let ban = server.hub.ban_with_store(&name("a"), ids[14], until).await;
    ban.unwrap().done().await.unwrap();
    assert!(server.hub.is_banned(&name("a"), &author()));
    let lifted = server.hub.lift_ban_with_store(&name("a"), ids[14]).await;
    lifted.unwrap().unwrap().done().await.unwrap();
    let evicted = server.hub.ban_with_store(&name("a"), ids[3], until).await;
    assert_eq!(evicted.unwrap_err(), BanError::NotFound);
    for _ in 0..2 {
        // The three changes took the places of the three oldest entries.
        let all = server.all().await;
        assert_eq!(all.len(), 17);
        assert!(all[0].contains("\"deleted\":true"), "{}", all[0]);
        assert_eq!(all[1..], numbers(15..=30));
        drop(server);
        server = Server::start(&folder);
    }
    let later = server.change(ids[25], edit("later")).await.unwrap();
    // More than memory holds: the changes are in the store only.
    for number in 31..=36 {
        server.say("a", &number.to_string()).await;
    }
    let latest = server.change(ids[25], edit("latest")).await.unwrap();
    assert!(latest.entry().seq() > later.entry().seq());
    assert!(server.all().await.contains(&"latest".to_owned()));
}

#[tokio::test]
async fn nothing_is_left_of_an_older_message_that_was_deleted() {
    let folder = TestFolder::new();
    let server = Server::start(&folder);
    let secret = server.say("a", "a secret 7261").await.id();
    server.fill(10).await;
    server.change(secret, Change::Delete).await.unwrap();
    drop(server);
    for (file, bytes) in folder.files() {
        let found = bytes.windows(4).any(|window| window == b"7261");
        assert!(!found, "{file}");
    }
}

#[tokio::test]
async fn a_read_that_is_older_than_a_change_counts_for_nothing() {
    let folder = TestFolder::new();
    let server = Server::start(&folder);
    let ids = server.fill(10).await;
    let planned = server.hub.plan_page(&name("a"), query(None, None, 10));
    let read = || async {
        let found = server.store.reads.ask(planned.unread.clone()).unwrap();
        let found = found.await.unwrap();
        crate::chat::stored_entries::StoredEntries::new(&planned.unread, found, planned.as_of)
    };
    let before = read().await;
    server.change(ids[0], Change::Delete).await.unwrap();
    let again = server.hub.plan_page(&name("a"), query(None, None, 10));
    assert!(again.complete(&server.hub.lock(), &before).is_none());
    let all = server.all().await;
    assert!(all[0].contains("\"deleted\":true"), "{}", all[0]);
    // What is not changed is not read again, however much arrives.
    server.fill(2 * MEMORY).await;
    let other = server
        .hub
        .plan_page(&name("a"), query(Some(ids[1]), None, 1));
    assert!(other.complete(&server.hub.lock(), &before).is_some());
}

#[tokio::test]
async fn the_budget_of_the_store_is_kept_at_the_cost_of_the_largest_room() {
    let folder = TestFolder::new();
    let mut server = Server::with(
        &folder,
        HubLimits {
            stored_history: 1000,
            stored_history_budget: 10_000,
            ..limits()
        },
    );
    for number in 0..7 {
        server.say("b", &number.to_string()).await;
    }
    server.fill(100).await;
    for _ in 0..2 {
        let totals = server.hub.totals();
        assert!((5000..=10_000).contains(&totals.older_bytes), "{totals:?}");
        assert_eq!(totals.history_entries, 2 * MEMORY);
        let all = server.all().await;
        assert_eq!(all.len(), totals.older_entries - 2 + MEMORY);
        assert_eq!(all.last().unwrap(), "100");
        let page = server
            .hub
            .page_with_store(&name("b"), query(None, None, 500))
            .await;
        assert_eq!(
            page.unwrap().entries.len(),
            7,
            "the small room keeps its own"
        );
        // While there is a hub: what it evicted last is stored, too.
        server.store.close();
        drop(server);
        server = Server::with(
            &folder,
            HubLimits {
                stored_history: 1000,
                stored_history_budget: 10_000,
                ..limits()
            },
        );
    }
    let older = server.hub.totals().older_entries;
    assert_eq!(server.store.loaded().excess, 0);
    server.store.close();
    drop(server);
    let lower = HubLimits {
        stored_history: 1000,
        stored_history_budget: 2000,
        ..limits()
    };
    let server = Server::with(&folder, lower);
    let excess = older - server.hub.totals().older_entries;
    assert!(excess > 0);
    assert_eq!(server.store.loaded().excess, excess);
}

#[tokio::test]
async fn a_start_with_a_lower_limit_deletes_what_exceeds_it() {
    let folder = TestFolder::new();
    drop({
        let server = Server::start(&folder);
        server.fill(30).await;
        server.store.close();
        server
    });
    for (stored, first, excess) in [(12, 19, 8), (STORED, 19, 0), (0, 26, 7), (STORED, 26, 0)] {
        let server = Server::with(
            &folder,
            HubLimits {
                stored_history: stored,
                ..limits()
            },
        );
        assert_eq!(server.store.loaded().excess, excess, "{stored}");
        assert_eq!(server.all().await, numbers(first..=30), "{stored}");
        server.store.close();
    }
}

#[tokio::test]
async fn an_unreadable_entry_is_a_gap_for_a_stream_and_an_error_for_a_page() {
    let folder = TestFolder::new();
    let server = Server::start(&folder);
    let ids = server.fill(30).await;
    let other = Connection::open(folder.path().join("history.sqlite3")).unwrap();
    let damage = "UPDATE entries SET state = state || ' ' WHERE number = 20";
    assert_eq!(other.execute(damage, []).unwrap(), 1);
    drop(other);
    assert_eq!(
        server.page(query(None, None, 500)).await,
        Err(HistoryUnavailable)
    );
    let newest = query(Some(ids[20]), None, 500);
    assert_eq!(server.page(newest).await.unwrap(), numbers(22..=30));
    let totals = server.store.totals();
    assert!(totals.failed_reads > 0);
    assert_eq!(totals.refused_reads, 0);
    let (gaps, texts) = server.read(Some(Cursor::Id(ids[14])), ids[29]).await;
    assert_eq!(texts, [numbers(16..=19), numbers(21..=30)].concat());
    let [gap] = &gaps[..] else {
        panic!("{gaps:?}");
    };
    assert_eq!((gap.reason, gap.lost), (GapReason::Evicted, Some(1)));
    assert_eq!((gap.next, gap.cursor), (21, Cursor::Id(ids[19])));
    let error = server.hub.take_read_error().unwrap().to_string();
    assert!(error.contains("entry 20"), "{error}");
    let edited = server.change(ids[19], edit("no")).await.unwrap_err();
    assert_eq!(edited, ChangeError::HistoryUnavailable(HistoryUnavailable));
}

#[tokio::test]
async fn an_entry_is_byte_for_byte_the_same_from_the_store() {
    let folder = TestFolder::new();
    let server = Server::start(&folder);
    let id = server.say("a", "1").await;
    let mut live = server.reader(&["a"], None);
    let TestDelivery::Entry(first) = live.next().await else {
        panic!("an entry");
    };
    server.fill(MEMORY).await;
    let mut late = server.reader(&["a"], None);
    let TestDelivery::Entry(stored) = late.next().await else {
        panic!("an entry");
    };
    for form in [EventForm::Raw, EventForm::Json] {
        assert_eq!(first.event(form).chunk(), stored.event(form).chunk());
    }
    assert_eq!(id.json(), stored.json());
}

#[tokio::test]
async fn a_gap_says_the_next_number_however_much_the_store_holds() {
    let folder = TestFolder::new();
    let limits = HubLimits {
        stored_history: 1500,
        ..limits()
    };
    let server = Server::with(&folder, limits);
    server.fill(1600).await;
    let mut reader = server.reader(&["a"], Some(Cursor::Unknown));
    let TestDelivery::Gap(gap) = reader.next().await else {
        panic!("a gap is first");
    };
    let TestDelivery::Entry(first) = reader.next().await else {
        panic!("an entry follows");
    };
    assert_eq!((gap.next, first.number()), (101, Some(101)));
}

#[tokio::test]
async fn the_change_of_an_evicted_message_can_be_deleted() {
    let folder = TestFolder::new();
    let limits = HubLimits {
        history: 3,
        stored_history: 8,
        ..limits()
    };
    let server = Server::with(&folder, limits);
    let ids = server.fill(3).await;
    server.change(ids[0], edit("edited")).await.unwrap();
    let last = server.fill(6).await[5];
    let texts = || async { server.read(Some(Cursor::Id(ids[2])), last).await.1 };
    assert_eq!(texts().await[0], "edited");
    let deleted = server.change(ids[0], Change::Delete).await.unwrap();
    let deleted = deleted.entry().id();
    let (_, texts) = server.read(Some(Cursor::Id(ids[2])), deleted).await;
    assert!(!texts.contains(&"edited".to_owned()), "{texts:?}");
    assert!(texts[6].contains("\"deleted\":true"), "{texts:?}");
}

#[tokio::test]
async fn changes_that_were_replaced_evict_nothing() {
    let folder = TestFolder::new();
    let limits = HubLimits {
        history: 3,
        ..limits()
    };
    let server = Server::with(&folder, limits);
    let ids = server.fill(15).await;
    for round in 0..10 {
        for id in &ids[11..] {
            let thumb = Emoji::parse("👍").unwrap();
            let change = match round % 2 {
                0 => Change::React(thumb, UserName::parse("Bob").unwrap()),
                _ => Change::TakeBack(thumb),
            };
            server.change(*id, change).await.unwrap();
        }
    }
    assert_eq!(server.all().await, numbers(1..=15));
    let totals = server.hub.totals();
    assert_eq!((totals.older_entries, totals.history_entries), (16, 3));
}

#[tokio::test]
async fn a_limit_that_equals_that_of_memory_leaves_nothing_unread() {
    let folder = TestFolder::new();
    let limits = HubLimits {
        history: 20,
        history_bytes: 3000,
        ..limits()
    };
    let server = Server::with(&folder, limits);
    let ids = server.fill(30).await;
    assert_eq!(server.all().await, numbers(11..=30));
    assert!(server.hub.totals().older_entries > 0);
    let (gaps, texts) = server.read(Some(Cursor::Id(ids[14])), ids[29]).await;
    assert_eq!((gaps.len(), texts), (0, numbers(16..=30)));
}

#[tokio::test]
async fn a_stream_from_a_store_that_was_closed_gets_no_gap() {
    let folder = TestFolder::new();
    let server = Server::start(&folder);
    let ids = server.fill(10).await;
    server.store.close();
    let mut reader = server.reader(&["a"], Some(Cursor::Id(ids[0])));
    for _ in 0..100 {
        assert!(reader.now().is_none());
        tokio::task::yield_now().await;
    }
}
