//! What history costs, through the hub and so with its lock: a push into a
//! ring that is full, and a look at what lies after a cursor. Not measured:
//! HTTP, sockets, readers.

mod support;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use sse_chat::chat::{Cursor, EventId, Page};

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
    let mut group = c.benchmark_group("messages since a cursor");
    for missed in [1, 100] {
        let after = Cursor::Id(EventId {
            epoch: hub.epoch(),
            seq: 1000 - missed,
        });
        let page = Page {
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

criterion_group!(benches, push, since);
criterion_main!(benches);
