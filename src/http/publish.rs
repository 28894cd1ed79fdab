//! `POST /rooms/{room}/messages` and `POST /rooms/{room}/events`: from a request to
//! an entry in its room.

use std::net::IpAddr;
use std::time::Instant;

use hyper::{Request, Response, StatusCode};
use serde::de::IgnoredAny;

use super::app::App;
use super::body::{Body, json};
use super::format::check_payload;
use super::input::{Fields, Pairs, read_fields};
use super::permission::{Identity, Permitted, PublishEvents, Write};
use super::problem::Problem;
use super::request_body::{BodyLimits, RequestBody};
use crate::chat::{Draft, Published};
use crate::protocol::{
    ClientId, CustomEventName, EventPayload, PayloadTooLarge, ProblemCode, RoomName,
};

/// Spends the rates of a request that writes, before its body is read. A request
/// that had arrived when the drain began still finishes.
pub(super) fn begin_write(app: &App, client: IpAddr) -> Result<(), Problem> {
    if app.draining.has_begun() {
        return Err(Problem::draining());
    }
    Ok(app.rates.take_message(client)?)
}

/// Publishes a message.
pub(super) async fn message(
    app: &App,
    identity: &Identity,
    room: &Permitted<Write>,
    request: &Request<()>,
    body: &mut RequestBody,
) -> Result<Response<Body>, Problem> {
    let begun = Instant::now();
    let fields = read_fields(&app.config, request, body).await?;
    let published = publish_fields(app, identity, room, fields).await?;
    observe(app, begun);
    Ok(answer(&published))
}

/// Publishes the fields of a message, for every endpoint that has them.
pub(super) async fn publish_fields(
    app: &App,
    identity: &Identity,
    room: &Permitted<Write>,
    fields: Fields,
) -> Result<Published, Problem> {
    let draft = fields.into_draft(identity, app.config.max_message_bytes)?;
    publish_draft(app, identity, room.room(), draft).await
}

/// Publishes an event.
pub(super) async fn event(
    app: &App,
    identity: &Identity,
    room: &Permitted<PublishEvents>,
    request: &Request<()>,
    body: &mut RequestBody,
) -> Result<Response<Body>, Problem> {
    let begun = Instant::now();
    let query = Pairs::of_query(request.uri().query());
    let name = query
        .one("event")?
        .map(CustomEventName::parse)
        .transpose()?;
    let client_id = query.one("client_id")?.map(ClientId::parse).transpose()?;
    let is_json = check_payload(request.headers())?;
    let payload = read_payload(app, body, is_json).await?;
    let draft = Draft {
        client_id,
        author: identity.author(None),
        ..Draft::event(name.unwrap_or_default(), payload)
    };
    let published = publish_draft(app, identity, room.room(), draft).await?;
    observe(app, begun);
    Ok(answer(&published))
}

async fn read_payload(
    app: &App,
    body: &mut RequestBody,
    is_json: bool,
) -> Result<EventPayload, Problem> {
    let most = app.config.max_event_bytes;
    let limits = BodyLimits {
        // A line end of two bytes counts as one.
        most: 2 * most,
        too_large: |config| {
            let most = config.max_event_bytes;
            PayloadTooLarge { most }.into()
        },
        malformed: ProblemCode::InvalidEvent,
    };
    let body = body.read(&app.config, limits).await?;
    if is_json {
        serde_json::from_slice::<IgnoredAny>(&body)
            .map_err(|error| Problem::new(ProblemCode::InvalidJson, error.to_string()))?;
    }
    let text = String::from_utf8(body.into())
        .map_err(|_| Problem::new(ProblemCode::InvalidEvent, "the payload is not UTF-8"))?;
    Ok(EventPayload::parse(text, most)?)
}

/// Spends the rates of the room, publishes, and waits until it is durable.
async fn publish_draft(
    app: &App,
    identity: &Identity,
    room: &RoomName,
    draft: Draft,
) -> Result<Published, Problem> {
    let client = identity.client;
    app.hub.load_room(room).await?;
    if app.config.limits.concerns(client) && !app.hub.has_messages(room) {
        app.rates.take_room_creation(client)?;
    }
    app.rates.take_room_message(room, client)?;
    Ok(app.hub.publish_durably(room, draft).await?)
}

fn answer(published: &Published) -> Response<Body> {
    let status = match published {
        Published::Duplicate(_) => StatusCode::OK,
        Published::New(_) | Published::Pending { .. } => StatusCode::CREATED,
    };
    json(status, published.entry().json_for_sender())
}

fn observe(app: &App, begun: Instant) {
    let time = begun.elapsed().as_secs_f64();
    app.counts.publish_time.observe(time);
}
