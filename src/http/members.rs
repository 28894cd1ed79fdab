//! `GET /rooms/{room}/members` and `GET /rooms`: who is here, and where.

use hyper::Response;
use serde::Serialize;

use super::app::App;
use super::body::{Body, json_of};

use crate::chat::{Members, RoomName, RoomSummary};

pub(super) fn members(app: &App, room: &RoomName) -> Response<Body> {
    #[derive(Serialize)]
    struct MembersOf<'a> {
        room: &'a RoomName,
        #[serde(flatten)]
        members: Members,
    }
    json_of(&MembersOf {
        room,
        members: app.hub.members(room),
    })
}

pub(super) fn rooms(app: &App) -> Response<Body> {
    #[derive(Serialize)]
    struct Rooms {
        rooms: Vec<RoomSummary>,
    }
    json_of(&Rooms {
        rooms: app.hub.rooms(),
    })
}
