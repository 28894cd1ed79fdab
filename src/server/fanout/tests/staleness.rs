//! The history becomes stale and fresh again while streams are live, catching up, or on a
//! worker that lags.

use std::time::UNIX_EPOCH;

use super::pipes::Pipes;
use super::*;
use crate::sse::{Decoder, Item};

fn set_stale(app: &App, is_stale: bool) {
    app.hub.set_stale(is_stale.then_some(UNIX_EPOCH));
}

/// The names of the events in the text of a stream.
fn names(text: &[u8]) -> Vec<String> {
    let mut names = Vec::new();
    let mut decoder = Decoder::default();
    let each = |item: Item<'_>| {
        if let Item::Event(event) = item {
            names.push(event.event.into_owned());
        }
    };
    decoder.feed(text, each).unwrap();
    names
}

fn work_and_name(worker: &mut TestWorker, client: &mut FakeClient) -> Vec<String> {
    worker.work();
    names(&client.text())
}

#[test]
fn all_live_readers_get_each_transition_in_one_write() {
    let mut worker = TestWorker::new(|_| {});
    let mut clients: Vec<FakeClient> = ["a", "a", "b"].map(|room| worker.reader(room).1).into();
    for (name, is_stale) in [("stale", true), ("fresh", false)] {
        set_stale(&worker.app, is_stale);
        worker.publish("a", "x");
        for client in &mut clients[..2] {
            assert_eq!(work_and_name(&mut worker, client), [name, "update"]);
        }
        assert_eq!(work_and_name(&mut worker, &mut clients[2]), [name]);
    }
    assert_eq!(clients[2].wire.borrow().writes, 2);
    assert_eq!(worker.counters.reader_lags.get(), 0, "no reader lags");
}

#[test]
fn a_new_stream_gets_hello_stale_and_the_backlog_also_while_its_replay_has_to_wait() {
    use super::replaying::paced;
    use crate::chat::{ReplayBucket, ReplayBudget};

    let mut worker = TestWorker::new(|_| {});
    worker.publish("a", &"x".repeat(1000));
    set_stale(&worker.app, true);
    let rate = std::num::NonZeroUsize::new(100).unwrap();
    let bucket = Arc::new(ReplayBucket::new(rate, 0, worker.now));
    let budget = ReplayBudget::new([bucket]);
    let [mut first, mut client] = [(); 2].map(|()| {
        let (_, client) = worker.add(paced(&worker.app, &budget));
        client.wire.borrow_mut().room = usize::MAX;
        client
    });
    let got = work_and_name(&mut worker, &mut first);
    assert_eq!(got, ["hello", "stale", "update"]);
    assert_eq!(work_and_name(&mut worker, &mut client), ["hello", "stale"]);
    worker.pass(Duration::from_secs(3600));
    let rest = names(&client.text());
    assert_eq!(rest.last().map(String::as_str), Some("update"), "{rest:?}");
    assert!(!rest.contains(&"stale".to_owned()), "{rest:?}");
}

#[test]
fn a_stream_over_a_pipe_gets_them_too() {
    let app = Arc::new(App::new(Config::default()).unwrap());
    set_stale(&app, true);
    let mut pipes = Pipes::of(&app);
    let mut body = pipes.open(subscribe(&app, &["a", "b"], Some("Alice")));
    let (text, _) = pipes.read_all(&mut body);
    assert_eq!(
        names(text.as_bytes()),
        ["hello", "stale", "presence", "presence"]
    );
    set_stale(&app, false);
    let (text, _) = pipes.read_all(&mut body);
    assert_eq!(text, "event: fresh\ndata:\n\n");
}

#[test]
fn a_reader_whose_socket_took_a_part_of_stale_gets_the_rest_and_then_fresh() {
    for room in 0..60 {
        let mut worker = TestWorker::new(|_| {});
        let (token, mut client) = worker.reader("a");
        client.wire.borrow_mut().room = room;
        set_stale(&worker.app, true);
        worker.work();
        set_stale(&worker.app, false);
        worker.work();
        client.wire.borrow_mut().room = usize::MAX;
        worker.readers.writable(token);
        let got = work_and_name(&mut worker, &mut client);
        match room {
            0 => assert_eq!(got, [""; 0], "nothing had happened for this reader"),
            _ => assert_eq!(got, ["stale", "fresh"], "{room} bytes"),
        }
    }
}

#[test]
fn a_worker_that_lags_or_is_late_sends_no_state_twice() {
    let mut worker = TestWorker::new(|config| config.fanout_queue = 4);
    let (_, mut old) = worker.reader("a");
    set_stale(&worker.app, true);
    // It learns the state from its subscription, and the worker reads the event later.
    let (_, mut new) = worker.add(worker.subscribe(&["a"], None));
    new.wire.borrow_mut().room = usize::MAX;
    assert!(!worker.readers.catch_up(1, worker.now));
    assert_eq!(names(&new.text()), ["hello", "stale"]);
    assert_eq!(work_and_name(&mut worker, &mut old), ["stale"]);
    assert_eq!(work_and_name(&mut worker, &mut new), [""; 0]);
    let _other = worker.reader("b");
    set_stale(&worker.app, false);
    (0..5).for_each(|_| worker.publish("b", "x"));
    set_stale(&worker.app, true);
    worker.publish("a", "x");
    for client in [&mut old, &mut new] {
        assert_eq!(work_and_name(&mut worker, client), ["update"]);
    }
    assert_eq!(worker.counters.worker_lags.get(), 1);
    set_stale(&worker.app, false);
    for client in [&mut old, &mut new] {
        assert_eq!(work_and_name(&mut worker, client), ["fresh"]);
    }
}
