//! `GET /rooms/{room}/members` and `GET /rooms`.
//!
//! Neither is encoded per request: members are encoded once per change, pages of
//! rooms at a bounded rate. All requests share the same bytes.

use hyper::{Response, StatusCode};

use super::app::App;
use super::body::{Body, json};
use super::input::{Pairs, limit};
use super::problem::Problem;
use super::room_pages::PageKey;
use crate::protocol::{ProblemCode, RoomName};

const DEFAULT_LIMIT: usize = 100;

pub(super) fn members(app: &App, room: &RoomName) -> Response<Body> {
    json(StatusCode::OK, app.hub.members(room))
}

pub(super) fn rooms(app: &App, query: &Pairs<'_>) -> Result<Response<Body>, Problem> {
    let after = query.one("after")?.map(RoomName::parse).transpose();
    let after = after
        .map_err(|_| Problem::new(ProblemCode::InvalidQuery, "after is the name of a room"))?;
    let key = PageKey {
        after,
        limit: limit(query)?.unwrap_or(DEFAULT_LIMIT),
    };
    let page = app.room_pages.get(&app.hub, key);
    Ok(json(StatusCode::OK, page.map_err(Problem::too_many_pages)?))
}
