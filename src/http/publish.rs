//! `POST /rooms/{room}/messages`: from a request to a message in its room.

use std::net::IpAddr;
use std::time::Instant;

use hyper::{Request, Response, StatusCode};

use super::app::App;
use super::body::{Body, json};
use super::input::{Fields, read_fields};
use super::problem::Problem;
use super::request_body::RequestBody;

use crate::chat::Published;
use crate::protocol::RoomName;

pub(super) async fn publish(
    app: &App,
    client: IpAddr,
    room: RoomName,
    request: &Request<()>,
    body: &mut RequestBody,
) -> Result<Response<Body>, Problem> {
    let begun = Instant::now();
    // Checked before the body is read: a request that had arrived when the drain
    // began still finishes.
    if app.draining.has_begun() {
        return Err(Problem::draining());
    }
    app.rates.take_message(client)?;
    let fields = read_fields(&app.config, request.headers(), body).await?;
    let answer = match publish_fields(app, client, &room, fields)? {
        Published::New(entry) => json(StatusCode::CREATED, entry.json_for_sender()),
        Published::Duplicate(first) => json(StatusCode::OK, first.json_for_sender()),
    };
    app.counts
        .publish_time
        .observe(begun.elapsed().as_secs_f64());
    Ok(answer)
}

/// Publishes the fields of a message, for every endpoint that has them.
pub(super) fn publish_fields(
    app: &App,
    client: IpAddr,
    room: &RoomName,
    fields: Fields,
) -> Result<Published, Problem> {
    let draft = fields.into_draft(app.config.max_message_bytes)?;
    if app.config.limits.concerns(client) && !app.hub.has_messages(room) {
        app.rates.take_room_creation(client)?;
    }
    app.rates.take_room_message(room, client)?;
    Ok(app.hub.publish(room, draft)?)
}
