//! Clients that send a request and never read: the server holds a bounded part of
//! each response.

use std::path::{Path, PathBuf};

use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;

use crate::server_process::{LOOK, ServerProcess};
use crate::{DEADLINE, within};

/// Clients at the same time: many, so that fixed costs are small per client.
const CLIENTS: usize = 400;
/// The most memory of the server per client.
const MOST: u64 = 32 << 10;
/// The receive buffer of a socket: the smallest one.
const SMALL: u32 = 4096;

/// A server with a full room and no timeouts for slow clients.
async fn full(more: &[&str]) -> ServerProcess {
    let flags = ["--stall", "1h", "--answer-timeout", "1h", "--ping", "1h"];
    let flags = [&flags[..], &["--send-buffer", "4096"], more].concat();
    let server = ServerProcess::start(&flags).await;
    for _ in 0..100 {
        publish(&server, "lobby", &"x".repeat(4000)).await;
    }
    server
}

async fn publish(server: &ServerProcess, room: &str, text: &str) {
    let body = format!(r#"{{"name":"Ada","message":"{text}"}}"#);
    let post = format!(
        "POST /rooms/{room}/messages HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let answer = server.ask(&post).await;
    assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");
}

/// Fills a page of `/rooms` and the list of the lobby's members, for as long as the
/// returned streams are open.
async fn add_rooms_and_members(server: &ServerProcess) -> Vec<TcpStream> {
    for number in 0..150 {
        // 64 characters, each of 12 bytes in a path.
        let room = format!("{}{number:03}", "%F0%A0%80%80".repeat(61));
        publish(server, &room, "hi").await;
    }
    let mut streams = Vec::new();
    for number in 0..200 {
        let name = format!("{}{number:03}", "%F0%A0%80%80".repeat(29));
        let request =
            format!("GET /rooms/lobby/events?name={name} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        streams.push(send_and_never_read(server.address(), request).await);
    }
    streams
}

/// Sends a request and waits until the response begins, without reading it. By then
/// the server has prepared all that it prepares in advance.
async fn send_and_never_read(server: std::net::SocketAddr, request: String) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(SMALL).unwrap();
    let mut client = socket.connect(server).await.unwrap();
    client.write_all(request.as_bytes()).await.unwrap();
    assert_eq!(client.peek(&mut [0; 1]).await.unwrap(), 1);
    client
}

/// The memory of the server per client that does not read its response. It has the
/// test's deadline to free what it needed only to make the responses.
async fn cost_of_a_client(server: &mut ServerProcess, request: &str) -> u64 {
    let before = server.memory();
    let mut asking = JoinSet::new();
    for _ in 0..CLIENTS {
        asking.spawn(send_and_never_read(server.address(), request.to_owned()));
    }
    let _clients = within(asking.join_all()).await;
    server.get("/healthz").await;
    server.assert_runs();
    let cost = || server.memory().saturating_sub(before) / CLIENTS as u64;
    let falls = async {
        while cost() > MOST {
            tokio::time::sleep(LOOK).await;
        }
    };
    // The caller reports a value over the limit with those of other requests.
    let _ = tokio::time::timeout(DEADLINE, falls).await;
    cost()
}

/// Starts a server per request, so that memory that the allocator has kept does not
/// count.
async fn assert_cheap(flags: &[&str], requests: &[&str]) {
    let mut dear = Vec::new();
    for request in requests {
        let whole = format!("{request}\r\nHost: localhost\r\n\r\n");
        let mut server = full(flags).await;
        let _members = match flags.contains(&"--list-rooms") {
            true => add_rooms_and_members(&server).await,
            false => Vec::new(),
        };
        let bytes = cost_of_a_client(&mut server, &whole).await;
        println!("{request}: {bytes} bytes");
        if bytes > MOST {
            dear.push((request, bytes));
        }
    }
    assert!(dear.is_empty(), "{dear:?}");
}

/// A folder with a page and a file larger than a socket buffer.
fn page_with_a_large_file() -> PathBuf {
    let folder = std::env::temp_dir().join(format!("sse-chat-takers-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("index.html"), "<p>\n".repeat(100_000)).unwrap();
    std::fs::write(folder.join("large.bin"), vec![7; 1 << 20]).unwrap();
    folder
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_never_reads_costs_a_bounded_part_of_its_response() {
    assert_cheap(
        &[],
        &[
            "GET /rooms/lobby/events?backlog=all HTTP/1.0",
            "GET /rooms/lobby/events?backlog=all HTTP/1.1",
            "GET /rooms/lobby/messages?limit=500 HTTP/1.1",
            "GET /assets/chat.css HTTP/1.1",
            "GET /r/lobby HTTP/1.1",
            "HEAD /r/lobby HTTP/1.1",
            "GET /nothing HTTP/1.1",
        ],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_never_reads_a_list_costs_a_bounded_part_of_it() {
    assert_cheap(
        &["--list-rooms"],
        &[
            "GET /rooms?limit=500 HTTP/1.1",
            "GET /rooms/lobby/members HTTP/1.1",
        ],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_costs_no_more_with_files_from_a_folder() {
    let folder = page_with_a_large_file();
    let path: &Path = &folder;
    let flags = ["--assets-dir", path.to_str().unwrap()];
    assert_cheap(
        &flags,
        &["GET /assets/large.bin HTTP/1.1", "GET /r/lobby HTTP/1.1"],
    )
    .await;
    std::fs::remove_dir_all(folder).unwrap();
}
