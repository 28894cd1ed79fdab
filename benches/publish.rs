//! What publishing costs in process with 0, 1 and 1,000 subscriptions, each of
//! which takes its delivery. Not measured: HTTP and sockets, which cost more.

mod support;

use std::task::{Context, Poll, Waker};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use sse_chat::chat::{Backlog, Subscribe, Subscription};

fn publish(c: &mut Criterion) {
    let mut group = c.benchmark_group("publish and deliver");
    for readers in [0, 1, 1000] {
        let hub = support::hub();
        let (lobby, draft) = (support::lobby(), support::draft());
        let wish = || Subscribe {
            rooms: lobby.clone().into(),
            cursor: None,
            backlog: Backlog::Last(0),
            name: None,
            presence: false,
        };
        let mut subscriptions: Vec<Subscription> = (0..readers)
            .map(|_| hub.subscribe(wish()).expect("a room"))
            .collect();
        subscriptions
            .iter_mut()
            .for_each(|subscription| assert!(poll(subscription).is_pending()));
        group.throughput(Throughput::Elements(readers.max(1)));
        group.bench_function(BenchmarkId::from_parameter(readers), |b| {
            b.iter(|| {
                hub.publish(&lobby, draft.clone()).expect("a room");
                for subscription in &mut subscriptions {
                    assert!(poll(subscription).is_ready());
                    // As a connection does: it looks again before it waits.
                    assert!(poll(subscription).is_pending());
                }
            });
        });
    }
    group.finish();
}

fn poll(subscription: &mut Subscription) -> Poll<sse_chat::chat::Delivery> {
    subscription.poll_next(&mut Context::from_waker(Waker::noop()))
}

criterion_group!(benches, publish);
criterion_main!(benches);
