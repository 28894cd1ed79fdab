//! A reader that uses the client library. Its events are recorded like those of a
//! plain stream.

use std::net::SocketAddr;

use sse_chat::client::{Client, ClientEvent, ObservedGap, RetryPolicy, SubscribeRequest};

use crate::notes::Page;
use crate::record::{Gap, Seen};

/// A client of the server at `address`.
pub(crate) fn client(address: SocketAddr) -> Client {
    Client::new(format!("http://{address}").parse().unwrap()).unwrap()
}

/// Reads forever.
pub(crate) async fn follow(address: SocketAddr, page: Page) {
    let mut subscription = client(address).subscribe(SubscribeRequest {
        rooms: page.look(|reading| reading.rooms.clone()),
        retry: RetryPolicy::Always,
        ..SubscribeRequest::to("")
    });
    let mut duplicates = 0;
    loop {
        let event = match subscription.next().await {
            Ok(Some(event)) => event,
            end => return page.saw(Seen::Invalid(format!("it ended: {end:?}"))),
        };
        if subscription.duplicates() > duplicates {
            duplicates = subscription.duplicates();
            page.saw(Seen::Invalid(format!("before this a duplicate: {event}")));
        }
        if let Some(seen) = seen(event) {
            page.saw(seen);
        }
    }
}

fn seen(event: ClientEvent) -> Option<Seen> {
    Some(match event {
        ClientEvent::Hello(hello) => Seen::Hello {
            cursor: hello.cursor,
            next: hello
                .rooms
                .into_iter()
                .map(|room| (room.room, room.next))
                .collect(),
        },
        ClientEvent::Message { json, .. } => Seen::update(&json).unwrap_or_else(Seen::Invalid),
        ClientEvent::Gap(ObservedGap { gap, .. }) => Seen::Gap(Gap {
            cursor: String::new(),
            room: gap.room,
            reason: gap.reason.to_string(),
            lost: gap.lost,
            next: gap.next,
        }),
        ClientEvent::Missing { .. } => Seen::Invalid(event.to_string()),
        ClientEvent::Cut { .. } => Seen::Cut,
        ClientEvent::Change { json, .. } => Seen::change(None, &json).unwrap_or_else(Seen::Invalid),
        ClientEvent::Presence(_)
        | ClientEvent::Event { .. }
        | ClientEvent::Expiring(_)
        | ClientEvent::Stale(_)
        | ClientEvent::Fresh => {
            return None;
        }
    })
}
