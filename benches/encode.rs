//! The cost of encoding and decoding the event of one message. The server encodes
//! each message once, for any number of readers. Not measured: the timestamp, the
//! hub's lock, history, readers.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use sse_chat::protocol::Message;
use sse_chat::sse::{Decoder, Event};

fn message(bytes: usize) -> Message<'static> {
    let id = "mfz3k1q8x04z-1042".parse().expect("an event id");
    let text = "x".repeat(bytes);
    Message {
        client_id: Some("c-1042".into()),
        ..Message::new(id, "lobby", 1042, "Alice", text, "2026-11-23T01:02:03.004Z")
    }
}

fn encode(c: &mut Criterion) {
    let mut group = c.benchmark_group("encode a message");
    for bytes in [128, 4096] {
        let message = message(bytes);
        group.throughput(Throughput::Bytes(bytes as u64));
        group.bench_with_input(
            BenchmarkId::from_parameter(bytes),
            &message,
            |b, message| {
                b.iter(|| {
                    Event::with_capacity(bytes + 256)
                        .id(message.id)
                        .event("update")
                        .json(black_box(message))
                });
            },
        );
    }
    group.finish();
}

fn decode(c: &mut Criterion) {
    let event = Event::with_capacity(512)
        .id("e-1")
        .event("update")
        .json(&message(128));
    let stream = event.text().repeat(1000);
    let mut group = c.benchmark_group("decode a thousand entries");
    group.throughput(Throughput::Bytes(stream.len() as u64));
    group.bench_function("128", |b| {
        b.iter(|| {
            let mut events = 0;
            Decoder::default()
                .feed(black_box(&stream), |_| events += 1)
                .map(|()| events)
        });
    });
    group.finish();
}

criterion_group!(benches, encode, decode);
criterion_main!(benches);
