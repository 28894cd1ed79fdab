//! The head of a stream and its first event leave in one write, so that nothing
//! between server and client can hold back the one for the other.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::support::{Http, within};

/// Over loopback a write of this size is read whole. If there were two, a read
/// in between would see the head alone, most of these times.
const TIMES: usize = 20;

async fn the_head_and_the_first_event_are_one_write(http: Http) {
    let server = http.start();
    for path in [
        "/rooms/lobby/events",
        "/events?room=a&room=b&name=Alice",
        "/sse.php",
    ] {
        for _ in 0..TIMES {
            let mut client = server.connect().await;
            within(client.write_all(&http.ask(path))).await.unwrap();
            let mut first = vec![0; 16 * 1024];
            let read = within(client.read(&mut first)).await.unwrap();
            let first = String::from_utf8_lossy(&first[..read]);
            let (head, body) = first.split_once("\r\n\r\n").unwrap();
            assert!(head.contains(" 200 OK\r\n"), "{path}: {first}");
            assert!(
                body.contains("retry: ") && body.contains("\nevent: hello\n"),
                "{path}: {first}"
            );
            assert!(
                body.trim_end_matches("\r\n").ends_with("\n\n"),
                "{path}: {first}"
            );
        }
    }
}

over_both! {
    the_head_and_the_first_event_are_one_write
}
