//! Readers whose connection stays with hyper, over pipes.

use std::pin::Pin;

use http_body::Body as _;

use super::super::pipe::{PipeWriter, pipe};
use super::super::socket::WorkerWaker;
use super::*;

/// A worker that writes into pipes, and the bodies that hyper would read.
pub(super) struct Pipes {
    pub(super) worker: TestWorker<PipeWriter>,
    waker: Arc<WorkerWaker>,
    _poll: mio::Poll,
}

impl Pipes {
    pub(super) fn of(app: &Arc<App>) -> Self {
        let poll = mio::Poll::new().unwrap();
        let waker = WorkerWaker::new(poll.registry(), mio::Token(0)).unwrap();
        Self {
            worker: TestWorker::of(app),
            waker: Arc::new(waker),
            _poll: poll,
        }
    }

    pub(super) fn open(&mut self, subscription: Subscription) -> PipeBody {
        let stream = StreamHandoff::without_request(&self.worker.app, subscription);
        let (mut writer, body) = pipe(&self.waker, stream.hello.text());
        writer.register(self.worker.readers.next_token());
        let first = Bytes::new();
        self.worker.add_socket(writer, Handoff { first, stream });
        body
    }

    /// Handles the pipes that became ready.
    pub(super) fn notice(&mut self) {
        for token in self.waker.take_ready() {
            self.worker.readers.writable(token);
            self.worker.readers.readable(token);
        }
    }

    /// Does all work while the body is read as fast as possible.
    pub(super) fn read_all(&mut self, body: &mut PipeBody) -> (String, Option<StreamCut>) {
        let mut text = Vec::new();
        loop {
            let more = self.worker.work_once();
            match take(body) {
                Some(Ok(bytes)) if !bytes.is_empty() => text.extend(bytes),
                Some(Err(cut)) => return (String::from_utf8(text).unwrap(), Some(cut)),
                _ if !more => return (String::from_utf8(text).unwrap(), None),
                _ => {}
            }
            self.notice();
        }
    }
}

/// The data that a body has now; `None` after its end.
pub(super) fn take(body: &mut PipeBody) -> Option<Result<Vec<u8>, StreamCut>> {
    let mut cx = Context::from_waker(Waker::noop());
    match Pin::new(body).poll_frame(&mut cx) {
        Poll::Ready(frame) => {
            frame.map(|frame| frame.map(|frame| frame.into_data().unwrap().into()))
        }
        Poll::Pending => Some(Ok(Vec::new())),
    }
}

/// A worker, and history in room `a` that is larger than a pipe.
fn with_history() -> Pipes {
    let app = Arc::new(App::new(Config::default()).unwrap());
    (1..=100).for_each(|number| publish(&app, "a", &format!("n {number} {}", "x".repeat(1000))));
    Pipes::of(&app)
}

#[test]
fn a_body_has_the_events_and_no_chunks() {
    let mut pipes = with_history();
    let mut body = pipes.open(from_the_start(&pipes.worker.app));
    let first = take(&mut body).unwrap().unwrap();
    let first = String::from_utf8(first).unwrap();
    assert!(first.starts_with("retry: ") && first.contains("\nevent: hello\n"));
    assert!(
        first.ends_with("]}\n\n"),
        "it is there before the worker writes: {first}"
    );
    let (text, cut) = pipes.read_all(&mut body);
    assert_eq!(numbers(&text), (1..=100).collect::<Vec<_>>());
    assert!(text.ends_with("}\n\n") && !text.contains('\r'), "{text}");
    publish(&pipes.worker.app, "a", "n 101");
    assert_eq!(numbers(&pipes.read_all(&mut body).0), [101]);
    assert_eq!(cut, None);
}

#[test]
fn a_body_may_be_dropped_at_every_point() {
    let points: [fn(&mut Pipes, &mut PipeBody); 6] = [
        |_, _| {},
        |_, body| drop(take(body)),
        |pipes, _| pipes.worker.work(),
        |pipes, body| {
            pipes.worker.work();
            drop(take(body));
            pipes.worker.work_once();
        },
        |pipes, body| drop(pipes.read_all(body)),
        |pipes, body| {
            drop(pipes.read_all(body));
            publish(&pipes.worker.app, "a", "live");
            pipes.worker.deliver();
        },
    ];
    for (number, reach) in points.into_iter().enumerate() {
        let mut pipes = with_history();
        let mut body = pipes.open(from_the_start(&pipes.worker.app));
        reach(&mut pipes, &mut body);
        drop(body);
        pipes.notice();
        pipes.worker.work();
        assert!(pipes.worker.readers.is_empty(), "point {number}");
        assert_eq!(pipes.worker.app.hub.readers(), 0, "point {number}");
    }
}

#[test]
fn a_drain_in_the_middle_of_a_replay_sends_all_of_it_and_bye() {
    let mut pipes = with_history();
    let mut body = pipes.open(from_the_start(&pipes.worker.app));
    pipes.worker.work();
    let mut text = String::from_utf8(take(&mut body).unwrap().unwrap()).unwrap();
    assert!(numbers(&text).len() < 10, "a piece is bounded");
    pipes.worker.app.draining.begin(Duration::ZERO);
    pipes.worker.tick(Duration::from_millis(1));
    pipes.notice();
    let (rest, cut) = pipes.read_all(&mut body);
    text.push_str(&rest);
    assert_eq!(numbers(&text), (1..=100).collect::<Vec<_>>());
    assert!(text.contains("event: bye\n"), "{rest}");
    assert_eq!((cut, take(&mut body)), (None, None), "a clean end");
    assert!(pipes.worker.readers.is_empty());
}

#[test]
fn a_worker_does_not_cut_a_body_that_is_not_read() {
    let mut pipes = with_history();
    let mut body = pipes.open(from_the_start(&pipes.worker.app));
    pipes.worker.work();
    // A slow client may need longer for one large event.
    let stall = pipes.worker.app.config.limits.stall;
    let tick = tick_interval(&pipes.worker.app.config);
    for _ in 0..=stall.as_millis() / tick.as_millis() + 1 {
        pipes.worker.tick(tick);
    }
    let (text, cut) = pipes.read_all(&mut body);
    assert_eq!((numbers(&text).len(), cut), (100, None));
    assert_eq!(pipes.worker.app.stalled.load(Ordering::Relaxed), 0);
}

#[test]
fn a_worker_that_ends_cuts_its_bodies() {
    let mut pipes = with_history();
    let mut body = pipes.open(subscribe(&pipes.worker.app, &["a"], None));
    drop(pipes.read_all(&mut body));
    drop(pipes);
    assert_eq!(take(&mut body), Some(Err(StreamCut)));
}
