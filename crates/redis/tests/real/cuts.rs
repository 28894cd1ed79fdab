//! Connections that are cut after a random number of bytes, in either direction.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use sse_chat_redis::Settings;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::audit::Audit;
use crate::engine::{Engine, Persistence, programs};
use crate::node::{Node, run, settings};
use crate::random;

const WRITERS: usize = 3;
const ENTRIES: usize = 60;

/// Forwards connections to `port`, and cuts each after at most `most` bytes of a direction.
/// Returns its own port, and how many it has cut.
async fn cutting_proxy(port: u16, most: usize, seed: u64) -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let own = listener.local_addr().unwrap().port();
    let cuts = Arc::<AtomicUsize>::default();
    let counted = Arc::clone(&cuts);
    tokio::spawn(async move {
        let mut random = fastrand::Rng::with_seed(seed);
        while let Ok((client, _)) = listener.accept().await {
            let server = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
            let [up, down] = [(); 2].map(|()| random.usize(..most));
            let counted = Arc::clone(&counted);
            tokio::spawn(async move {
                forward(client, server, up, down).await;
                counted.fetch_add(1, Ordering::Relaxed);
            });
        }
    });
    (own, cuts)
}

/// Forwards until one side ends or as many bytes have passed in a direction.
async fn forward(client: TcpStream, server: TcpStream, up: usize, down: usize) {
    let (client_read, client_write) = client.into_split();
    let (server_read, server_write) = server.into_split();
    let copy = |mut from: tokio::net::tcp::OwnedReadHalf,
                mut to: tokio::net::tcp::OwnedWriteHalf,
                mut left: usize| async move {
        let mut bytes = [0; 1024];
        while left > 0 {
            let Ok(count @ 1..) = from.read(&mut bytes).await else {
                return;
            };
            let count = count.min(left);
            if to.write_all(&bytes[..count]).await.is_err() {
                return;
            }
            left -= count;
        }
    };
    tokio::select! {
        () = copy(client_read, server_write, up) => {}
        () = copy(server_read, client_write, down) => {}
    }
}

#[test]
#[ignore = "needs Redis"]
fn over_connections_that_are_cut_each_entry_is_published_and_read_once() {
    let mut random = random("cuts");
    run(async {
        for program in programs() {
            let engine = Engine::start(&program, Persistence::None);
            let direct = Node::join(settings(&engine)).await;
            // A read of all entries would be more.
            let proxy = cutting_proxy(engine.port(), 60_000, random.u64(..));
            let (port, cuts) = proxy.await;
            let cut = Settings {
                url: format!("redis://127.0.0.1:{port}"),
                ..settings(&engine)
            };
            let writers = (0..WRITERS).map(|writer| {
                let cut = cut.clone();
                tokio::spawn(async move {
                    let mut node = Node::try_join(cut).await;
                    let mut seqs = BTreeMap::new();
                    for index in 0..ENTRIES {
                        let content = format!("{writer}-{index}-{}", "x".repeat(500));
                        seqs.insert(node.publish_surely(&content).await, content);
                    }
                    // Its own reader gets those of all writers.
                    (seqs, node.contents(WRITERS * ENTRIES).await)
                })
            });
            let mut published = BTreeMap::new();
            let mut read = Vec::new();
            for writer in writers.collect::<Vec<_>>() {
                let (seqs, contents) = writer.await.unwrap();
                published.extend(seqs);
                read.push(contents);
            }
            let expected: Vec<_> = published.values().cloned().collect();
            assert_eq!(
                expected.len(),
                WRITERS * ENTRIES,
                "{program}: each has its seq"
            );
            for contents in read {
                assert_eq!(contents, expected, "{program}");
            }
            let audit = Audit::of(&mut engine.connect());
            assert_eq!(audit.seq as usize, WRITERS * ENTRIES, "{program}");
            assert!(cuts.load(Ordering::Relaxed) > 0, "{program}");
            drop(direct);
        }
    });
}
