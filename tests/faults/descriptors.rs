//! Without free file descriptors the server accepts no connections, but serves the
//! open ones.

use std::time::Instant;

use tokio::net::TcpStream;

use crate::client_reader::client;
use crate::notes::Page;
use crate::scene::Scene;
use crate::server_process::ServerProcess;
use crate::{random, rounds, within};

const FILES: usize = 64;

// 77
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_descriptors_open_connections_are_served_and_the_server_recovers() {
    let mut server = ServerProcess::start_with_files(FILES, &["--ping", "2s"]).await;
    let mut scene = Scene::new(&["a"], random("descriptors"));
    scene.client("client", &["a"], server.address());
    let plain = scene.plain("plain", &["a"], server.address());
    // A writer keeps its connection, but its pool may open a second one, which is
    // not accepted.
    scene.expect_silence();
    for name in ["Ada", "Bob"] {
        scene.writer(name, server.address());
    }
    scene.until_all_connected().await;
    scene.publish(20).await;
    for round in 1..=rounds(2) {
        let mut crowd = Vec::new();
        for _ in 0..2 * FILES {
            crowd.push(within(TcpStream::connect(server.address())).await.unwrap());
        }
        server.until_logged("can't accept", round as usize).await;
        scene.publish(200).await;
        let busy = busy_share(&server, &plain).await;
        assert!(busy < 0.5, "it spins: {busy}");
        drop(crowd);
        within(client(server.address()).readiness()).await.unwrap();
        let late = scene.plain("late", &["a"], server.address());
        late.until(|reading| reading.hellos() == 1).await;
        scene.publish(20).await;
    }
    server.assert_runs();
    let record = scene.finish(server.address()).await;
    for reading in &record.readings {
        reading.assert_undisturbed();
    }
}

/// The share of one core that the idle server uses, measured over some pings.
pub(crate) async fn busy_share(server: &ServerProcess, reader: &Page) -> f64 {
    const PINGS: usize = 2;
    let begin = reader.look(|reading| reading.pings());
    let (wall, cpu) = (Instant::now(), server.cpu_time());
    reader
        .until(|reading| reading.pings() >= begin + PINGS)
        .await;
    let used = server.cpu_time() - cpu;
    used.as_secs_f64() / wall.elapsed().as_secs_f64()
}
