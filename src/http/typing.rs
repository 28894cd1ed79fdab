//! `POST` and `DELETE /rooms/{room}/typing`: a member types, or types no longer.

use hyper::{Method, Request, Response};

use super::app::App;
use super::body::{Body, no_content};
use super::input::Pairs;
use super::permission::{Identity, Permitted, Write};
use super::problem::Problem;
use crate::protocol::{NAME_KEY, ProblemCode, UserName};

/// Answers alike whether the name is a member or not: GET of the members says that.
pub(super) fn answer(
    app: &App,
    identity: &Identity,
    room: &Permitted<Write>,
    request: &Request<()>,
) -> Result<Response<Body>, Problem> {
    let query = Pairs::of_query(request.uri().query());
    let name = query.one(NAME_KEY)?.map(UserName::parse).transpose()?;
    let name = identity.check_name(name.as_ref())?;
    let name = name.ok_or_else(|| Problem::new(ProblemCode::InvalidName, "name is missing"))?;
    let types = request.method() == Method::POST;
    app.hub.set_typing(room.room(), &name, types);
    Ok(no_content())
}
