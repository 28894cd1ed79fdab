//! Readers with a replay budget: they get no more than it allows, nothing is lost,
//! and other readers are not delayed.

use std::num::NonZeroUsize;

use super::*;
use crate::chat::{ReplayBucket, ReplayBudget};

const SECOND: Duration = Duration::from_secs(1);
/// The most by which a replay exceeds its budget: one read, and its last event.
const ONE_READ: usize = 64 * 1024 + 2048;

/// Publishes `messages` messages of about 1 KiB in room `a`.
fn fill(worker: &TestWorker, messages: usize) {
    let long = "x".repeat(850);
    (1..=messages).for_each(|n| worker.publish("a", &format!("n {n} {long}")));
}

fn budget(worker: &TestWorker, rate: usize, burst: usize) -> ReplayBudget {
    let rate = NonZeroUsize::new(rate).unwrap();
    ReplayBudget::new([Arc::new(ReplayBucket::new(rate, burst, worker.now))])
}

/// A reader of all that was published in room `a`, which draws on `budget`.
fn returning(worker: &mut TestWorker, budget: &ReplayBudget) -> (usize, FakeClient) {
    let (token, client) = worker.add(paced(&worker.app, budget));
    client.wire.borrow_mut().room = usize::MAX;
    (token, client)
}

/// A subscription to all that was published in room `a`, which draws on `budget`.
pub(in super::super) fn paced(app: &App, budget: &ReplayBudget) -> Subscription {
    let mut subscription = from_the_start(app);
    subscription.limit_replay(budget.clone());
    subscription
}

fn waiting(worker: &TestWorker) -> usize {
    worker.app.hub.totals().replays_waiting
}

#[test]
fn readers_that_share_a_budget_get_its_burst_and_its_rate_and_all_messages() {
    let mut worker = TestWorker::new(|_| {});
    fill(&worker, 500);
    let (rate, burst) = (64 * 1024, 128 * 1024);
    let budget = budget(&worker, rate, burst);
    let mut clients: Vec<FakeClient> = (0..3).map(|_| returning(&mut worker, &budget).1).collect();
    let mut got = vec![String::new(); 3];
    let mut elapsed = 0;
    loop {
        worker.work();
        for (got, client) in got.iter_mut().zip(&mut clients) {
            *got += &text(client);
        }
        let bytes: usize = got.iter().map(String::len).sum();
        assert!(
            bytes <= burst + rate * elapsed + ONE_READ,
            "{bytes} bytes after {elapsed} s"
        );
        assert!(got.iter().all(|got| got.contains("event: hello\n")));
        if got.iter().all(|got| numbers(got).len() == 500) {
            break;
        }
        assert!(waiting(&worker) > 0 && elapsed < 30, "{elapsed} s");
        worker.pass(SECOND);
        elapsed += 1;
    }
    assert!(elapsed > 15, "1.5 MB took {elapsed} s");
    assert_eq!(waiting(&worker), 0);
    for got in &got {
        assert_eq!(numbers(got), (1..=500).collect::<Vec<_>>());
    }
}

#[test]
fn a_paused_reader_delays_no_live_reader_and_gets_what_is_published_meanwhile() {
    let mut worker = TestWorker::new(|_| {});
    fill(&worker, 200);
    let budget = budget(&worker, 16 * 1024, 0);
    let mut live = worker.reader("a").1;
    let mut paced = returning(&mut worker, &budget).1;
    worker.work();
    let mut got = text(&mut paced);
    for n in 201..=230 {
        worker.publish("a", &format!("n {n}"));
        worker.work();
        assert_eq!(numbers(&text(&mut live)), [n]);
        worker.pass(SECOND);
        got += &text(&mut paced);
    }
    assert_eq!(numbers(&got), (1..=230).collect::<Vec<_>>());
    worker.publish("a", "n 231");
    worker.work();
    assert_eq!(numbers(&text(&mut paced)), [231], "it is live");
}

#[test]
fn a_paused_reader_is_pinged_and_not_closed_as_stalled() {
    let mut worker = TestWorker::new(|config| {
        config.ping = Duration::from_secs(15);
        config.limits.stall = Duration::from_secs(30);
    });
    fill(&worker, 150);
    let budget = budget(&worker, 1024, 0);
    let mut paced = returning(&mut worker, &budget).1;
    worker.work();
    let mut got = text(&mut paced);
    let first = numbers(&got).len();
    assert!((50..100).contains(&first), "{first}");
    let mut silence = 0;
    for _ in 0..60 {
        worker.pass(SECOND);
        match &*text(&mut paced) {
            "" => silence += 1,
            "event: ping\ndata:\n\n" => silence = 0,
            other => panic!("{other}"),
        }
        assert!(silence <= 15);
    }
    for _ in 0..90 {
        worker.pass(SECOND);
        got += &text(&mut paced);
    }
    assert_eq!(numbers(&got), (1..=150).collect::<Vec<_>>());
    assert_eq!(worker.app.stalled.load(Ordering::Relaxed), 0);
}

