//! Pages of history.

use super::*;

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
