//! The peer `axum`: a typical chat with axum's `Sse`, one tokio broadcast channel
//! per room, and `BroadcastStream`. An event is built once per message and cloned
//! for each reader. A reader that lags by more than the channel's capacity loses
//! messages without notice.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::routing::{get, post};
use axum::serve::ListenerExt as _;
use axum::{Json, Router};
use serde::Deserialize;
use sse_chat_peers::{Message, event_id, port_argument};
use tokio::net::TcpListener;
use tokio::sync::broadcast;
use tokio_stream::wrappers::BroadcastStream;
use tokio_stream::{Stream, StreamExt as _};

/// A reader that lags by more messages than this loses the oldest.
const CHANNEL_CAPACITY: usize = 1024;

#[derive(Debug, Clone, Default)]
struct App(Arc<Mutex<Chat>>);

#[derive(Debug, Default)]
struct Chat {
    /// The number of messages in all rooms.
    seq: u64,
    rooms: HashMap<String, Room>,
}

#[derive(Debug)]
struct Room {
    /// The number of messages in this room.
    number: u64,
    events: broadcast::Sender<Event>,
}

#[derive(Debug, Deserialize)]
struct Draft {
    name: String,
    message: String,
}

// The benchmark gives each server one core, so one thread is enough.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let listener = TcpListener::bind(("127.0.0.1", port_argument()?)).await?;
    let listener = listener.tap_io(|socket| {
        // It fails only on a closed socket; the connection then ends by itself.
        let _ = socket.set_nodelay(true);
    });
    let routes = Router::new()
        .route("/rooms/{room}/events", get(subscribe))
        .route("/rooms/{room}/messages", post(publish))
        .with_state(App::default());
    Ok(axum::serve(listener, routes).await?)
}

async fn subscribe(
    State(app): State<App>,
    Path(room): Path<String>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let events = app.chat().room(&room).events.subscribe();
    let events = BroadcastStream::new(events).filter_map(|event| event.ok().map(Ok));
    Sse::new(events).keep_alive(KeepAlive::default())
}

async fn publish(
    State(app): State<App>,
    Path(room): Path<String>,
    Json(draft): Json<Draft>,
) -> impl IntoResponse {
    let json = app.chat().publish(&room, &draft);
    let content_type = [(header::CONTENT_TYPE, "application/json")];
    (StatusCode::CREATED, content_type, json)
}

impl App {
    fn chat(&self) -> MutexGuard<'_, Chat> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Chat {
    fn room(&mut self, name: &str) -> &mut Room {
        self.rooms.entry(name.to_owned()).or_insert_with(|| Room {
            number: 0,
            events: broadcast::Sender::new(CHANNEL_CAPACITY),
        })
    }

    /// Publishes the draft in the room. Returns the message as JSON.
    fn publish(&mut self, room_name: &str, draft: &Draft) -> String {
        self.seq += 1;
        let id = event_id(self.seq);
        let room = self.room(room_name);
        room.number += 1;
        let message = Message {
            id: &id,
            room: room_name,
            number: room.number,
            name: &draft.name,
            message: &draft.message,
            created_at: &format!("{:.3}", jiff::Timestamp::now()),
        };
        let json = serde_json::to_string(&message).expect("a struct of texts has a JSON form");
        let event = Event::default().id(&id).event("update").data(&json);
        // An error means that the room has no readers.
        let _ = room.events.send(event);
        json
    }
}
