//! What is kept, and for how long.

use super::*;

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
