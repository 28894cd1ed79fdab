mod access;
mod changes;
mod channel;
mod counting;
mod ending;
mod generations;
#[cfg(feature = "data")]
mod holding;
mod leaving;
mod pipes;
mod promises;
pub(super) mod replaying;
mod staleness;
mod threads;
mod time;
#[cfg(feature = "https")]
mod tls;
mod wire;
mod writing;

use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use self::wire::{FakeClient, FakeSocket};
use super::clock::tick_interval;
use super::mailbox::ReaderPermit;
use super::readers::Readers;
use super::socket::Socket;
use super::*;
use crate::chat::{Draft, RoomList, SubscribeOptions, Subscription};
use crate::config::Config;
use crate::http::StreamHandoff;
use crate::protocol::Backlog;
use crate::protocol::{MessageText, RoomName, UserName};

/// A worker without a thread, a poll and sockets.
struct TestWorker<S: Socket = FakeSocket> {
    app: Arc<App>,
    readers: Readers<S>,
    tasks: TaskTracker,
    load: Arc<AtomicUsize>,
    counters: Arc<WorkerCounters>,
    fanout_counters: FanoutCounters,
    now: Instant,
}

impl<S: Socket> TestWorker<S> {
    fn of(app: &Arc<App>) -> Self {
        let fanout_counters = FanoutCounters::default();
        let counters = Arc::new(WorkerCounters::new(&fanout_counters, 0));
        let now = Instant::now();
        Self {
            app: Arc::clone(app),
            readers: Readers::new(Arc::clone(app), Arc::clone(&counters), now),
            tasks: TaskTracker::default(),
            load: Arc::default(),
            counters,
            fanout_counters,
            now,
        }
    }

    fn add_socket(&mut self, socket: S, handoff: Handoff) {
        let permit = ReaderPermit::new(&self.load, Some(ConnectionGuard::new(&self.tasks, None)));
        self.readers.add(socket, handoff, permit, self.now);
    }

    /// Does everything that can be done now.
    fn work(&mut self) {
        while self.work_once() {}
    }

    fn work_once(&mut self) -> bool {
        let delivered = self.deliver();
        self.readers.end_pauses(self.now);
        self.readers.catch_up(2, self.now) || delivered
    }

    fn deliver(&mut self) -> bool {
        let mut cx = Context::from_waker(Waker::noop());
        matches!(self.readers.deliver(&mut cx, self.now), Poll::Ready(()))
    }

    /// Lets time pass; a drain that has begun goes on.
    fn tick(&mut self, time: Duration) {
        self.now += time;
        if self.app.draining.has_begun() {
            self.readers.drain(self.now);
            self.readers.end_due(64, self.now);
        }
        self.readers.tick(self.now);
    }
}

impl TestWorker {
    fn new(change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::default();
        change(&mut config);
        Self::of(&Arc::new(App::new(config).unwrap()))
    }

    fn add(&mut self, subscription: Subscription) -> (usize, FakeClient) {
        let client = FakeClient::default();
        let token = self.readers.next_token();
        let handoff = handoff_of(&self.app, subscription);
        self.add_socket(FakeSocket(Rc::clone(&client.wire)), handoff);
        (token, client)
    }

    /// A live reader of `room` whose socket takes everything.
    fn reader(&mut self, room: &str) -> (usize, FakeClient) {
        let (token, mut client) = self.add(self.subscribe(&[room], None));
        client.wire.borrow_mut().room = usize::MAX;
        self.work();
        assert!(text(&mut client).contains("event: hello\n"));
        client.wire.borrow_mut().writes = 0;
        (token, client)
    }

    fn subscribe(&self, rooms: &[&str], name: Option<&str>) -> Subscription {
        subscribe(&self.app, rooms, name)
    }

    fn publish(&self, room: &str, text: &str) {
        publish(&self.app, room, text);
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
        self.readers.tick(self.now);
        self.work();
    }

    fn hang_up(&mut self, token: usize, client: &FakeClient) {
        client.wire.borrow_mut().is_closed = true;
        self.readers.readable(token);
    }
}

fn subscribe(app: &App, rooms: &[&str], name: Option<&str>) -> Subscription {
    let rooms = rooms.iter().map(|room| RoomName::parse(room).unwrap());
    let options = SubscribeOptions {
        name: name.map(|name| UserName::parse(name).unwrap()),
        presence: name.is_some(),
        ..SubscribeOptions::to(RoomList::new(rooms).unwrap())
    };
    app.hub.subscribe(options).unwrap()
}

/// A subscription to room `a` from its first message.
fn from_the_start(app: &App) -> Subscription {
    let options = SubscribeOptions {
        backlog: Backlog::All,
        ..SubscribeOptions::to(RoomName::parse("a").unwrap())
    };
    app.hub.subscribe(options).unwrap()
}

pub(super) fn publish(app: &App, room: &str, text: &str) {
    let draft = Draft::new(
        UserName::parse("Alice").unwrap(),
        MessageText::parse(text, 1 << 20).unwrap(),
    );
    let room = RoomName::parse(room).unwrap();
    app.hub.publish(&room, draft).unwrap();
}

/// A stream of room `a`.
pub(super) fn handoff(app: &App) -> Handoff {
    handoff_of(app, subscribe(app, &["a"], None))
}

/// A stream as the service hands it over to the fan-out.
pub(super) fn handoff_of(app: &App, subscription: Subscription) -> Handoff {
    let stream = StreamHandoff::without_request(app, subscription);
    let (head, ()) = hyper::Response::new(()).into_parts();
    Handoff {
        first: stream.first_bytes(&head),
        stream,
    }
}

/// Both ends of a connection: the client's, and the server's, which does not block.
pub(super) fn connected() -> (std::net::TcpStream, std::net::TcpStream) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (socket, _) = listener.accept().unwrap();
    socket.set_nonblocking(true).unwrap();
    (client, socket)
}

fn text(client: &mut FakeClient) -> String {
    String::from_utf8(client.text()).unwrap()
}

/// The numbers of the messages `n 1`, `n 2` and so on in the text of a stream.
fn numbers(text: &str) -> Vec<usize> {
    let number = |part: &str| part.split(['"', ' ']).next()?.parse().ok();
    text.split("\"message\":\"n ").filter_map(number).collect()
}