#[test]
fn a_paused_reader_whose_socket_is_full_waits_for_its_socket_only() {
    let mut worker = TestWorker::new(|config| config.ping = Duration::from_secs(15));
    fill(&worker, 150);
    let budget = budget(&worker, 1024, 0);
    let (token, mut paced) = returning(&mut worker, &budget);
    worker.work();
    let mut got = text(&mut paced);
    paced.wire.borrow_mut().room = 0;
    // A ping is due, which the socket does not take.
    (0..15).for_each(|_| worker.pass(SECOND));
    assert!(worker.readers.table.first_pause().is_some());
    worker.readers.writable(token);
    worker.work();
    assert_eq!(worker.readers.table.first_pause(), None);
    paced.wire.borrow_mut().room = usize::MAX;
    worker.readers.writable(token);
    worker.work();
    assert!(worker.readers.table.first_pause().is_some());
    (0..150).for_each(|_| worker.pass(SECOND));
    got += &text(&mut paced);
    assert_eq!(numbers(&got), (1..=150).collect::<Vec<_>>());
    assert_eq!(worker.readers.table.first_pause(), None);
}

#[test]
fn a_reader_with_nothing_to_replay_is_not_paused() {
    let mut worker = TestWorker::new(|_| {});
    fill(&worker, 100);
    let budget = budget(&worker, 1024, 0);
    let (_, _paced) = returning(&mut worker, &budget);
    worker.work();
    assert_eq!(waiting(&worker), 1);
    let mut subscription = worker.subscribe(&["a"], None);
    subscription.limit_replay(budget);
    let (_, mut client) = worker.add(subscription);
    client.wire.borrow_mut().room = usize::MAX;
    worker.work();
    worker.publish("a", "n 101");
    worker.work();
    assert_eq!(numbers(&text(&mut client)), [101]);
}

#[test]
fn a_slow_socket_spends_only_the_budget_of_what_it_takes() {
    let mut worker = TestWorker::new(|_| {});
    fill(&worker, 60);
    let budget = budget(&worker, 1024, 70 * 1024);
    let (token, mut slow) = returning(&mut worker, &budget);
    let mut got = String::new();
    for _ in 0..200 {
        slow.wire.borrow_mut().room = 500;
        worker.readers.writable(token);
        worker.work();
        got += &text(&mut slow);
    }
    assert_eq!(numbers(&got), (1..=60).collect::<Vec<_>>());
    assert_eq!(waiting(&worker), 0);
}

#[test]
fn a_paused_reader_that_leaves_returns_its_budget() {
    let mut worker = TestWorker::new(|_| {});
    fill(&worker, 100);
    let budget = budget(&worker, 64 * 1024, 0);
    let (_, mut first) = returning(&mut worker, &budget);
    worker.work();
    for _ in 0..20 {
        let (token, client) = returning(&mut worker, &budget);
        worker.work();
        worker.hang_up(token, &client);
    }
    assert_eq!(waiting(&worker), 1);
    worker.pass(2 * SECOND);
    let got = text(&mut first);
    assert_eq!(numbers(&got), (1..=100).collect::<Vec<_>>());
    assert_eq!(worker.readers.table.first_pause(), None, "no pause is left");
}

#[test]
fn a_paused_reader_gets_everything_and_bye_when_the_server_drains() {
    let mut worker = TestWorker::new(|_| {});
    fill(&worker, 200);
    let budget = budget(&worker, 1024, 0);
    let mut paced = returning(&mut worker, &budget).1;
    worker.work();
    let mut got = text(&mut paced);
    assert_eq!(waiting(&worker), 1);
    worker.app.draining.begin(Duration::ZERO);
    worker.readers.drain(worker.now);
    worker.readers.end_due(64, worker.now);
    worker.work();
    got += &text(&mut paced);
    assert_eq!(numbers(&got), (1..=200).collect::<Vec<_>>());
    assert!(got.contains("event: bye\n") && paced.is_at_end);
    assert_eq!(waiting(&worker), 0);
}
