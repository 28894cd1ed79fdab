//! A reader with the client library, whose events are checked like those of a plain
//! stream.

use std::net::SocketAddr;

use sse_chat::client::{Client, Patience, Subscribe, Told};

use crate::notes::Page;
use crate::record::{Gap, Seen};

/// A client of the server at `address`.
pub(crate) fn client(address: SocketAddr) -> Client {
    Client::new(format!("http://{address}").parse().unwrap()).unwrap()
}

/// Reads forever.
pub(crate) async fn follow(address: SocketAddr, page: Page) {
    let mut subscription = client(address).subscribe(Subscribe {
        rooms: page.look(|reading| reading.rooms.clone()),
        patience: Patience::Always,
        ..Subscribe::to("")
    });
    let mut doubles = 0;
    loop {
        let told = match subscription.next().await {
            Ok(Some(told)) => told,
            end => return page.saw(Seen::Invalid(format!("it ended: {end:?}"))),
        };
        if subscription.doubles() > doubles {
            doubles = subscription.doubles();
            page.saw(Seen::Invalid(format!("before this a double: {told}")));
        }
        if let Some(seen) = seen(told) {
            page.saw(seen);
        }
    }
}

fn seen(told: Told) -> Option<Seen> {
    Some(match told {
        Told::Hello(hello) => Seen::Hello {
            cursor: hello.cursor,
            next: hello
                .rooms
                .into_iter()
                .map(|room| (room.room, room.next))
                .collect(),
        },
        Told::Message { json, .. } => Seen::update(&json).unwrap_or_else(Seen::Invalid),
        Told::Gap(hole) => Seen::Gap(Gap {
            cursor: String::new(),
            room: hole.room,
            reason: hole.reason,
            lost: hole.lost,
            next: hole.next,
        }),
        Told::Missing { .. } => Seen::Invalid(told.to_string()),
        Told::Cut { .. } => Seen::Cut,
        Told::Presence(_) => return None,
    })
}
