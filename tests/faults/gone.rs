//! Clients that disconnect at any moment and in any way. The server frees their
//! resources, and other readers are not affected.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::descriptors::busy_share;
use crate::scene::Scene;
use crate::server_process::{ServerProcess, WRITERS};
use crate::{random, rounds, within};

const ASK: &[u8] = b"GET /rooms/a/events?name=Zoe HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// The way a client disconnects.
#[derive(Debug, Clone, Copy)]
enum Way {
    /// Closes, which sends a reset if there are unread bytes.
    Close,
    Reset,
    /// Shuts down its own half and waits for the server.
    HalfClose,
    /// Sends more, then closes.
    SendOn,
}

// 50, 51, 53, and the part of 52 that is possible on one machine
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_disconnect_in_any_way_leave_nothing_behind() {
    let mut random = random("gone");
    let mut server = ServerProcess::start(&["--ping", "2s"]).await;
    let mut scene = Scene::new(&["a"], random.fork());
    for name in ["Ada", "Bob"] {
        scene.writer(name, server.address());
    }
    let plain = scene.plain("plain", &["a"], server.address());
    scene.client("client", &["a"], server.address());
    scene.until_all_connected().await;
    scene.publish(20).await;
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

/// Sends all or part of a request, reads part of the response, and disconnects.
async fn go(server: &ServerProcess, way: Way, random: &mut fastrand::Rng) {
    let mut client = TcpStream::connect(server.address()).await.unwrap();
    let is_whole = random.bool();
    let sent = if is_whole {
        ASK.len()
    } else {
        random.usize(0..ASK.len())
    };
    client.write_all(&ASK[..sent]).await.unwrap();
    if is_whole {
        // The head and hello are longer than this.
        let mut bytes = vec![0; random.usize(0..300)];
        client.read_exact(&mut bytes).await.unwrap();
    }
    match way {
        Way::Close => {}
        Way::Reset => client.set_zero_linger().unwrap(),
        Way::HalfClose => {
            client.shutdown().await.unwrap();
            // A reset is as good as an orderly close.
            let _ = client.read_to_end(&mut Vec::new()).await;
        }
        Way::SendOn => client.write_all(b"and another thing").await.unwrap(),
    }
}
