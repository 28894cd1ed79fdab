//! Members of a room over all nodes.

use sse_chat::client::{ClientEvent, EventStream, SubscribeRequest};
use sse_chat::protocol::PresenceEvent;

use crate::cluster::Cluster;
use crate::engine::{Engine, Persistence, programs};
use crate::node::Url;
use crate::{run, within};

fn join(url: &Url, name: &str) -> EventStream {
    url.client().subscribe(SubscribeRequest {
        name: Some(name.to_owned()),
        ..SubscribeRequest::to("lobby")
    })
}

/// Reads until the room has this number of members.
async fn until_count(stream: &mut EventStream, expected: u64) {
    let counted = async {
        loop {
            let event = stream.next().await.unwrap().unwrap();
            if let ClientEvent::Presence(PresenceEvent { count, .. }) = event
                && count == expected
            {
                return;
            }
        }
    };
    within(counted).await;
}

#[test]
#[ignore = "needs Redis"]
fn members_are_those_of_all_nodes_and_those_of_a_dead_one_leave() {
    run(async {
        for program in programs() {
            let engine = Engine::start(&program, Persistence::None);
            let mut cluster = Cluster::start(engine, 2, &[]).await;
            let urls = cluster.urls();
            let mut ann = join(&urls[0], "Ann");
            until_count(&mut ann, 1).await;
            let mut bob = join(&urls[1], "Bob");
            until_count(&mut bob, 2).await;
            until_count(&mut ann, 2).await;
            // A name at two nodes is one member.
            let second = join(&urls[1], "Ann");
            let mut cleo = join(&urls[1], "Cleo");
            until_count(&mut cleo, 3).await;
            until_count(&mut ann, 3).await;
            cluster.nodes[1].kill().await;
            until_count(&mut ann, 1).await;
            drop(second);
        }
    });
}
