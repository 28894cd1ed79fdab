use std::time::Duration;

use super::*;
use crate::chat::test_reader::TestReader;
use crate::chat::{
    Delivery, Gap, GapReason, MAX_INLINE_BYTES, RoomEvent, RoomList, StayGuard, SubscribeOptions,
    Subscription, TooManyRooms,
};
use crate::protocol::Backlog;
use crate::protocol::{ClientId, MessageText, UserName};

/// Bytes of large messages that wait in the channel.
const LARGE: usize = 100_000;

fn limits() -> HubLimits {
    HubLimits {
        history: 1000,
        history_bytes: 1 << 20,
        history_budget: 1 << 20,
        max_rooms: 3,
        default_room: room("a"),
        max_members: 100_000,
        room_idle: Duration::from_secs(60),
        presence_rate: 1 << 20,
        presence_rate_total: 8 << 20,
        channel_slots: 4096,
        channel_large: LARGE,
    }
}

fn room(name: &str) -> RoomName {
    RoomName::parse(name).unwrap()
}

fn draft(text: &str, client_id: Option<&str>) -> Draft {
    Draft {
        name: UserName::parse("Alice").unwrap(),
        text: MessageText::parse(text, 100_000).unwrap(),
        client_id: client_id.map(|id| ClientId::parse(id).unwrap()),
    }
}

fn say(hub: &Hub, name: &str, text: &str) -> Frame {
    match hub.publish(&room(name), draft(text, None)) {
        Ok(Published::Said(frame)) => frame,
        other => panic!("{other:?}"),
    }
}

fn reader(hub: &Arc<Hub>, name: &str, cursor: Option<Cursor>) -> TestReader {
    let options = SubscribeOptions {
        rooms: room(name).into(),
        cursor,
        backlog: Backlog::All,
        name: None,
        presence: false,
    };
    TestReader::of(hub, hub.subscribe(options).unwrap())
}

fn held(hub: &Hub, name: &str) -> usize {
    let page = HistoryQuery {
        after: None,
        before: None,
        limit: usize::MAX,
    };
    hub.page(&room(name), page).frames.len()
}

/// How many members `GET /rooms/{room}/members` counts.
fn members(hub: &Hub, name: &str) -> u64 {
    let members: serde_json::Value = serde_json::from_slice(&hub.members(&room(name))).unwrap();
    members["count"].as_u64().unwrap()
}

async fn idle_for(hub: &Hub, seconds: u64) {
    tokio::time::advance(Duration::from_secs(seconds)).await;
    hub.tick();
}

#[test]
fn ids_are_one_sequence_and_numbers_are_one_a_room() {
    let hub = Hub::new(limits());
    let said = [
        say(&hub, "a", "x"),
        say(&hub, "b", "x"),
        say(&hub, "a", "x"),
    ];
    assert_eq!(
        said.map(|frame| (frame.seq(), frame.number())),
        [(1, 1), (2, 1), (3, 2)]
    );
}

#[test]
fn a_retry_with_the_same_client_id_in_the_same_room_is_the_same_message() {
    let hub = Hub::new(HubLimits {
        history: 1,
        ..limits()
    });
    let publish = |name, text| hub.publish(&room(name), draft(text, Some("c"))).unwrap();
    assert!(matches!(publish("a", "first"), Published::Said(_)));
    let Published::Repeated(first) = publish("a", "first") else {
        panic!("published twice")
    };
    assert_eq!((first.seq(), first.number()), (1, 1));
    assert!(matches!(publish("b", "other room"), Published::Said(_)));
    say(&hub, "a", "evicts the first");
    assert!(matches!(publish("a", "again"), Published::Said(_)));
}

#[test]
fn another_request_under_a_client_id_that_history_holds_is_refused_and_changes_nothing() {
    let hub = Hub::new(limits());
    let publish = |name, text| {
        let draft = Draft {
            name: UserName::parse(name).unwrap(),
            ..draft(text, Some("1"))
        };
        hub.publish(&room("a"), draft)
    };
    assert!(matches!(publish("Alice", "hi"), Ok(Published::Said(_))));
    let before = hub.totals();
    for (name, text) in [("Alice", "ho"), ("Bob", "hi"), ("Bob", "ho")] {
        let refused = publish(name, text);
        assert!(
            matches!(refused, Err(PublishError::ClientIdReused)),
            "{name} {text}: {refused:?}"
        );
    }
    assert_eq!(hub.totals(), before);
    assert!(matches!(publish("Alice", "hi"), Ok(Published::Repeated(_))));
}

