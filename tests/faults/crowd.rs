//! As many clients as open files allow connect at once and disconnect at once.

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::scene::Scene;
use crate::server_process::{ServerProcess, WRITERS};
use crate::wire::{Item, Pace, Wire};
use crate::{random, within};

/// The most clients. The case has 10,000, which is too much for test machines.
const CROWD: u64 = 2000;
/// Open files for everything else.
const OTHERS: u64 = 200;

// 78
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crowd_that_connects_and_disconnects_at_once_is_served_and_leaves_nothing() {
    let files = rlimit::increase_nofile_limit(u64::MAX).unwrap();
    let crowd = CROWD.min(files - OTHERS);
    println!("{crowd} clients");
    let mut server = ServerProcess::start(&["--ping", "10s"]).await;
    let mut scene = Scene::new(&["a"], random("crowd"));
    scene.writer("Ada", server.address());
    scene.plain("plain", &["a"], server.address());
    scene.until_all_connected().await;
    scene.publish(1).await;
    let before = server.open_files();
    let mut coming = JoinSet::new();
    for _ in 0..crowd {
        coming.spawn(come(server.address()));
    }
    let mut there = within(coming.join_all()).await;
    scene.publish(1).await;
    let mut hearing = JoinSet::new();
    for mut wire in there.drain(..) {
        hearing.spawn(async move {
            expect(&mut wire, "update").await;
            wire
        });
    }
    let there = within(hearing.join_all()).await;
    assert!(server.open_files() as u64 >= crowd);
    drop(there);
    server.until_open_files(before + WRITERS).await;
    scene.publish(20).await;
    server.assert_runs();
    let record = scene.finish(server.address()).await;
    assert_eq!(record.readings[0].cuts(), 0);
}

/// Opens a stream and reads its hello.
async fn come(address: std::net::SocketAddr) -> Wire {
    let mut socket = TcpStream::connect(address).await.unwrap();
    let ask = b"GET /rooms/a/events HTTP/1.1\r\nHost: localhost\r\n\r\n";
    socket.write_all(ask).await.unwrap();
    let mut wire = Wire::new(socket.into(), Pace::Free);
    // All are served at the same time, so a slow machine needs long.
    wire.silence = crate::DEADLINE;
    assert!(wire.head().await.unwrap().starts_with("HTTP/1.1 200 "));
    expect(&mut wire, "hello").await;
    wire
}

/// Asserts the kind of the next event. Pings may precede it while many clients
/// connect.
async fn expect(wire: &mut Wire, kind: &str) {
    loop {
        match wire.next().await.unwrap() {
            Item::Event(event) if event.kind == kind => return,
            Item::Retry(_) => {}
            Item::Event(event) if event.kind == "ping" => {}
            other => panic!("{other:?}"),
        }
    }
}
