//! Processes that are stopped for a while: readers and the server.

use crate::record::Reading;
use crate::scene::Scene;
use crate::server_process::ServerProcess;
use crate::{random, rounds};

const ROOMS: &[&str] = &["a", "b"];

// 56
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stopped_and_continued_readers_miss_nothing_that_history_holds() {
    let mut random = random("stopped readers");
    let mut server =
        ServerProcess::start(&["--history", "100000", "--history-bytes", "1GiB"]).await;
    let mut scene = Scene::new(ROOMS, random.fork()).with_changes();
    for name in ["Ada", "Bob"] {
        scene.writer_of(name, server.address(), 1000);
    }
    scene.plain("plain", ROOMS, server.address());
    let mut tails = Vec::new();
    for (name, rooms) in [("of a", &["a"][..]), ("of b", &["b"]), ("of both", ROOMS)] {
        tails.push(scene.tail(name, rooms, &server.url()));
    }
    scene.until_all_connected().await;
    scene.publish(20).await;
    for (_, page) in &tails {
        page.until(|reading| reading.updates() > 0).await;
    }
    for _ in 0..rounds(3) {
        // One of them always continues.
        let spared = random.usize(0..tails.len());
        let stopped = || tails.iter().enumerate().filter(|(at, _)| *at != spared);
        for (_, (tail, _)) in stopped() {
            tail.signal("STOP").await;
        }
        scene.publish(400).await;
        for (_, (tail, _)) in stopped() {
            tail.signal("CONT").await;
        }
        scene.publish(20).await;
    }
    server.assert_runs();
    scene.finish(server.address()).await;
}

// Like a suspended machine, which vanishes for its clients.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopped_and_continued_server_loses_no_client() {
    let mut server = ServerProcess::start(&["--history", "100000"]).await;
    let mut scene = Scene::new(ROOMS, random("stopped server")).with_changes();
    scene.expect_silence();
    for name in ["Ada", "Bob", "Cyd"] {
        scene.writer(name, server.address());
    }
    scene.client("client", ROOMS, server.address());
    for number in 0..5 {
        scene.plain(&format!("plain {number}"), ROOMS, server.address());
    }
    for _ in 0..rounds(3) {
        scene.until_all(Reading::is_connected).await;
        scene.allow(200);
        scene.until_left(100).await;
        server.signal("STOP").await;
        // Until all clients have given up.
        scene.until_all(|reading| !reading.is_connected()).await;
        server.signal("CONT").await;
        scene.until_left(0).await;
    }
    server.assert_runs();
    let record = scene.finish(server.address()).await;
    for reading in &record.readings {
        assert_eq!(reading.gaps("restart") + reading.gaps("evicted"), 0);
    }
}
