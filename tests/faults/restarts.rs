//! The server dies, ends and comes again, on the same port. What it held is
//! gone with its epoch, and everybody is told.

use std::collections::BTreeSet;

use crate::record::{Reading, Record, Seen};
use crate::running::Running;
use crate::scene::Scene;
use crate::{random, rounds};

const ROOMS: &[&str] = &["a", "b"];

/// Three writers, and readers of each kind, of one room and of both.
fn people(scene: &mut Scene, server: &Running) {
    let address = server.address();
    for name in ["Ada", "Bob", "Cyd"] {
        scene.writer(name, address);
    }
    scene.client("client of a", &["a"], address);
    scene.client("client of both", ROOMS, address);
    scene.plain("plain of b", &["b"], address);
    scene.plain("plain of both", ROOMS, address);
}

/// How many epochs the readers saw at most.
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
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_and_started_again_it_tells_of_a_new_epoch_and_doubles_nothing() {
    let mut server = Running::start(&[]).await;
    let mut scene = Scene::new(ROOMS, random("kill"));
    people(&mut scene, &server);
    scene.all_are_there().await;
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

// 79, with the streams that one machine bears in passing
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn asked_to_end_it_says_bye_to_each_stream_and_ends_it_well() {
    // Nobody comes back while the old one may still accept.
    let mut server = Running::start(&["--grace", "60s", "--retry", "2s..3s"]).await;
    let mut scene = Scene::new(ROOMS, random("terminate"));
    people(&mut scene, &server);
    for number in 0..100 {
        scene.plain(&format!("plain {number}"), &["a"], server.address());
    }
    scene.all_are_there().await;
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
        // Our own client does not show them.
        let turns = if is_plain(reading) { turns as usize } else { 0 };
        assert_eq!((byes.len(), ends), (turns, turns), "{}", reading.reader);
        let is_in_range = |retry: &u64| (2000..=3000).contains(retry);
        assert!(byes.iter().all(is_in_range), "{byes:?}");
    }
}

fn is_plain(reading: &Reading) -> bool {
    reading.reader.starts_with("plain")
}

// 81: a storm of restarts. Everybody comes back, and not in step.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_storm_of_restarts_loses_nobody() {
    let mut server = Running::start(&["--grace", "500ms"]).await;
    let mut scene = Scene::new(ROOMS, random("storm"));
    people(&mut scene, &server);
    for number in 0..200 {
        scene.plain(&format!("plain {number}"), &["a"], server.address());
    }
    scene.all_are_there().await;
    for round in 0..rounds(4) {
        match round % 2 {
            0 => server.terminate().await,
            _ => server.kill().await,
        }
        server.start_again().await;
        scene.say(20).await;
    }
    let record = scene.finish(server.address()).await;
    let byes = record.readings.iter().flat_map(Reading::byes);
    let waits: BTreeSet<u64> = byes.collect();
    assert!(
        waits.len() > 20,
        "all were told to wait for the same time: {waits:?}"
    );
}