#[test]
fn one_room_too_many_is_refused_and_changes_nothing() {
    let hub = Hub::new(limits());
    say(&hub, "a", "x");
    say(&hub, "b", "x");
    let both = SubscribeOptions {
        rooms: RoomList::new([room("c"), room("d")]).unwrap(),
        cursor: None,
        backlog: Backlog::All,
        name: None,
        presence: false,
    };
    assert!(matches!(hub.subscribe(both), Err(SubscribeError::Rooms(_))));
    assert_eq!(
        hub.room_count(),
        2,
        "not even the one that there was room for"
    );
    say(&hub, "c", "x");
    assert!(matches!(
        hub.publish(&room("d"), draft("x", None)),
        Err(PublishError::Rooms(TooManyRooms))
    ));
    let options = SubscribeOptions {
        rooms: RoomList::new([room("a"), room("d")]).unwrap(),
        cursor: None,
        backlog: Backlog::All,
        name: None,
        presence: false,
    };
    assert!(matches!(
        hub.subscribe(options),
        Err(SubscribeError::Rooms(_))
    ));
    assert_eq!((hub.readers(), hub.room_count()), (0, 3));
    assert_eq!(say(&hub, "a", "x").seq(), 4);
}

#[test]
fn one_member_too_many_is_refused_and_a_name_that_is_in_comes_in_again() {
    let hub = Hub::new(HubLimits {
        max_members: 3,
        ..limits()
    });
    let enter = |rooms: &[&str], name: Option<&str>| {
        hub.subscribe(SubscribeOptions {
            rooms: RoomList::new(rooms.iter().map(|name| room(name))).unwrap(),
            cursor: None,
            backlog: Backlog::All,
            name: name.map(|name| UserName::parse(name).unwrap()),
            presence: false,
        })
    };
    let both = enter(&["a", "b"], Some("Ann")).unwrap();
    assert!(matches!(
        enter(&["a", "b"], Some("Bob")),
        Err(SubscribeError::Members)
    ));
    assert_eq!(members(&hub, "a"), 1, "it has entered none");
    let _again = enter(&["a", "b"], Some("Ann")).unwrap();
    let _one = enter(&["a"], Some("Bob")).unwrap();
    let _nameless = enter(&["a", "b"], None).unwrap();
    drop(both);
    assert_eq!(hub.lock().members(), (3, 3));
}

#[tokio::test(start_paused = true)]
async fn a_member_that_has_left_leaves_a_place() {
    let hub = Hub::new(HubLimits {
        max_members: 1,
        ..limits()
    });
    let enter = |name| {
        hub.subscribe(SubscribeOptions {
            rooms: room("a").into(),
            cursor: None,
            backlog: Backlog::All,
            name: Some(UserName::parse(name).unwrap()),
            presence: false,
        })
    };
    drop(enter("Ann").unwrap());
    assert!(enter("Bob").is_err(), "it may be a reload");
    tokio::time::advance(Duration::from_secs(6)).await;
    hub.tick();
    assert_eq!(hub.lock().members(), (0, 0));
    assert!(enter("Bob").is_ok());
}

#[test]
fn the_budget_takes_from_the_loud_room_and_spares_the_quiet_one() {
    let hub = Hub::new(HubLimits {
        history_budget: 100_000,
        ..limits()
    });
    say(&hub, "quiet", "x");
    let text = "x".repeat(1000);
    (0..500).for_each(|_| drop(say(&hub, "loud", &text)));
    assert_eq!(held(&hub, "quiet"), 1);
    let [added_up, kept] = hub.lock().held();
    assert_eq!(added_up, kept);
    assert!((90_000..=100_000).contains(&kept.0), "{kept:?}");
}

