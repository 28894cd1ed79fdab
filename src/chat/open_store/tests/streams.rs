//! Streams that resume, and those that begin.

use super::*;

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
