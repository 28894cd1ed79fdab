//! Everybody at once: as many connects in one moment as open files allow, and
//! as many that leave.

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::running::{Running, WRITERS};
use crate::scene::Scene;
use crate::wire::{Item, Pace, Wire};
use crate::{random, within};

/// Clients at most. The case has 10,000, which is more than the machines bear
/// that these tests have to run on.
const CROWD: u64 = 2000;
/// Open files that are needed for all else.
const OTHERS: u64 = 200;

// 78
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crowd_that_comes_and_goes_at_once_is_served_and_leaves_nothing() {
    let files = rlimit::increase_nofile_limit(u64::MAX).unwrap();
    let crowd = CROWD.min(files - OTHERS);
    println!("{crowd} clients");
    let mut server = Running::start(&["--ping", "10s"]).await;
    let mut scene = Scene::new(&["a"], random("crowd"));
    scene.writer("Ada", server.address());
    scene.plain("plain", &["a"], server.address());
    scene.all_are_there().await;
    scene.say(1).await;
    let before = server.open_files();
    let mut coming = JoinSet::new();
    for _ in 0..crowd {
        coming.spawn(come(server.address()));
    }
    let mut there = within(coming.join_all()).await;
    scene.say(1).await;
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
    scene.say(20).await;
    server.assert_runs();
    let record = scene.finish(server.address()).await;
    assert_eq!(record.readings[0].cuts(), 0);
}

/// Comes into the room, and is welcomed.
async fn come(address: std::net::SocketAddr) -> Wire {
    let mut socket = TcpStream::connect(address).await.unwrap();
    let ask = b"GET /rooms/a/events HTTP/1.1\r\nHost: localhost\r\n\r\n";
    socket.write_all(ask).await.unwrap();
    let mut wire = Wire::new(socket, Pace::Free);
    // All of them are served at once, on whatever machine this is.
    wire.silence = crate::DEADLINE;
    assert!(wire.head().await.unwrap().starts_with("HTTP/1.1 200 "));
    expect(&mut wire, "hello").await;
    wire
}

/// The next event, which must be this. Where so many come, there may be a ping
/// before it.
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
