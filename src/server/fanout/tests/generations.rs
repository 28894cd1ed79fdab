//! A generation ends while streams are live, catching up, or on a worker that lags.

use super::*;
use crate::chat::SavedRooms;
use crate::protocol::{Cursor, Epoch, EventId};
use crate::sse::{Decoder, Item};

/// A server whose generations end.
struct Scene {
    worker: TestWorker,
    epochs: Vec<Epoch>,
    saved: SavedRooms,
}

impl Scene {
    /// Entries 1 to 3, in rooms a, b and a. They are never lost.
    fn new(change: impl FnOnce(&mut Config)) -> Self {
        let worker = TestWorker::new(change);
        publish_each(&worker.app, &["a", "b", "a"]);
        Self {
            epochs: vec![worker.app.hub.epoch()],
            saved: worker.app.hub.save(),
            worker,
        }
    }

    fn publish(&self, rooms: &[&str]) {
        publish_each(&self.worker.app, rooms);
    }

    /// All after entry 3 is lost.
    fn lose(&mut self) {
        self.worker.app.hub.lose_since(&self.saved);
        self.epochs.push(self.worker.app.hub.epoch());
    }

    /// A live reader whose socket takes everything.
    fn reader(&mut self, rooms: &[&str]) -> FakeClient {
        let (_, mut client) = self.worker.add(self.worker.subscribe(rooms, None));
        client.wire.borrow_mut().room = usize::MAX;
        self.worker.work();
        assert_eq!(self.shown(&mut client), "");
        client
    }

    /// The ids of what a client got. In text, an id has the number of its generation; a
    /// gap is `room:reason:next:id`.
    fn shown(&self, client: &mut FakeClient) -> String {
        let mut events = Vec::new();
        let each = |item: Item<'_>| {
            let Item::Event(event) = item else { return };
            let id = self.text(&event.id);
            let data: serde_json::Value = serde_json::from_str(&event.data).unwrap_or_default();
            match &*event.event {
                "update" => events.push(id),
                "gap" => {
                    assert!(data["lost"].is_null(), "{data}");
                    let field = |name: &str| data[name].as_str().unwrap();
                    let (room, reason) = (field("room"), field("reason"));
                    events.push(format!("{room}:{reason}:{}:{id}", data["next"]));
                }
                _ => {}
            }
        };
        let mut decoder = Decoder::with_limit(usize::MAX);
        decoder.feed(&client.text(), each).unwrap();
        events.join(" ")
    }

    fn text(&self, id: &str) -> String {
        let Ok(id) = id.parse::<EventId>() else {
            return id.to_owned();
        };
        let known = self.epochs.iter().position(|&epoch| epoch == id.epoch);
        format!("{}-{}", known.unwrap() + 1, id.seq)
    }

    fn work_and_show(&mut self, client: &mut FakeClient) -> String {
        self.worker.work();
        self.shown(client)
    }

    fn lags(&self) -> (u64, u64) {
        let counters = &self.worker.counters;
        (counters.reader_lags.get(), counters.worker_lags.get())
    }
}

fn publish_each(app: &App, rooms: &[&str]) {
    rooms.iter().for_each(|room| publish(app, room, "x"));
}

#[test]
fn a_live_reader_beyond_the_end_gets_a_gap_for_each_room_and_what_follows() {
    let mut scene = Scene::new(|_| {});
    let (mut one, mut both) = (scene.reader(&["a"]), scene.reader(&["b", "a"]));
    scene.publish(&["a", "b", "a"]);
    assert_eq!(scene.work_and_show(&mut one), "1-4 1-6");
    assert_eq!(scene.work_and_show(&mut both), "1-4 1-5 1-6");
    scene.lose();
    assert_eq!(scene.work_and_show(&mut one), "a:restart:3:2-3");
    let gaps = "a:restart:3:1-6 b:restart:2:2-3";
    assert_eq!(scene.work_and_show(&mut both), gaps);
    scene.publish(&["a", "b"]);
    assert_eq!(scene.work_and_show(&mut one), "2-4");
    assert_eq!(scene.work_and_show(&mut both), "2-4 2-5");
    assert_eq!(scene.lags(), (0, 0), "no reader and no worker lags");
}

#[test]
fn events_before_and_after_the_end_come_in_their_order() {
    let mut scene = Scene::new(|_| {});
    let mut client = scene.reader(&["a"]);
    scene.publish(&["a"]);
    scene.lose();
    scene.publish(&["b", "a"]);
    scene.lose();
    scene.publish(&["a", "a"]);
    let shown = scene.work_and_show(&mut client);
    assert_eq!(shown, "1-4 a:restart:3:2-3 3-4 3-5");
}

#[test]
fn a_reader_without_lost_entries_goes_on_without_a_gap() {
    let mut scene = Scene::new(|_| {});
    let mut before = scene.reader(&["b"]);
    scene.publish(&["a", "a"]);
    // It goes live beyond the end, though its room loses nothing.
    let mut beyond = scene.reader(&["b"]);
    scene.lose();
    // At the end, before the worker has heard of it, and after.
    let mut at_end = scene.reader(&["a", "b"]);
    scene.worker.work();
    scene.publish(&["b", "a", "b"]);
    for client in [&mut before, &mut beyond] {
        assert_eq!(scene.work_and_show(client), "2-4 2-6");
    }
    assert_eq!(scene.work_and_show(&mut at_end), "2-4 2-5 2-6");
}

