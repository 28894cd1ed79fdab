//! Clients that go at each moment at which one can, in each way. What they held
//! is given back, and no other reader notices.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::descriptors::busy_share;
use crate::running::{Running, WRITERS};
use crate::scene::Scene;
use crate::{random, rounds, within};

const ASK: &[u8] = b"GET /rooms/a/events?name=Zoe HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// How a client goes.
#[derive(Debug, Clone, Copy)]
enum Way {
    /// Closes, which sends a reset where bytes were not read.
    Close,
    Reset,
    /// Ends its own half and waits for the server to end the other.
    HalfClose,
    /// Sends more, then closes.
    SendOn,
}

// 50, 51, 53, and as much of 52 as one machine can play
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_go_in_any_way_leave_nothing_behind() {
    let mut random = random("gone");
    let mut server = Running::start(&["--ping", "2s"]).await;
    let mut scene = Scene::new(&["a"], random.fork());
    for name in ["Ada", "Bob"] {
        scene.writer(name, server.address());
    }
    let plain = scene.plain("plain", &["a"], server.address());
    scene.client("client", &["a"], server.address());
    scene.all_are_there().await;
    scene.say(20).await;
    let files = server.open_files();
    for _ in 0..rounds(10) {
        scene.allow(20);
        for _ in 0..20 {
            let ways = [Way::Close, Way::Reset, Way::HalfClose, Way::SendOn];
            let way = random.choice(ways).unwrap();
            within(go(&server, way, &mut random)).await;
        }
        scene.until_left(0).await;
    }
    server.until_open_files(files + WRITERS).await;
    let busy = busy_share(&server, &plain).await;
    assert!(busy < 0.5, "it spins: {busy}");
    server.assert_runs();
    let record = scene.finish(server.address()).await;
    for reading in &record.readings {
        reading.assert_undisturbed();
    }
}

/// Sends a part of a request or all of it, reads a part of the answer, and goes.
async fn go(server: &Running, way: Way, random: &mut fastrand::Rng) {
    let mut client = TcpStream::connect(server.address()).await.unwrap();
    let is_whole = random.bool();
    let sent = if is_whole {
        ASK.len()
    } else {
        random.usize(0..ASK.len())
    };
    client.write_all(&ASK[..sent]).await.unwrap();
    if is_whole {
        // The head and hello have more than this.
        let mut bytes = vec![0; random.usize(0..300)];
        client.read_exact(&mut bytes).await.unwrap();
    }
    match way {
        Way::Close => {}
        Way::Reset => client.set_zero_linger().unwrap(),
        Way::HalfClose => {
            client.shutdown().await.unwrap();
            // However it ends, it ends.
            let _ = client.read_to_end(&mut Vec::new()).await;
        }
        Way::SendOn => client.write_all(b"and another thing").await.unwrap(),
    }
}
