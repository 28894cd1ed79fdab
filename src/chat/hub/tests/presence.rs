//! Members over time: presence events, their cost, and member guards.

use super::*;
use crate::chat::MemberGuard;

/// Reads all events and returns their bytes. The readers here only get presence
/// events.
fn take_presence(reader: &mut TestReader) -> usize {
    let ready = std::iter::from_fn(|| reader.now());
    ready.map(|delivery| delivery.event().text_len()).sum()
}

#[tokio::test(start_paused = true)]
async fn a_member_leaves_a_grace_period_after_its_stream_is_dropped() {
    let hub = Hub::new(limits());
    let mut watcher = TestReader::of(&hub, attend(&hub, &["a"], None));
    let mut next = async || match watcher.next().await {
        delivery @ (TestDelivery::Members(_) | TestDelivery::Presence(_)) => {
            String::from_utf8(delivery.event().text().to_vec()).unwrap()
        }
        other => panic!("{other:?}"),
    };
    assert!(next().await.contains(r#""count":0,"members":[]"#));
    let alice = attend(&hub, &["a"], Some("Alice"));
    hub.tick();
    assert!(
        next()
            .await
            .contains(r#""count":1,"joined":[{"name":"Alice""#)
    );
    drop(alice);
    idle_for(&hub, 4).await;
    assert_eq!(members(&hub, "a"), 1);
    idle_for(&hub, 1).await;
    assert!(
        next()
            .await
            .contains(r#""count":0,"joined":[],"left":[{"name":"Alice""#)
    );
    assert_eq!(hub.readers(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_name_that_is_changed_leaves_each_room_at_once_and_is_counted_once() {
    let hub = Hub::new(limits());
    let rename = |was: &str, name: &str| {
        let options = SubscribeOptions {
            was: Some(UserName::parse(was).unwrap()),
            ..options(&["a", "b"], Some(name))
        };
        hub.subscribe(options).unwrap()
    };
    let ada = attend(&hub, &["a", "b"], Some("Ada"));
    let bea = rename("Ada", "Bea");
    assert_eq!(members(&hub, "a"), 2);
    drop(ada);
    assert_eq!((members(&hub, "a"), members(&hub, "b")), (1, 1));
    assert_eq!(hub.lock().members(), (2, 2));
    drop(bea);
    assert_eq!(members(&hub, "a"), 1, "it is in its grace period");
    let cleo = rename("Bea", "Cleo");
    assert_eq!((members(&hub, "a"), members(&hub, "b")), (1, 1));
    assert_eq!(hub.lock().members(), (2, 2));
    drop(cleo);
    idle_for(&hub, 5).await;
    assert_eq!(hub.lock().members(), (0, 0));
    idle_for(&hub, 60).await;
    assert_eq!(hub.room_count(), 0);
}

#[tokio::test(start_paused = true)]
async fn twelve_joins_and_leaves_around_the_largest_list_cost_eight_thousand_readers_little() {
    let hub = Hub::new(limits());
    let names: Vec<String> = (0..200).map(|number| format!("name {number}")).collect();
    let _members: Vec<Subscription> = names
        .iter()
        .map(|name| attend(&hub, &["a"], Some(name)))
        .collect();
    let _readers: Vec<Subscription> = (0..8000).map(|_| attend(&hub, &["a"], None)).collect();
    let mut watcher = TestReader::of(&hub, attend(&hub, &["a"], None));
    idle_for(&hub, 60).await;
    assert!(take_presence(&mut watcher) > 5000, "the list at the start");
    idle_for(&hub, 600).await;
    let (start, mut bytes) = (hub.totals().presence_bytes, 0);
    for _ in 0..12 {
        drop(attend(&hub, &["a"], Some("visitor")));
        for _ in 0..10 {
            idle_for(&hub, 1).await;
            bytes += take_presence(&mut watcher);
        }
    }
    assert!(
        (1..=24 * 128).contains(&bytes),
        "{bytes} bytes for 24 changes"
    );
    let cost = hub.totals().presence_bytes - start;
    assert_eq!(cost, bytes as u64 * 8201, "the counted cost");
}

#[tokio::test(start_paused = true)]
async fn presence_events_of_all_rooms_share_one_rate_in_turn() {
    let hub = Hub::new(HubLimits {
        max_rooms: 200,
        presence_rate_total: 10_000,
        ..limits()
    });
    let names: Vec<String> = (0..100).map(|number| format!("room{number:03}")).collect();
    let rooms: Vec<&str> = names.iter().map(String::as_str).collect();
    let watcher = |_| TestReader::of(&hub, attend(&hub, &rooms, None));
    let mut watchers: Vec<TestReader> = (0..10).map(watcher).collect();
    watchers
        .iter_mut()
        .for_each(|watcher| assert!(take_presence(watcher) > 0));
    let _member = attend(&hub, &rooms, Some("Alice"));
    let mut bytes = Vec::new();
    for _ in 0..20 {
        idle_for(&hub, 1).await;
        bytes.push(watchers.iter_mut().map(take_presence).sum::<usize>());
    }
    // The rate may be exceeded by one second and one event.
    assert!(bytes.iter().all(|&bytes| bytes <= 22_000), "{bytes:?}");
    let all: usize = bytes.iter().sum();
    let event = concat!(
        "event: presence\n",
        r#"data: {"room":"room000","count":1,"joined":[{"name":"Alice","#,
        r#""since":"2026-11-27T00:00:00.000Z"}],"left":[]}"#,
        "\n\n"
    );
    assert_eq!(
        all,
        10 * 100 * event.len(),
        "each reader gets the event of each room"
    );
}

#[tokio::test(start_paused = true)]
async fn one_pass_removes_a_bounded_number_of_members_and_one_event_announces_all() {
    let hub = Hub::new(limits());
    let enter = |number| {
        let name = format!("Reader {number}");
        hub.subscribe(options(&["a"], Some(&name))).unwrap()
    };
    let readers: Vec<_> = (0..1000).map(enter).collect();
    hub.tick();
    let mut watcher = TestReader::of(&hub, attend(&hub, &["a"], None));
    assert!(matches!(watcher.next().await, TestDelivery::Members(_)));
    drop(readers);
    tokio::time::advance(Duration::from_secs(5)).await;
    loop {
        let before = members(&hub, "a");
        let remaining = hub.housekeeping_pass(Instant::now());
        let removed = before - members(&hub, "a");
        assert!((1..=128).contains(&removed), "{removed} in one pass");
        if remaining == RemainingWork::None {
            break;
        }
    }
    assert_eq!(hub.lock().members(), (0, 0));
    let TestDelivery::Presence(event) = watcher.next().await else {
        panic!("no presence event")
    };
    let event = String::from_utf8(event.text().to_vec()).unwrap();
    assert!(event.contains(r#""count":0"#), "{event}");
}

#[tokio::test(start_paused = true)]
async fn a_long_tick_sends_one_presence_event_per_room() {
    let hub = Hub::new(limits());
    let _ann = attend(&hub, &["a"], Some("Ann"));
    let tick = Instant::now();
    assert_eq!(hub.housekeeping_pass(tick), RemainingWork::None);
    let sent = hub.totals().presence_bytes;
    assert!(sent > 0, "Ann has joined");
    // Bob joins between two passes of the tick.
    tokio::time::advance(Duration::from_millis(500)).await;
    let _bob = attend(&hub, &["a"], Some("Bob"));
    assert_eq!(hub.housekeeping_pass(tick), RemainingWork::None);
    assert_eq!(
        hub.totals().presence_bytes,
        sent,
        "Bob is announced in the next tick"
    );
    assert_eq!(
        hub.housekeeping_pass(tick + Duration::from_secs(1)),
        RemainingWork::None
    );
    assert!(hub.totals().presence_bytes > sent);
}

/// Counts the instances that exist.
struct Counted(Arc<AtomicUsize>);

impl Counted {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(count))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[tokio::test(start_paused = true)]
async fn a_member_guard_lives_until_the_name_has_left_the_last_room() {
    let hub = Hub::new(limits());
    let count = Arc::new(AtomicUsize::new(0));
    let held = || count.load(Ordering::Relaxed);
    let enter = |rooms: &[&str], name: Option<&str>| {
        let mut stream = hub.subscribe(options(rooms, name)).unwrap();
        stream.set_member_guard(MemberGuard::holding(Counted::new(&count)));
        stream
    };
    let both = enter(&["a", "b"], Some("Ann"));
    drop(both);
    idle_for(&hub, 4).await;
    assert_eq!(held(), 1, "the grace period is 5 s");
    // Another stream takes over in one of the rooms, and then in the other.
    let again = enter(&["a"], Some("Ann"));
    assert_eq!(held(), 2);
    idle_for(&hub, 2).await;
    assert_eq!(held(), 1, "the name has left b");
    // Not the last stream of the name.
    drop(enter(&["a"], Some("Ann")));
    assert_eq!(held(), 1);
    drop(again);
    idle_for(&hub, 6).await;
    assert_eq!(held(), 0);
    drop(enter(&["a"], None));
    assert_eq!(held(), 0, "a stream without a name keeps no guard");
}
