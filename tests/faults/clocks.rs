//! The wall clock jumps. Ids stay in order and timeouts keep their length.

use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::scene::Scene;
use crate::server_process::ServerProcess;
use crate::{random, rounds};

const HOUR: i64 = 3600;
/// Pings to wait for, one per second: time enough to remove idle rooms.
const PINGS: usize = 3;

// 82
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs libfaketime, which tests/run.sh installs"]
async fn clock_jumps_change_no_order_and_no_timeout() {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("clock");
    std::fs::write(&file, "+0").unwrap();
    // "idle" has no reader, and its idle time is shorter than a jump.
    let flags = ["--room-idle", "30m", "--ping", "1s"];
    let mut server = ServerProcess::start_with_clock(&file, &flags).await;
    let mut scene = Scene::new(&["a", "idle"], random("clocks"));
    for name in ["Ada", "Bob"] {
        scene.writer(name, server.address());
    }
    scene.client("client", &["a"], server.address());
    let plain = scene.plain("plain", &["a"], server.address());
    scene.until_all_connected().await;
    for _ in 0..rounds(1) {
        for hours in [1, 0, -1, 1, -24] {
            scene.publish(40).await;
            std::fs::write(&file, format!("{:+}", hours * HOUR)).unwrap();
            let pings = plain.look(|reading| reading.pings());
            plain
                .until(|reading| reading.pings() >= pings + PINGS)
                .await;
            let idle = server.get("/rooms/idle/messages?limit=500").await;
            assert!(idle.contains("\"number\":1,"), "the room was forgotten");
            scene.publish(1).await;
            assert_jumped(&server, hours).await;
        }
    }
    server.assert_runs();
    let record = scene.finish(server.address()).await;
    for reading in &record.readings {
        reading.assert_undisturbed();
    }
}

/// Asserts that the newest message is from `hours` hours from now.
async fn assert_jumped(server: &ServerProcess, hours: i64) {
    let mut newest = None;
    for room in ["a", "idle"] {
        let answer = server.get(&format!("/rooms/{room}/messages?limit=1")).await;
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        let list: Value = serde_json::from_str(body).unwrap();
        let message = &list["messages"][0];
        let seq: u64 = message["id"]
            .as_str()
            .unwrap()
            .rsplit('-')
            .next()
            .unwrap()
            .parse()
            .unwrap();
        newest = newest.max(Some((
            seq,
            message["created_at"].as_str().unwrap().to_owned(),
        )));
    }
    let (_, said) = newest.unwrap();
    let offset = said
        .parse::<Timestamp>()
        .unwrap()
        .duration_since(Timestamp::now());
    let wrong = (offset - SignedDuration::from_hours(hours)).abs();
    assert!(wrong < SignedDuration::from_mins(5), "{said}");
}
