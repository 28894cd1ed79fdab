//! A reader of several rooms gets nothing of a batch that skips lost entries before the
//! evictions are durable: after a crash they would be in history again, before its
//! cursor.

use std::num::NonZeroUsize;
use std::time::Instant;

use super::*;
use crate::chat::{Delivery, Progress, ReplayBucket, ReplayBudget, SteppedCommitter};
use crate::test_folder::TestFolder;

/// A server whose commits are steps, and the history of which is in `folder`.
struct Server {
    hub: Arc<Hub>,
    committer: SteppedCommitter,
    folder: TestFolder,
}

impl Server {
    /// A room holds one entry.
    fn new() -> Self {
        Self::open(TestFolder::new(), 1)
    }

    fn open(folder: TestFolder, history: usize) -> Self {
        let limits_of = Hub::new(limits_with(history));
        let (hub, committer) = SteppedCommitter::open(folder.path(), &limits_of, 1 << 20, false);
        Self {
            hub,
            committer,
            folder,
        }
    }

    /// Rooms a and b have gaps for a reader that has seq 2: room a at 4, and room b at 5,
    /// for 3 and 5. The evictions are not durable.
    fn with_gaps() -> Self {
        let mut server = Self::new();
        server.publish(&["a", "b"]);
        server.commit();
        server.committer.tidy();
        server.publish(&["b", "a", "b", "a", "b"]);
        server.commit();
        server
    }

    fn publish(&self, rooms: &[&str]) {
        for name in rooms {
            let published = self.hub.publish(&room(name), draft("hi", None));
            drop(published.unwrap());
        }
    }

    /// One commit. The evictions that follow from it are not among its records.
    fn commit(&mut self) {
        self.committer.take();
        self.committer.commit();
        self.committer.show();
    }

    fn subscribe(&self, rooms: &[&str], seq: u64) -> Subscription {
        let options = SubscribeOptions {
            cursor: Some(Cursor::Id(id(&self.hub, seq))),
            ..options(rooms, None)
        };
        self.hub.subscribe(options).unwrap()
    }

    fn reader(&self, rooms: &[&str], seq: u64) -> TestReader {
        TestReader::of(&self.hub, self.subscribe(rooms, seq))
    }

    /// The process is killed, and a server with more history starts.
    fn crash(self) -> Self {
        self.committer.crash();
        Self::open(self.folder, 10)
    }
}

fn limits_with(history: usize) -> HubLimits {
    HubLimits {
        history,
        ..limits()
    }
}

/// A gap or an entry: its room or nothing, and its seq.
fn seen(delivery: TestDelivery) -> (String, u64) {
    match delivery {
        TestDelivery::Entry(entry) => (String::new(), entry.seq()),
        TestDelivery::Gap(gap) => match gap.cursor {
            Cursor::Id(id) => (gap.room.as_str().to_owned(), id.seq),
            Cursor::Unknown => panic!("{gap:?}"),
        },
        other => panic!("{other:?}"),
    }
}

/// Everything that the reader gets now.
fn all(reader: &mut TestReader) -> Vec<(String, u64)> {
    std::iter::from_fn(|| reader.now()).map(seen).collect()
}

fn gap(room: &str, seq: u64) -> (String, u64) {
    (room.to_owned(), seq)
}

fn entry(seq: u64) -> (String, u64) {
    (String::new(), seq)
}

#[tokio::test(start_paused = true)]
async fn a_batch_waits_until_the_evictions_are_durable() {
    let mut server = Server::with_gaps();
    let mut reader = server.reader(&["a", "b"], 2);
    assert_eq!(all(&mut reader), []);
    assert!(server.committer.take());
    assert_eq!(all(&mut reader), []);
    server.committer.commit();
    assert_eq!(all(&mut reader), []);
    server.committer.show();
    let whole = [gap("a", 4), gap("b", 5), entry(6), entry(7)];
    assert_eq!(all(&mut reader), whole);
    server.publish(&["a"]);
    server.commit();
    assert_eq!(all(&mut reader), [entry(8)], "it is live");
}

#[tokio::test(start_paused = true)]
async fn a_crash_after_the_first_gap_leaves_the_second_one_due() {
    let mut server = Server::with_gaps();
    let mut reader = server.reader(&["a", "b"], 2);
    assert!(reader.now().is_none());
    server.commit();
    assert_eq!(reader.now().map(seen), Some(gap("a", 4)));
    drop(reader);
    let server = server.crash();
    let mut reader = server.reader(&["a", "b"], 4);
    assert_eq!(all(&mut reader), [gap("b", 5), entry(6), entry(7)]);
}

