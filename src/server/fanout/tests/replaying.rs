//! Readers whose replay is paced: they get no more than their budget, and
//! nothing is lost or delayed for it.

use std::num::NonZeroUsize;

use super::*;
use crate::chat::{ReplayBucket, ReplayBudget};

const SECOND: Duration = Duration::from_secs(1);
/// What may be over the budget at any time: one look, and its last event.
const ONE_LOOK: usize = 64 * 1024 + 2048;

/// Publishes so many messages of about 1 KiB in room `a`.
fn fill(bench: &Bench, messages: usize) {
    let long = "x".repeat(850);
    (1..=messages).for_each(|n| bench.say("a", &format!("n {n} {long}")));
}

fn budget(bench: &Bench, rate: usize, burst: usize) -> ReplayBudget {
    let rate = NonZeroUsize::new(rate).unwrap();
    ReplayBudget::new([Arc::new(ReplayBucket::new(rate, burst, bench.now))])
}

/// A reader of all that was published in room `a`, which draws on `budget`.
fn returning(bench: &mut Bench, budget: &ReplayBudget) -> (usize, Client) {
    let (token, client) = bench.add(paced(&bench.app, budget));
    client.wire.borrow_mut().room = usize::MAX;
    (token, client)
}

/// A subscription to all that was published in room `a`, which draws on `budget`.
pub(in super::super) fn paced(app: &App, budget: &ReplayBudget) -> Subscription {
    let mut subscription = from_the_start(app);
    subscription.pace(budget.clone());
    subscription
}

fn waiting(bench: &Bench) -> usize {
    bench.app.hub.totals().replays_waiting
}

#[test]
fn readers_that_share_a_budget_get_its_burst_and_its_rate_and_all_messages() {
    let mut bench = Bench::new(|_| {});
    fill(&bench, 500);
    let (rate, burst) = (64 * 1024, 128 * 1024);
    let budget = budget(&bench, rate, burst);
    let mut clients: Vec<Client> = (0..3).map(|_| returning(&mut bench, &budget).1).collect();
    let mut got = vec![String::new(); 3];
    let mut elapsed = 0;
    loop {
        bench.work();
        for (got, client) in got.iter_mut().zip(&mut clients) {
            *got += &text(client);
        }
        let bytes: usize = got.iter().map(String::len).sum();
        assert!(
            bytes <= burst + rate * elapsed + ONE_LOOK,
            "{bytes} bytes after {elapsed} s"
        );
        assert!(got.iter().all(|got| got.contains("event: hello\n")));
        if got.iter().all(|got| numbers(got).len() == 500) {
            break;
        }
        assert!(waiting(&bench) > 0 && elapsed < 30, "{elapsed} s");
        bench.pass(SECOND);
        elapsed += 1;
    }
    assert!(elapsed > 15, "1.5 MB took {elapsed} s");
    assert_eq!(waiting(&bench), 0);
    for got in &got {
        assert_eq!(numbers(got), (1..=500).collect::<Vec<_>>());
    }
}

#[test]
fn a_reader_that_waits_delays_no_live_reader_and_gets_what_was_published_meanwhile() {
    let mut bench = Bench::new(|_| {});
    fill(&bench, 200);
    let budget = budget(&bench, 16 * 1024, 0);
    let mut live = bench.reader("a").1;
    let mut paced = returning(&mut bench, &budget).1;
    bench.work();
    let mut got = text(&mut paced);
    for n in 201..=230 {
        bench.say("a", &format!("n {n}"));
        bench.work();
        assert_eq!(numbers(&text(&mut live)), [n]);
        bench.pass(SECOND);
        got += &text(&mut paced);
    }
    assert_eq!(numbers(&got), (1..=230).collect::<Vec<_>>());
    bench.say("a", "n 231");
    bench.work();
    assert_eq!(numbers(&text(&mut paced)), [231], "it is live");
}

