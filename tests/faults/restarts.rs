//! The server is killed or terminated, and restarted on the same port. Its messages
//! are lost with the epoch, and all readers get gap events.

use std::collections::BTreeSet;

use crate::record::{Reading, Record, Seen};
use crate::scene::Scene;
use crate::server_process::ServerProcess;
use crate::transport::Transport;
use crate::{random, rounds};

const ROOMS: &[&str] = &["a", "b"];

/// Adds three writers, and readers of each kind to one room and to both.
fn add_clients(scene: &mut Scene, server: &ServerProcess) {
    let address = server.address();
    for name in ["Ada", "Bob", "Cyd"] {
        scene.writer(name, address);
    }
    scene.client("client of a", &["a"], address);
    scene.client("client of both", ROOMS, address);
    scene.plain("plain of b", &["b"], server.readers_address());
    scene.plain("plain of both", ROOMS, server.readers_address());
}

/// The most epochs that a reader has seen.
fn epochs(record: &Record) -> usize {
    let of = |reading: &Reading| {
        let updates = reading.seen.iter().filter_map(|seen| match seen {
            Seen::Update(shown) => Some(shown.id.epoch.clone()),
            _ => None,
        });
        updates.collect::<BTreeSet<_>>().len()
    };
    record.readings.iter().map(of).max().unwrap_or(0)
}

// 80
async fn after_kill_and_restart_readers_learn_the_new_epoch_without_duplicates(
    transport: Transport,
) {
    let mut server = ServerProcess::start_over(transport, &[]).await;
    let mut scene = Scene::new(ROOMS, random("kill"))
        .over(transport)
        .with_changes();
    add_clients(&mut scene, &server);
    scene.until_all_connected().await;
    for _ in 0..rounds(4) {
        scene.until_all(Reading::is_connected).await;
        scene.allow(200);
        scene.until_left(100).await;
        server.kill().await;
        server.start_again().await;
        scene.until_left(0).await;
    }
    let record = scene.finish(server.address()).await;
    for reading in &record.readings {
        assert!(
            reading.gaps("restart") >= reading.rooms.len(),
            "{}",
            reading.reader
        );
    }
    assert!(epochs(&record) > 2);
}

// 79, with as many streams as a test machine allows
async fn on_termination_each_stream_gets_bye_and_ends_properly(transport: Transport) {
    // Clients return only after the old server has stopped accepting.
    let flags = ["--grace", "60s", "--retry", "2s..3s"];
    let mut server = ServerProcess::start_over(transport, &flags).await;
    let mut scene = Scene::new(ROOMS, random("terminate"))
        .over(transport)
        .with_changes();
    add_clients(&mut scene, &server);
    for number in 0..100 {
        scene.plain(&format!("plain {number}"), &["a"], server.readers_address());
    }
    scene.until_all_connected().await;
    let turns = rounds(2);
    for _ in 0..turns {
        scene.until_all(Reading::is_connected).await;
        scene.allow(100);
        scene.until_left(50).await;
        server.terminate().await;
        server.start_again().await;
        scene.until_left(0).await;
    }
    let record = scene.finish(server.address()).await;
    for reading in &record.readings {
        let (byes, ends) = (reading.byes(), reading.ends());
        // The client library does not expose them.
        let turns = if is_plain(reading) { turns as usize } else { 0 };
        assert_eq!((byes.len(), ends), (turns, turns), "{}", reading.reader);
        let is_in_range = |retry: &u64| (2000..=3000).contains(retry);
        assert!(byes.iter().all(is_in_range), "{byes:?}");
    }
}

fn is_plain(reading: &Reading) -> bool {
    reading.reader.starts_with("plain")
}

// 81: a series of restarts. All clients reconnect, at different times.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_clients_survive_a_series_of_restarts() {
    let mut server = ServerProcess::start(&["--grace", "500ms"]).await;
    let mut scene = Scene::new(ROOMS, random("storm")).with_changes();
    add_clients(&mut scene, &server);
    for number in 0..200 {
        scene.plain(&format!("plain {number}"), &["a"], server.address());
    }
    scene.until_all_connected().await;
    for round in 0..rounds(4) {
        match round % 2 {
            0 => server.terminate().await,
            _ => server.kill().await,
        }
        server.start_again().await;
        scene.publish(20).await;
    }
    let record = scene.finish(server.address()).await;
    let byes = record.readings.iter().flat_map(Reading::byes);
    let waits: BTreeSet<u64> = byes.collect();
    assert!(
        waits.len() > 20,
        "all have the same reconnection time: {waits:?}"
    );
}

over_each! {
    after_kill_and_restart_readers_learn_the_new_epoch_without_duplicates
    on_termination_each_stream_gets_bye_and_ends_properly
}
