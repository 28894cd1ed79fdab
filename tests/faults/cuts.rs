//! Connections are cut, delayed and silently dropped at any byte of heads, bodies and
//! streams, in both directions.

use crate::proxy::Proxy;
use crate::record::Reading;
use crate::scene::Scene;
use crate::server_process::ServerProcess;
use crate::transport::Transport;
use crate::{random, rounds};

const ROOMS: &[&str] = &["a", "b", "c"];

/// How many are said: fewer over the other transports, since each cut costs a handshake.
fn messages(transport: Transport) -> u64 {
    match transport {
        Transport::Clear => 3000,
        _ => 1000,
    }
}

// 50, 51 and 53, over and over
async fn through_a_bad_network_all_messages_are_delivered_once_and_in_order(transport: Transport) {
    let mut random = random("cuts");
    // Nothing is evicted, so that retries are deduplicated.
    let mut server = ServerProcess::start_over(transport, &["--history", "100000"]).await;
    let proxy = Proxy::start(server.address(), random.fork()).await;
    let readers_proxy = Proxy::start(server.readers_address(), random.fork()).await;
    let mut scene = Scene::new(ROOMS, random).over(transport).with_changes();
    scene.writer("Gus", server.address());
    let direct = scene.plain("direct", ROOMS, server.readers_address());
    scene.expect_silence();
    for name in ["Ada", "Bob", "Cyd", "Dan", "Eve", "Fay"] {
        scene.writer(name, proxy.address);
    }
    scene.client("client of a", &["a"], proxy.address);
    scene.client("client of all", ROOMS, proxy.address);
    for number in 0..4 {
        scene.plain(
            &format!("plain {number} of all"),
            ROOMS,
            readers_proxy.address,
        );
    }
    scene.until_all_connected().await;
    let proxies = [proxy, readers_proxy];
    proxies.iter().for_each(Proxy::enable_faults);
    let messages = messages(transport);
    scene.publish(messages * rounds(1)).await;
    proxies.iter().for_each(Proxy::disable_faults);
    let ended: usize = proxies.iter().map(Proxy::ended).sum();
    server.assert_runs();
    let record = scene.finish(server.address()).await;
    let least = usize::try_from(messages / 100).unwrap();
    assert!(ended > least, "{ended} connections ended");
    let cuts: usize = record.readings.iter().map(Reading::cuts).sum();
    assert!(cuts > least, "{cuts} cuts");
    for reading in &record.readings {
        let gaps = reading.gaps("evicted") + reading.gaps("lagged") + reading.gaps("restart");
        assert_eq!(gaps, 0, "{}", reading.reader);
    }
    assert_eq!(direct.look(Reading::cuts), 0);
}

over_each! {
    through_a_bad_network_all_messages_are_delivered_once_and_in_order
}