#[tokio::test(start_paused = true)]
async fn an_idle_room_is_forgotten_and_who_comes_back_is_told() {
    let hub = Hub::new(limits());
    let first = id(&hub, say(&hub, "a", "x").seq());
    let last = id(&hub, say(&hub, "a", "y").seq());
    idle_for(&hub, 59).await;
    assert_eq!(hub.room_count(), 1);
    idle_for(&hub, 1).await;
    assert_eq!((hub.room_count(), hub.lock().held()), (0, [(0, 0); 2]));

    let mut missed = reader(&hub, "a", Some(Cursor::Id(first)));
    let expected = Gap {
        room: room("a"),
        reason: GapReason::Evicted,
        lost: None,
        next: 3,
        cursor: Cursor::Id(last),
    };
    assert!(matches!(missed.next().await, Delivery::Gap(gap) if gap == expected));
    let mut whole = reader(&hub, "a", Some(Cursor::Id(last)));
    let next = say(&hub, "a", "z");
    assert_eq!(next.number(), 3, "numbers go on");
    assert!(matches!(whole.next().await, Delivery::Update(frame) if frame.number() == 3));
}

#[tokio::test(start_paused = true)]
async fn when_even_the_numbers_are_forgotten_who_missed_nothing_is_told_too() {
    let hub = Hub::new(HubLimits {
        max_rooms: 2,
        default_room: room("c"),
        ..limits()
    });
    say(&hub, "b", "x");
    idle_for(&hub, 60).await;
    say(&hub, "a", "x");
    idle_for(&hub, 60).await;
    say(&hub, "c", "x");
    let newest = id(&hub, say(&hub, "d", "x").seq());
    idle_for(&hub, 60).await;
    // There were four and two are remembered: two began anew.
    for name in ["a", "b"] {
        let mut returning = reader(&hub, name, Some(Cursor::Id(newest)));
        let told = tokio::time::timeout(Duration::from_secs(1), returning.next()).await;
        let Ok(Delivery::Gap(gap)) = told else {
            panic!("{name} begins anew in silence: {told:?}")
        };
        assert_eq!(
            (gap.reason, gap.lost, gap.next),
            (GapReason::Evicted, None, 1)
        );
        drop(returning);
        hub.tick();
    }
}

