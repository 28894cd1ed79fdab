//! A ticket of one node opens one stream at any of them.

use std::path::Path;
use std::process::Command;

use crate::cluster::Cluster;
use crate::engine::{Engine, Persistence, programs};
use crate::node::Url;
use crate::run;

fn printed(args: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_sse-chat"))
        .args(args)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

async fn open(url: &Url, ticket: &str) -> String {
    let request = format!("GET /rooms/lobby/events?ticket={ticket} HTTP/1.1\r\n\r\n");
    url.answer(&request, &["event: hello", "event: close", "\"code\""])
        .await
}

#[test]
#[ignore = "needs Redis"]
fn a_ticket_opens_one_stream_at_any_node_and_redis_does_not_have_its_token() {
    run(async {
        for program in programs() {
            let engine = Engine::start(&program, Persistence::None);
            let key = engine.folder().join("key");
            std::fs::write(&key, printed(&["token", "--new-key"])).unwrap();
            let path = Path::to_str(&key).unwrap().to_owned();
            let token = printed(&["token", "--key", &path, "--read", "*"]);
            let flags = ["--token-key", &path, "--anonymous", "none"];
            let cluster = Cluster::start(engine, 3, &flags).await;
            let urls = cluster.urls();
            let request = format!(
                "POST /tickets HTTP/1.1\r\nAuthorization: Bearer {token}\r\nContent-Length: 0\r\n\r\n"
            );
            let issued = urls[0]
                .answer(&request, &["\"expires_at\":\"", "\"code\""])
                .await;
            let (_, ticket) = issued.split_once("\"ticket\":\"").expect(&issued);
            let (ticket, _) = ticket.split_once('"').unwrap();
            let keys: Vec<String> = cluster.engine.ask(&["KEYS", "*ticket*"]);
            for key in keys {
                let dumped: Vec<u8> = cluster.engine.ask(&["DUMP", &key]);
                let dumped = String::from_utf8_lossy(&dumped).into_owned();
                assert!(
                    !dumped.contains(&token) && !dumped.contains(ticket),
                    "{key}"
                );
            }
            let opened = open(&urls[1], ticket).await;
            assert!(opened.contains("event: hello"), "{opened}");
            for url in &urls {
                let refused = open(url, ticket).await;
                assert!(!refused.contains("event: hello"), "{refused}");
            }
        }
    });
}
