//! Readers connect and disconnect all the time, while idle rooms are removed and
//! history evicts messages. A room that returns continues its numbers, and returning
//! readers learn what they missed.

use std::net::SocketAddr;
use std::time::Duration;

use crate::plain_reader::PlainReader;
use crate::record::{Begins, Reading, Seen};
use crate::scene::Scene;
use crate::server_process::ServerProcess;
use crate::{random, rounds, within};

pub(crate) const ROOMS: &[&str] = &["a", "b", "c", "d"];
const VISITORS: usize = 8;
/// Interval of polling the list of rooms.
const LOOK: Duration = Duration::from_millis(50);

// 87
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_that_reconnect_learn_what_they_missed() {
    let mut random = random("churn");
    let history = random.choice(["0", "1", "5", "50"]).unwrap();
    println!("history: {history}");
    let flags = ["--history", history, "--room-idle", "1s", "--list-rooms"];
    let mut server = ServerProcess::start(&flags).await;
    let mut scene = Scene::new(ROOMS, random.fork()).with_changes();
    for name in ["Ada", "Bob", "Cyd"] {
        scene.writer(name, server.address());
    }
    let stays = scene.plain("stays in a", &["a"], server.address());
    stays.until(|reading| reading.hellos() == 1).await;
    let mut visitors: Vec<PlainReader> = (0..VISITORS)
        .map(|number| visitor(number, &scene, server.address(), &mut random))
        .collect();
    for _ in 0..rounds(3) {
        for _ in 0..30 {
            scene.allow(20);
            let visitor = random.choice(&mut visitors).unwrap();
            visit(visitor, &mut random).await;
        }
        scene.until_left(0).await;
        // No messages, and only one reader.
        until_only_one_room(&server).await;
    }
    server.assert_runs();
    for visitor in visitors {
        scene.stay(visitor);
    }
    let record = scene.finish(server.address()).await;
    let gaps = |reading: &Reading| reading.gaps("evicted");
    let gaps: usize = record.readings.iter().map(gaps).sum();
    assert!(gaps > 0, "no reader missed a message");
}

/// A reader that reads some rooms from time to time.
pub(crate) fn visitor(
    number: usize,
    scene: &Scene,
    address: SocketAddr,
    random: &mut fastrand::Rng,
) -> PlainReader {
    let count = random.usize(1..=ROOMS.len());
    let rooms = random.choose_multiple(ROOMS.iter().copied(), count);
    let (begins, query) = match random.bool() {
        true => (Begins::Past, "&backlog=all"),
        false => (Begins::Now, ""),
    };
    let page = scene
        .notes
        .reader(&format!("visitor {number}"), &rooms, begins);
    let mut reader = scene.plain_reader(address, page);
    reader.path.push_str(query);
    reader
}

/// Resumes reading and disconnects after a random number of events.
pub(crate) async fn visit(visitor: &mut PlainReader, random: &mut fastrand::Rng) {
    let begin = visitor.page.look(|reading| reading.seen.len());
    let events = random.usize(1..40);
    let page = visitor.page.clone();
    let enough = page.until(move |reading| {
        // Without messages there are pings.
        reading.seen.len() >= begin + events || reading.seen[begin..].contains(&Seen::Ping)
    });
    tokio::select! {
        () = enough => page.saw(Seen::Cut),
        () = visitor.read_one_stream() => {}
    }
}

/// Waits until only the room with a reader is left.
async fn until_only_one_room(server: &ServerProcess) {
    within(async {
        loop {
            let list = server.get("/rooms").await;
            if list.matches("\"room\":").count() == 1 {
                return;
            }
            tokio::time::sleep(LOOK).await;
        }
    })
    .await;
}