#[tokio::test(start_paused = true)]
async fn a_crash_before_the_evictions_are_durable_loses_nothing() {
    let server = Server::with_gaps();
    let mut reader = server.reader(&["a", "b"], 2);
    assert!(reader.now().is_none());
    drop(reader);
    let server = server.crash();
    let mut reader = server.reader(&["a", "b"], 2);
    assert_eq!(all(&mut reader), [3, 4, 5, 6, 7].map(entry));
}

#[tokio::test(start_paused = true)]
async fn evictions_that_are_durable_delay_nothing() {
    let mut server = Server::with_gaps();
    server.commit();
    server.committer.tidy();
    let mut reader = server.reader(&["a", "b"], 2);
    assert_eq!(all(&mut reader).len(), 4);
}

#[tokio::test(start_paused = true)]
async fn the_excess_of_a_start_is_an_eviction_that_is_not_durable() {
    let folder = TestFolder::new();
    let mut server = Server::open(folder, 10);
    server.publish(&["a", "b", "b", "a", "b", "a", "b"]);
    server.commit();
    server.committer.close();
    let mut server = Server::open(server.folder, 1);
    let mut reader = server.reader(&["a", "b"], 2);
    assert_eq!(all(&mut reader), []);
    server.commit();
    assert_eq!(all(&mut reader).len(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_gap_that_comes_first_needs_no_wait() {
    let server = Server::with_gaps();
    let mut reader = server.reader(&["b"], 2);
    assert_eq!(all(&mut reader), [gap("b", 5), entry(7)]);
}

#[tokio::test(start_paused = true)]
async fn busy_rooms_do_not_starve_a_reader() {
    let mut server = Server::with_gaps();
    let mut reader = server.reader(&["a", "b"], 2);
    let mut last = 2;
    for round in 0..20 {
        assert_eq!(all(&mut reader), [], "round {round}");
        server.publish(&["b", "a", "b", "a", "b"]);
        server.commit();
        let batch = all(&mut reader);
        assert_eq!(batch.len(), 4, "round {round}: {batch:?}");
        let seqs: Vec<_> = batch.iter().map(|(_, seq)| *seq).collect();
        assert!(seqs.is_sorted() && seqs[0] > last, "{seqs:?} after {last}");
        last = seqs[3];
    }
    server.commit();
    assert_eq!(all(&mut reader).len(), 4);
    server.publish(&["a"]);
    server.commit();
    assert_eq!(all(&mut reader).len(), 1, "it is live");
}

#[tokio::test(start_paused = true)]
async fn a_store_that_failed_releases_no_batch() {
    let server = Server::with_gaps();
    let mut early = server.reader(&["a", "b"], 2);
    assert_eq!(all(&mut early), []);
    assert!(!early.subscription().has_failed());
    server.hub.close_log();
    let mut late = server.reader(&["a", "b"], 2);
    for reader in [&mut early, &mut late] {
        assert_eq!(all(reader), []);
        assert!(reader.subscription().has_failed());
    }
    assert_eq!(all(&mut server.reader(&["b"], 2)).len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_batch_whose_wait_is_over_draws_from_the_replay_budget() {
    let mut server = Server::with_gaps();
    let now = Instant::now();
    let rate = NonZeroUsize::new(1000).unwrap();
    let budget = ReplayBudget::new([Arc::new(ReplayBucket::new(rate, 0, now))]);
    let mut subscription = server.subscribe(&["a", "b"], 2);
    subscription.limit_replay(budget.clone());
    let Progress::Paused(until) = subscription.catch_up(now) else {
        panic!("it is held");
    };
    assert!(until > now && until < now + Duration::from_millis(100));
    server.commit();
    budget.draw_now(5000, Duration::ZERO, now).unwrap();
    let Progress::Paused(until) = subscription.catch_up(now) else {
        panic!("the budget is used up");
    };
    assert_eq!(until, now + Duration::from_secs(5));
    // It is the same batch.
    server.publish(&["b", "a", "b", "a", "b"]);
    server.commit();
    assert!(matches!(subscription.catch_up(until), Progress::More));
    let last = subscription.ready().last();
    assert!(matches!(last, Some(Delivery::Entry(entry)) if entry.seq() == 7));
    assert_eq!(subscription.ready().count(), 4);
}

#[tokio::test(start_paused = true)]
async fn in_memory_nothing_waits() {
    let hub = Hub::new(limits_with(1));
    for name in ["a", "b", "b", "a", "b", "a", "b"] {
        publish_text(&hub, name, "hi");
    }
    let options = SubscribeOptions {
        cursor: Some(Cursor::Id(id(&hub, 2))),
        ..options(&["a", "b"], None)
    };
    let mut reader = TestReader::of(&hub, hub.subscribe(options).unwrap());
    let whole = [gap("a", 4), gap("b", 5), entry(6), entry(7)];
    assert_eq!(all(&mut reader), whole);
}
