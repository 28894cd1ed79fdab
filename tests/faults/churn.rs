//! Readers that come and go all the time, while idle rooms are forgotten and
//! history drops what it can't hold. A room that comes back goes on where it
//! was, and those who had been there know what they missed.

use std::net::SocketAddr;
use std::time::Duration;

use crate::plain_reader::PlainReader;
use crate::record::{Begins, Reading, Seen};
use crate::running::Running;
use crate::scene::Scene;
use crate::{random, rounds, within};

pub(crate) const ROOMS: &[&str] = &["a", "b", "c", "d"];
const VISITORS: usize = 8;
/// A pause between two looks at the list of rooms.
const LOOK: Duration = Duration::from_millis(50);

// 87
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_that_come_and_go_know_what_they_missed() {
    let mut random = random("churn");
    let history = random.choice(["0", "1", "5", "50"]).unwrap();
    println!("history: {history}");
    let flags = ["--history", history, "--room-idle", "1s", "--list-rooms"];
    let mut server = Running::start(&flags).await;
    let mut scene = Scene::new(ROOMS, random.fork());
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
        // Nobody says anything, and only one reader is there.
        until_only_one_room(&server).await;
    }
    server.assert_runs();
    for visitor in visitors {
        scene.stay(visitor);
    }
    let record = scene.finish(server.address()).await;
    let gaps = |reading: &Reading| reading.gaps("evicted");
    let gaps: usize = record.readings.iter().map(gaps).sum();
    assert!(gaps > 0, "nobody missed anything");
}

/// Somebody who reads some rooms now and then.
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

/// Reads on, and leaves after so many events, in the middle of whatever it is.
pub(crate) async fn visit(visitor: &mut PlainReader, random: &mut fastrand::Rng) {
    let begin = visitor.page.look(|reading| reading.seen.len());
    let events = random.usize(1..40);
    let page = visitor.page.clone();
    let enough = page.until(move |reading| {
        // Where nothing is said there is a ping in time.
        reading.seen.len() >= begin + events || reading.seen[begin..].contains(&Seen::Ping)
    });
    tokio::select! {
        () = enough => page.saw(Seen::Cut),
        () = visitor.read_one_stream() => {}
    }
}

/// Waits until the server knows only the room that somebody is in.
async fn until_only_one_room(server: &Running) {
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
