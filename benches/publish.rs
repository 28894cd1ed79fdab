//! The cost of publishing in process, with 0, 1, 2 and 8 workers that each receive
//! the event from the channel. Not measured: HTTP and sockets, which cost more.

mod support;

use std::task::{Context, Poll, Waker};

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use sse_chat::chat::{Envelope, Feed, Lagged, SubscribeOptions};

fn publish(c: &mut Criterion) {
    let mut group = c.benchmark_group("publish and take");
    for workers in [0, 1, 2, 8] {
        let hub = support::hub();
        let (lobby, draft) = (support::lobby(), support::draft());
        let options = SubscribeOptions::to(lobby.clone());
        // Events are sent only for rooms with readers.
        let _reader = (workers > 0).then(|| hub.subscribe(options).expect("a room"));
        let mut feeds: Vec<Feed> = (0..workers).map(|_| hub.feed()).collect();
        group.bench_function(BenchmarkId::from_parameter(workers), |b| {
            b.iter(|| {
                hub.publish(&lobby, draft.clone()).expect("a room");
                for feed in &mut feeds {
                    assert!(poll(feed).is_ready());
                    // As a worker does before it sleeps.
                    assert!(poll(feed).is_pending());
                }
            });
        });
    }
    group.finish();
}

fn poll(feed: &mut Feed) -> Poll<Result<Envelope, Lagged>> {
    feed.poll_next(&mut Context::from_waker(Waker::noop()))
}

criterion_group!(benches, publish);
criterion_main!(benches);
