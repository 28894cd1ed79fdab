//! The cost of history through the hub, including its lock: a push into a full
//! history, a page after a cursor, and a subscription that resumes from a cursor
//! until it is live. Not measured: HTTP and sockets.

mod support;

use std::time::Instant;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use sse_chat::chat::{HistoryQuery, Progress, SubscribeOptions};
use sse_chat::protocol::{Cursor, EventId};

fn push(c: &mut Criterion) {
    let (hub, lobby, draft) = (support::hub(), support::lobby(), support::draft());
    for _ in 0..1000 {
        hub.publish(&lobby, draft.clone()).expect("a room");
    }
    c.bench_function("push into a full history", |b| {
        b.iter(|| hub.publish(&lobby, draft.clone()))
    });
}

fn since(c: &mut Criterion) {
    let (hub, lobby) = (support::hub(), support::lobby());
    for _ in 0..1000 {
        hub.publish(&lobby, support::draft()).expect("a room");
    }
    let mut group = c.benchmark_group("page after a cursor");
    for missed in [1, 100] {
        let after = Cursor::Id(EventId {
            epoch: hub.epoch(),
            seq: 1000 - missed,
        });
        let page = HistoryQuery {
            after: Some(after),
            before: None,
            limit: 500,
        };
        group.bench_with_input(BenchmarkId::from_parameter(missed), &page, |b, page| {
            b.iter(|| hub.page(&lobby, *page))
        });
    }
    group.finish();
}

fn resume(c: &mut Criterion) {
    let (hub, lobby) = (support::hub(), support::lobby());
    for _ in 0..1000 {
        hub.publish(&lobby, support::draft()).expect("a room");
    }
    let mut group = c.benchmark_group("resume after a cursor");
    for missed in [1, 100] {
        let cursor = Cursor::Id(EventId {
            epoch: hub.epoch(),
            seq: 1000 - missed,
        });
        group.bench_with_input(
            BenchmarkId::from_parameter(missed),
            &cursor,
            |b, &cursor| {
                b.iter(|| {
                    let options = SubscribeOptions {
                        cursor: Some(cursor),
                        ..SubscribeOptions::to(lobby.clone())
                    };
                    let mut subscription = hub.subscribe(options).expect("a room");
                    let mut seen = 0;
                    while !matches!(subscription.catch_up(Instant::now()), Progress::Live(_)) {
                        seen += std::iter::from_fn(|| subscription.pop_ready()).count() as u64;
                    }
                    seen += std::iter::from_fn(|| subscription.pop_ready()).count() as u64;
                    assert_eq!(seen, missed);
                });
            },
        );
    }
    group.finish();
}

criterion_group!(benches, push, since, resume);
criterion_main!(benches);