#[test]
fn a_worker_that_lags_sets_its_readers_back_though_it_misses_the_end() {
    let mut scene = Scene::new(|config| config.fanout_queue = 4);
    let mut quiet = scene.reader(&["b"]);
    let mut clients = [scene.reader(&["a"]), scene.reader(&["a", "b"])];
    scene.publish(&["a", "a"]);
    for client in &mut clients {
        assert_eq!(scene.work_and_show(client), "1-4 1-5");
    }
    scene.lose();
    scene.publish(&["a"; 9]);
    // It goes live while the worker has not read the end, or never will.
    let mut new = scene.reader(&["a"]);
    scene.publish(&["b"]);
    let after = "2-4 2-5 2-6 2-7 2-8 2-9 2-10 2-11 2-12";
    let [one, both] = &mut clients;
    assert_eq!(scene.work_and_show(one), format!("a:restart:3:2-3 {after}"));
    let gaps = "a:restart:3:1-5 b:restart:2:2-3";
    assert_eq!(scene.work_and_show(both), format!("{gaps} {after} 2-13"));
    assert_eq!(scene.work_and_show(&mut quiet), "2-13");
    scene.publish(&["a"]);
    assert_eq!(scene.work_and_show(&mut new), "2-14");
    assert_eq!(scene.lags().1, 1);
}

#[test]
fn a_reader_whose_socket_was_full_gets_the_rest_of_an_event_and_the_gap() {
    let mut scene = Scene::new(|_| {});
    let (token, mut client) = scene.worker.reader("a");
    client.wire.borrow_mut().room = 20;
    scene.publish(&["a", "a"]);
    scene.worker.work();
    scene.lose();
    scene.publish(&["a"]);
    client.wire.borrow_mut().room = usize::MAX;
    scene.worker.readers.writable(token);
    // It had a part of entry 4, and nothing of entry 5.
    let shown = scene.work_and_show(&mut client);
    assert_eq!(shown, "1-4 a:restart:3:2-3 2-4");
}

#[test]
fn a_reader_that_catches_up_is_sent_nothing_more_that_is_lost() {
    let mut outcomes = std::collections::BTreeSet::new();
    for room in (0..1500).step_by(25) {
        let mut scene = Scene::new(|_| {});
        scene.publish(&["a", "a"]);
        let (token, mut client) = scene.worker.add(from_the_start(&scene.worker.app));
        client.wire.borrow_mut().room = room;
        scene.worker.work();
        scene.lose();
        scene.publish(&["a"]);
        client.wire.borrow_mut().room = usize::MAX;
        scene.worker.readers.writable(token);
        outcomes.insert(scene.work_and_show(&mut client));
    }
    // The entry of which the socket had taken a part when the generation ended is the
    // last one that may be lost.
    let expected = [
        "1-1 1-3 1-4 1-5 a:restart:3:2-3 2-4",
        "1-1 1-3 1-4 a:restart:3:2-3 2-4",
        "1-1 1-3 2-4",
    ];
    assert_eq!(outcomes, expected.map(str::to_owned).into());
}

#[test]
fn gaps_that_are_not_written_are_made_anew() {
    let mut scene = Scene::new(|_| {});
    scene.publish(&["a"]);
    scene.lose();
    scene.publish(&["b"]);
    let lost = EventId {
        epoch: scene.epochs[0],
        seq: 4,
    };
    let rooms = ["a", "b"].map(|room| RoomName::parse(room).unwrap());
    let options = SubscribeOptions {
        cursor: Some(Cursor::Id(lost)),
        ..SubscribeOptions::to(RoomList::new(rooms).unwrap())
    };
    let returning = scene.worker.app.hub.subscribe(options).unwrap();
    let (token, mut client) = scene.worker.add(returning);
    scene.worker.work();
    scene.lose();
    scene.publish(&["a"]);
    client.wire.borrow_mut().room = usize::MAX;
    scene.worker.readers.writable(token);
    let shown = scene.work_and_show(&mut client);
    assert_eq!(shown, "a:restart:3:1-4 b:restart:2:2-3 3-4");
}

#[test]
fn members_stay_when_a_generation_ends() {
    let mut scene = Scene::new(|_| {});
    let (_, mut alice) = scene
        .worker
        .add(scene.worker.subscribe(&["a"], Some("Alice")));
    alice.wire.borrow_mut().room = usize::MAX;
    scene.worker.work();
    scene.publish(&["a"]);
    scene.worker.work();
    text(&mut alice);
    scene.lose();
    let _bob = subscribe(&scene.worker.app, &["a"], Some("Bob"));
    scene.worker.app.hub.tick();
    scene.worker.work();
    let shown = text(&mut alice);
    assert!(shown.contains("event: gap\n"), "{shown}");
    assert!(shown.contains(r#""count":2,"#), "{shown}");
    assert!(!shown.contains(r#""left":[{"#), "{shown}");
    let room = RoomName::parse("a").unwrap();
    let members = String::from_utf8(scene.worker.app.hub.members(&room).to_vec()).unwrap();
    assert!(members.contains("Alice") && members.contains("Bob"));
}
