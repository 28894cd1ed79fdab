//! All faults at once in random order: a bad network, and a server that is killed,
//! stopped and terminated, while readers connect and disconnect.

use crate::churn::{ROOMS, visit, visitor};
use crate::proxy::Proxy;
use crate::record::Reading;
use crate::scene::Scene;
use crate::server_process::ServerProcess;
use crate::{random, rounds};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_faults_at_once() {
    let mut random = random("together");
    // Nothing is evicted within an epoch, so that retries are deduplicated.
    let flags = ["--history", "100000", "--grace", "500ms"];
    let mut server = ServerProcess::start(&flags).await;
    let proxy = Proxy::start(server.address(), random.fork()).await;
    let mut scene = Scene::new(ROOMS, random.fork()).with_changes();
    scene.expect_silence();
    for name in ["Ada", "Bob", "Cyd"] {
        scene.writer(name, proxy.address);
        scene.writer(&format!("{name}2"), server.address());
    }
    scene.client("client", ROOMS, proxy.address);
    scene.client("direct client", ROOMS, server.address());
    scene.plain("plain", ROOMS, proxy.address);
    let direct = scene.plain("direct plain", &["a", "b"], server.address());
    scene.until_all_connected().await;
    proxy.enable_faults();
    let mut visitors: Vec<_> = (0..4)
        .map(|number| visitor(number, &scene, proxy.address, &mut random))
        .collect();
    for _ in 0..rounds(12) {
        scene.allow(100);
        scene.until_left(random.u64(0..100)).await;
        match random.u8(0..4) {
            0 => {
                server.kill().await;
                server.start_again().await;
            }
            1 => {
                server.terminate().await;
                server.start_again().await;
            }
            2 => {
                direct.until(Reading::is_connected).await;
                server.signal("STOP").await;
                direct.until(|reading| !reading.is_connected()).await;
                server.signal("CONT").await;
            }
            _ => {
                for _ in 0..5 {
                    visit(random.choice(&mut visitors).unwrap(), &mut random).await;
                }
            }
        }
        scene.until_left(0).await;
    }
    proxy.disable_faults();
    server.assert_runs();
    for visitor in visitors {
        scene.stay(visitor);
    }
    scene.finish(server.address()).await;
}