#[tokio::test(start_paused = true)]
async fn a_room_with_a_reader_is_kept_and_one_where_nothing_was_said_goes_at_once() {
    let hub = Hub::new(limits());
    let (kept, gone) = (reader(&hub, "a", None), reader(&hub, "b", None));
    drop(gone);
    idle_for(&hub, 3600).await;
    assert_eq!(hub.room_count(), 1);
    drop(kept);
    hub.tick();
    assert_eq!(hub.room_count(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_member_leaves_when_its_stream_is_dropped_and_the_grace_is_over() {
    let hub = Hub::new(limits());
    let options = |name: Option<&str>| SubscribeOptions {
        rooms: room("a").into(),
        cursor: None,
        backlog: Backlog::All,
        name: name.map(|name| UserName::parse(name).unwrap()),
        presence: true,
    };
    let mut watcher = TestReader::of(&hub, hub.subscribe(options(None)).unwrap());
    let mut next = async || match watcher.next().await {
        told @ (Delivery::Members(_) | Delivery::Presence(_)) => {
            String::from_utf8(told.event().text().to_vec()).unwrap()
        }
        other => panic!("{other:?}"),
    };
    assert!(next().await.contains(r#""count":0,"members":[]"#));
    let alice = hub.subscribe(options(Some("Alice"))).unwrap();
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

#[test]
fn a_page_is_the_part_of_history_that_was_asked_for() {
    let hub = Hub::new(limits());
    (0..5).for_each(|_| drop(say(&hub, "a", "x")));
    let numbers = |after: Option<u64>, before: Option<u64>, limit| -> Vec<u64> {
        let cursor = |seq: Option<u64>| seq.map(|seq| Cursor::Id(id(&hub, seq)));
        let page = HistoryQuery {
            after: cursor(after),
            before: cursor(before),
            limit,
        };
        hub.page(&room("a"), page)
            .frames
            .iter()
            .map(Frame::number)
            .collect()
    };
    assert_eq!(numbers(None, None, 2), [4, 5]);
    assert_eq!(numbers(None, Some(4), 2), [2, 3]);
    assert_eq!(numbers(Some(1), None, 2), [2, 3]);
    assert_eq!(numbers(Some(1), Some(4), 9), [2, 3]);
    assert_eq!(numbers(Some(1), Some(4), 1), [2]);
    assert_eq!(numbers(Some(9), None, 9), [0; 0]);
}

fn id(hub: &Hub, seq: u64) -> EventId {
    EventId {
        epoch: hub.epoch(),
        seq,
    }
}

/// A stream of these rooms, under a name or without, that gets presence events.
fn attend(hub: &Arc<Hub>, rooms: &[&str], name: Option<&str>) -> Subscription {
    let options = SubscribeOptions {
        rooms: RoomList::new(rooms.iter().map(|name| room(name))).unwrap(),
        cursor: None,
        backlog: Backlog::Last(0),
        name: name.map(|name| UserName::parse(name).unwrap()),
        presence: true,
    };
    hub.subscribe(options).unwrap()
}

/// Bytes of the presence events that are ready.
fn take_presence(reader: &mut TestReader) -> usize {
    let ready = std::iter::from_fn(|| reader.now());
    ready.map(|delivery| delivery.event().text_len()).sum()
}

#[tokio::test(start_paused = true)]
async fn twelve_joins_and_leaves_at_the_border_cost_eight_thousand_readers_little() {
    let hub = Hub::new(limits());
    let names: Vec<String> = (0..200).map(|number| format!("name {number}")).collect();
    let _members: Vec<Subscription> = names
        .iter()
        .map(|name| attend(&hub, &["a"], Some(name)))
        .collect();
    let _readers: Vec<Subscription> = (0..8000).map(|_| attend(&hub, &["a"], None)).collect();
    let mut watcher = TestReader::of(&hub, attend(&hub, &["a"], None));
    idle_for(&hub, 60).await;
    assert!(take_presence(&mut watcher) > 5000, "the list of its start");
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
    assert_eq!(cost, bytes as u64 * 8201, "as it is counted");
}

#[tokio::test(start_paused = true)]
async fn the_presence_of_all_rooms_shares_one_rate_in_turn() {
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
    // A second is paid ahead, and the event that goes over it is sent whole.
    assert!(bytes.iter().all(|&bytes| bytes <= 22_000), "{bytes:?}");
    let all: usize = bytes.iter().sum();
    let event = concat!(
        "event: presence\n",
        r#"data: {"room":"room000","count":1,"joined":[{"name":"Alice","#,
        r#""since":"2026-11-27T00:00:00.000Z"}],"left":[]}"#,
        "\n\n"
    );
    assert_eq!(all, 10 * 100 * event.len(), "each reader got each room's");
}

#[tokio::test(start_paused = true)]
async fn one_lock_looks_after_a_bounded_number_of_rooms() {
    let hub = Hub::new(HubLimits {
        max_rooms: 2000,
        ..limits()
    });
    for number in 0..1000 {
        say(&hub, &format!("room{number}"), "x");
    }
    hub.tick();
    assert_eq!(hub.look_after_some(Instant::now()), Due::Nothing);
    tokio::time::advance(Duration::from_secs(60)).await;
    let mut rounds = 0;
    loop {
        let before = hub.room_count();
        let more = hub.look_after_some(Instant::now());
        assert!(before - hub.room_count() <= 64);
        rounds += 1;
        if more == Due::Nothing {
            break;
        }
    }
    assert_eq!(
        (hub.room_count(), rounds),
        (0, 1000_usize.div_ceil(64)),
        "rooms left, and rounds"
    );
    assert_eq!(hub.lock().held(), [(0, 0); 2]);
}

#[tokio::test(start_paused = true)]
async fn one_lock_ends_a_bounded_number_of_stays_and_one_event_announces_all() {
    let hub = Hub::new(limits());
    let enter = |name: Option<String>| {
        let options = SubscribeOptions {
            rooms: room("a").into(),
            cursor: None,
            backlog: Backlog::All,
            presence: name.is_none(),
            name: name.map(|name| UserName::parse(&name).unwrap()),
        };
        hub.subscribe(options).unwrap()
    };
    let names = (0..1000).map(|number| enter(Some(format!("Reader {number}"))));
    let readers: Vec<_> = names.collect();
    hub.tick();
    let mut watcher = TestReader::of(&hub, enter(None));
    assert!(matches!(watcher.next().await, Delivery::Members(_)));
    drop(readers);
    tokio::time::advance(Duration::from_secs(5)).await;
    loop {
        let before = members(&hub, "a");
        let more = hub.look_after_some(Instant::now());
        let ended = before - members(&hub, "a");
        assert!((1..=128).contains(&ended), "{ended} stays under one lock");
        if more == Due::Nothing {
            break;
        }
    }
    assert_eq!(hub.lock().members(), (0, 0));
    let Delivery::Presence(event) = watcher.next().await else {
        panic!("not the end of the stays")
    };
    let event = String::from_utf8(event.text().to_vec()).unwrap();
    assert!(event.contains(r#""count":0"#), "{event}");
}

#[tokio::test(start_paused = true)]
async fn a_tick_that_takes_long_sends_one_presence_event_a_room() {
    let hub = Hub::new(limits());
    let enter = |name: Option<&str>| {
        let options = SubscribeOptions {
            rooms: room("a").into(),
            cursor: None,
            backlog: Backlog::All,
            name: name.map(|name| UserName::parse(name).unwrap()),
            presence: true,
        };
        hub.subscribe(options).unwrap()
    };
    let _ann = enter(Some("Ann"));
    let tick = Instant::now();
    assert_eq!(hub.look_after_some(tick), Due::Nothing);
    let sent = hub.totals().presence_bytes;
    assert!(sent > 0, "Ann has joined");
    // Bob joins between two parts of the tick.
    tokio::time::advance(Duration::from_millis(500)).await;
    let _bob = enter(Some("Bob"));
    assert_eq!(hub.look_after_some(tick), Due::Nothing);
    assert_eq!(hub.totals().presence_bytes, sent, "in the next tick");
    assert_eq!(
        hub.look_after_some(tick + Duration::from_secs(1)),
        Due::Nothing
    );
    assert!(hub.totals().presence_bytes > sent);
}

#[test]
fn the_budget_takes_from_many_large_rooms_and_counts_what_is_left() {
    let hub = Hub::new(HubLimits {
        history_budget: 200_000,
        max_rooms: 100,
        ..limits()
    });
    let text = "x".repeat(1000);
    for number in 0..50 {
        say(&hub, &format!("quiet{number}"), "x");
    }
    for number in 0..1000 {
        say(&hub, &format!("loud{}", number % 5), &text);
    }
    let [added_up, kept] = hub.lock().held();
    assert_eq!(added_up, kept);
    assert!((195_000..=200_000).contains(&kept.0), "{kept:?}");
    let loud: Vec<usize> = (0..5)
        .map(|number| held(&hub, &format!("loud{number}")))
        .collect();
    let (least, most) = (loud.iter().min().unwrap(), loud.iter().max().unwrap());
    assert!(most - least <= most / 4, "{loud:?}");
    assert!((0..50).all(|number| held(&hub, &format!("quiet{number}")) == 1));
}

#[tokio::test]
async fn what_was_done_is_counted() {
    let hub = Hub::new(HubLimits {
        history: 2,
        ..limits()
    });
    say(&hub, "a", "é");
    let mut early = reader(&hub, "a", Some(Cursor::parse(b"nothing of ours")));
    for text in ["two", "three"] {
        say(&hub, "a", text);
    }
    let mut told = Vec::new();
    while told.len() < 4 {
        told.push(early.next().await);
    }
    // It was told of the gap at its start, then of the one that is there since.
    let gaps = |told: &[Delivery]| {
        told.iter()
            .filter(|d| matches!(d, Delivery::Gap(_)))
            .count()
    };
    assert_eq!(gaps(&told), 2, "{told:?}");
    say(&hub, "a", "live");
    early.next().await;
    let totals = hub.totals();
    assert_eq!(
        totals,
        crate::chat::Totals {
            rooms: 1,
            members: 0,
            readers: 1,
            history_messages: 2,
            history_bytes: totals.history_bytes,
            messages: 4,
            message_bytes: 2 + 3 + 5 + 4,
            presence_bytes: 0,
            resumes: 1,
            replayed: 2,
            replayed_bytes: totals.replayed_bytes,
            replays_waiting: 0,
            gaps: [1, 0, 1, 0],
            sent_events: 3,
        }
    );
    assert!(totals.history_bytes > 0);
    assert!((200..400).contains(&totals.replayed_bytes), "{totals:?}");
}

/// Counts itself, from when it is made until it is dropped.
struct Counted(Arc<AtomicUsize>);

impl Counted {
    fn one_more(count: &Arc<AtomicUsize>) -> Self {
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
async fn what_guards_a_stay_lives_until_the_name_has_left_the_last_room() {
    let hub = Hub::new(limits());
    let count = Arc::new(AtomicUsize::new(0));
    let held = || count.load(Ordering::Relaxed);
    let enter = |rooms: &[&str], name: Option<&str>| {
        let options = SubscribeOptions {
            rooms: RoomList::new(rooms.iter().map(|name| room(name))).unwrap(),
            cursor: None,
            backlog: Backlog::All,
            name: name.map(|name| UserName::parse(name).unwrap()),
            presence: false,
        };
        let mut stream = hub.subscribe(options).unwrap();
        stream.guard_stay(StayGuard::holding(Counted::one_more(&count)));
        stream
    };
    let wait = async |seconds| {
        tokio::time::advance(Duration::from_secs(seconds)).await;
        hub.tick();
    };
    let both = enter(&["a", "b"], Some("Ann"));
    drop(both);
    wait(4).await;
    assert_eq!(held(), 1, "the name stays for 5 s");
    // Another stream takes over in one of the rooms, and then in the other.
    let again = enter(&["a"], Some("Ann"));
    assert_eq!(held(), 2);
    wait(2).await;
    assert_eq!(held(), 1, "the name has left b");
    // It is no last stream that leaves.
    drop(enter(&["a"], Some("Ann")));
    assert_eq!(held(), 1);
    drop(again);
    wait(6).await;
    assert_eq!(held(), 0);
    drop(enter(&["a"], None));
    assert_eq!(held(), 0, "a stream without a name leaves nothing behind");
}

/// What was sent next.
fn next_event(feed: &mut Feed) -> RoomEvent {
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    match feed.poll_next(&mut cx) {
        std::task::Poll::Ready(envelope) => envelope.unwrap().event,
        std::task::Poll::Pending => panic!("nothing was sent"),
    }
}

#[test]
fn no_slot_of_the_channel_holds_more_than_its_bytes() {
    let hub = Hub::new(HubLimits {
        history: 1,
        ..limits()
    });
    let _reader = attend(&hub, &["a"], None);
    let mut feed = hub.feed();
    let mut next = || next_event(&mut feed);
    let bytes = |text: usize| say(&hub, "a", &"x".repeat(text)).event().chunk().len();
    // Of about the same size, so that the chunk says it in as many digits.
    let around = bytes(5000) - 5000;
    assert!(matches!(next(), RoomEvent::Update(_)));
    let most = MAX_INLINE_BYTES - around;
    assert_eq!(bytes(most), MAX_INLINE_BYTES);
    assert!(matches!(next(), RoomEvent::Update(_)));
    say(&hub, "a", &"x".repeat(most + 1));
    let RoomEvent::LargeUpdate(_) = next() else {
        panic!("it is large");
    };
}

#[test]
fn large_messages_wait_in_the_channel_up_to_their_bytes_and_then_in_history() {
    let hub = Hub::new(HubLimits {
        history: 2,
        history_bytes: 16 << 20,
        history_budget: 16 << 20,
        ..limits()
    });
    let _reader = attend(&hub, &["a"], None);
    let mut feed = hub.feed();
    let mut next = || next_event(&mut feed);
    let say_large = |bytes: usize| {
        let draft = Draft {
            text: MessageText::parse(&"x".repeat(bytes), usize::MAX).unwrap(),
            ..draft("x", None)
        };
        match hub.publish(&room("a"), draft) {
            Ok(Published::Said(frame)) => frame.seq(),
            other => panic!("{other:?}"),
        }
    };
    say_large(2 * LARGE);
    let seq = say_large(MAX_INLINE_BYTES);
    let RoomEvent::LargeUpdate(first) = next() else {
        panic!("one of any size waits");
    };
    let RoomEvent::Marker(marker) = next() else {
        panic!("there is no place for a second one");
    };
    assert_eq!((&marker.room, marker.seq), (&room("a"), seq));
    assert_eq!(hub.entry(&marker.room, seq).unwrap().seq(), seq);
    drop(first);
    (0..2).for_each(|_| assert!(say_large(LARGE / 3) > seq));
    assert!(
        matches!(next(), RoomEvent::LargeUpdate(_)),
        "its bytes are free again"
    );
    assert!(matches!(next(), RoomEvent::LargeUpdate(_)));
    assert!(
        hub.entry(&marker.room, seq).is_none(),
        "history has lost it"
    );
}
