//! Readers that wait for a commit of the store, while the server drains.

use super::*;
use crate::chat::SteppedCommitter;
use crate::protocol::{Cursor, EventId};
use crate::test_folder::TestFolder;

/// A worker with a reader that waits for evictions, and the store. The folder is dropped
/// last.
struct Held {
    worker: TestWorker,
    client: FakeClient,
    committer: SteppedCommitter,
    _folder: TestFolder,
}

impl Held {
    fn new() -> Self {
        let config = Config {
            history: 1,
            ..Config::default()
        };
        let mut app = App::new(config).unwrap();
        let folder = TestFolder::new();
        let (hub, mut committer) = SteppedCommitter::open(folder.path(), &app.hub, 1 << 20, false);
        app.hub = hub;
        let app = Arc::new(app);
        for room in ["b", "a", "b", "a", "b"] {
            publish(&app, room, "n 1");
        }
        commit(&mut committer);
        let mut worker = TestWorker::of(&app);
        let (_, mut client) = worker.add(from_before(&app));
        client.wire.borrow_mut().room = usize::MAX;
        worker.pass(Duration::from_secs(1));
        let first = text(&mut client);
        assert!(first.contains("event: hello\n") && !first.contains("event: gap\n"));
        Self {
            worker,
            client,
            committer,
            _folder: folder,
        }
    }
}

fn drain(worker: &mut TestWorker) {
    worker.app.draining.begin(Duration::ZERO);
    worker.tick(Duration::from_millis(1));
    worker.work();
}

fn commit(committer: &mut SteppedCommitter) {
    committer.take();
    committer.commit();
    committer.show();
}

/// A subscription to rooms a and b, of a reader that has nothing.
fn from_before(app: &App) -> Subscription {
    let rooms = ["a", "b"].map(|room| RoomName::parse(room).unwrap());
    let cursor = EventId {
        epoch: app.hub.epoch(),
        seq: 0,
    };
    let options = SubscribeOptions {
        cursor: Some(Cursor::Id(cursor)),
        ..SubscribeOptions::to(RoomList::new(rooms).unwrap())
    };
    app.hub.subscribe(options).unwrap()
}

#[test]
fn a_reader_that_waits_for_evictions_is_live_after_them() {
    let mut held = Held::new();
    commit(&mut held.committer);
    held.worker.pass(Duration::from_secs(1));
    let batch = text(&mut held.client);
    assert_eq!(batch.matches("event: gap\n").count(), 2, "{batch}");
    assert_eq!(numbers(&batch).len(), 2, "{batch}");
    publish(&held.worker.app, "a", "n 2");
    commit(&mut held.committer);
    held.worker.work();
    assert_eq!(numbers(&text(&mut held.client)), [2]);
}

#[test]
fn a_reader_that_waits_for_evictions_gets_them_and_bye_in_a_drain() {
    let mut held = Held::new();
    drain(&mut held.worker);
    assert_eq!(text(&mut held.client), "");
    commit(&mut held.committer);
    held.worker.pass(Duration::from_millis(100));
    let rest = text(&mut held.client);
    assert_eq!(rest.matches("event: gap\n").count(), 2, "{rest}");
    assert_eq!(numbers(&rest).len(), 2, "{rest}");
    assert!(rest.contains("event: bye\n") && held.client.is_at_end);
    assert!(held.worker.readers.is_empty());
}

#[test]
fn a_reader_that_waits_for_a_failed_store_gets_nothing_but_bye_in_a_drain() {
    let Held {
        mut worker,
        mut client,
        committer,
        _folder,
    } = Held::new();
    committer.close();
    worker.pass(Duration::from_millis(100));
    assert_eq!(text(&mut client), "");
    assert!(!worker.readers.is_empty());
    drain(&mut worker);
    let rest = text(&mut client);
    assert!(rest.contains("event: bye\n") && client.is_at_end);
    assert!(!rest.contains("event: gap\n"), "{rest}");
    assert!(worker.readers.is_empty());
}
