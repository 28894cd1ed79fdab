//! The client library over TCP: against the real server, and against fake
//! servers that misbehave, stall and fail.

#![allow(
    clippy::unwrap_used,
    reason = "a test that panics has failed, which is its way to say so"
)]

#[path = "../deadline/mod.rs"]
mod deadline;
mod front;
mod servers;

mod bad_servers;
mod certificates;
mod publish;
mod resume;
mod token;
mod transports;

use deadline::within;
use sse_chat::client::{Client, ClientEvent, Error, EventStream};

fn client(address: std::net::SocketAddr) -> Client {
    Client::new(format!("http://{address}").parse().unwrap()).unwrap()
}

/// The next event.
#[track_caller]
fn next_event(subscription: &mut EventStream) -> impl Future<Output = ClientEvent> {
    let next = within(subscription.next());
    async move { next.await.unwrap().expect("the subscription continues") }
}

/// The error that ends a subscription.
#[track_caller]
fn error(subscription: &mut EventStream) -> impl Future<Output = Error> {
    within(async move {
        loop {
            if let Err(error) = subscription.next().await {
                return error;
            }
        }
    })
}

/// The next `count` events as text.
#[track_caller]
fn next_events(subscription: &mut EventStream, count: usize) -> impl Future<Output = Vec<String>> {
    within(async move {
        let mut all = Vec::new();
        while all.len() < count {
            let event = subscription.next().await.unwrap();
            all.push(event.expect("the subscription continues").to_string());
        }
        all
    })
}