#[test]
fn a_reader_that_waits_is_pinged_and_not_closed_as_stalled() {
    let mut bench = Bench::new(|config| {
        config.ping = Duration::from_secs(15);
        config.limits.stall = Duration::from_secs(30);
    });
    fill(&bench, 150);
    let budget = budget(&bench, 1024, 0);
    let mut paced = returning(&mut bench, &budget).1;
    bench.work();
    let mut got = text(&mut paced);
    let first = numbers(&got).len();
    assert!((50..100).contains(&first), "{first}");
    let mut silence = 0;
    for _ in 0..60 {
        bench.pass(SECOND);
        match &*text(&mut paced) {
            "" => silence += 1,
            "event: ping\ndata:\n\n" => silence = 0,
            other => panic!("{other}"),
        }
        assert!(silence <= 15);
    }
    for _ in 0..90 {
        bench.pass(SECOND);
        got += &text(&mut paced);
    }
    assert_eq!(numbers(&got), (1..=150).collect::<Vec<_>>());
    assert_eq!(bench.app.stalled.load(Ordering::Relaxed), 0);
}

#[test]
fn a_reader_without_anything_to_replay_does_not_wait() {
    let mut bench = Bench::new(|_| {});
    fill(&bench, 100);
    let budget = budget(&bench, 1024, 0);
    let (_, _paced) = returning(&mut bench, &budget);
    bench.work();
    assert_eq!(waiting(&bench), 1);
    let mut subscription = bench.subscribe(&["a"], None);
    subscription.pace(budget);
    let (_, mut client) = bench.add(subscription);
    client.wire.borrow_mut().room = usize::MAX;
    bench.work();
    bench.say("a", "n 101");
    bench.work();
    assert_eq!(numbers(&text(&mut client)), [101]);
}

#[test]
fn a_slow_socket_spends_only_what_it_takes() {
    let mut bench = Bench::new(|_| {});
    fill(&bench, 60);
    let budget = budget(&bench, 1024, 70 * 1024);
    let (token, mut slow) = returning(&mut bench, &budget);
    let mut got = String::new();
    for _ in 0..200 {
        slow.wire.borrow_mut().room = 500;
        bench.readers.writable(token);
        bench.work();
        got += &text(&mut slow);
    }
    assert_eq!(numbers(&got), (1..=60).collect::<Vec<_>>());
    assert_eq!(waiting(&bench), 0);
}

#[test]
fn a_reader_that_hangs_up_while_it_waits_gives_its_budget_back() {
    let mut bench = Bench::new(|_| {});
    fill(&bench, 100);
    let budget = budget(&bench, 64 * 1024, 0);
    let (_, mut first) = returning(&mut bench, &budget);
    bench.work();
    for _ in 0..20 {
        let (token, client) = returning(&mut bench, &budget);
        bench.work();
        bench.hang_up(token, &client);
    }
    assert_eq!(waiting(&bench), 1);
    bench.pass(2 * SECOND);
    let got = text(&mut first);
    assert_eq!(numbers(&got), (1..=100).collect::<Vec<_>>());
    assert_eq!(bench.readers.first_pause(), None, "nobody is waited for");
}

#[test]
fn a_reader_that_waits_when_the_server_drains_gets_everything_and_bye() {
    let mut bench = Bench::new(|_| {});
    fill(&bench, 200);
    let budget = budget(&bench, 1024, 0);
    let mut paced = returning(&mut bench, &budget).1;
    bench.work();
    let mut got = text(&mut paced);
    assert_eq!(waiting(&bench), 1);
    bench.app.draining.begin(Duration::ZERO);
    bench.readers.drain(bench.now);
    bench.readers.end_due(64, bench.now);
    bench.work();
    got += &text(&mut paced);
    assert_eq!(numbers(&got), (1..=200).collect::<Vec<_>>());
    assert!(got.contains("event: bye\n") && paced.is_at_end);
    assert_eq!(waiting(&bench), 0);
}
