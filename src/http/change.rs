//! `PATCH` and `DELETE /rooms/{room}/messages/{id}`, and reactions: changes of what
//! was published.

use hyper::{Method, Request, Response, StatusCode};

use super::app::App;
use super::body::{Body, json, no_content};
use super::input::{Pairs, read_edit};
use super::permission::{Delete, Identity, Permitted, Write, edit_key_of};
use super::problem::Problem;
use super::request_body::RequestBody;
use crate::chat::{Change, Entry, Requester};
use crate::protocol::{Emoji, EventId, ProblemCode, RoomName, UserName};
use crate::tokens::Right;

/// Edits a message: the body has its new text.
pub(super) async fn edit(
    app: &App,
    identity: &Identity,
    room: &Permitted<Write>,
    id: EventId,
    request: &Request<()>,
    body: &mut RequestBody,
) -> Result<Response<Body>, Problem> {
    let requester = requester(identity, room.room(), request)?;
    let edit = Change::Edit(read_edit(&app.config, request, body).await?);
    let entry = change(app, identity, room.room(), id, &edit, &requester).await?;
    Ok(json(StatusCode::OK, entry.json()))
}

/// Deletes a message or an event.
pub(super) async fn delete(
    app: &App,
    identity: &Identity,
    room: &Permitted<Delete>,
    id: EventId,
    request: &Request<()>,
) -> Result<Response<Body>, Problem> {
    let requester = requester(identity, room.room(), request)?;
    change(app, identity, room.room(), id, &Change::Delete, &requester).await?;
    Ok(no_content())
}

/// Adds a reaction of the requester, or takes it back.
pub(super) async fn react(
    app: &App,
    identity: &Identity,
    room: &Permitted<Write>,
    id: EventId,
    emoji: Emoji,
    request: &Request<()>,
) -> Result<Response<Body>, Problem> {
    let requester = requester(identity, room.room(), request)?;
    let reaction = match *request.method() {
        Method::PUT => {
            let query = Pairs::of_query(request.uri().query());
            let name = query.one("name")?.map(UserName::parse).transpose()?;
            let name = identity.check_name(name.as_ref())?;
            let name =
                name.ok_or_else(|| Problem::new(ProblemCode::InvalidName, "name is missing"))?;
            Change::React(emoji, name)
        }
        _ => Change::TakeBack(emoji),
    };
    change(app, identity, room.room(), id, &reaction, &requester).await?;
    Ok(no_content())
}

/// The sender of a change, by the token and by the header `Edit-Key`.
fn requester(
    identity: &Identity,
    room: &RoomName,
    request: &Request<()>,
) -> Result<Requester, Problem> {
    let edit_key = edit_key_of(request.headers())?;
    Ok(Requester {
        author: identity.author(edit_key.as_ref()),
        may_moderate: identity.has(Right::Moderate, room),
    })
}

/// Spends the rates of the room, makes the change, and waits until it is durable.
async fn change(
    app: &App,
    identity: &Identity,
    room: &RoomName,
    id: EventId,
    change: &Change,
    requester: &Requester,
) -> Result<Entry, Problem> {
    app.rates.take_room_message(room, identity.client)?;
    let changed = app.hub.change_durably(room, id, change, requester);
    Ok(changed.await?.entry().clone())
}
