//! `GET /rooms/{room}/messages`: a part of a room's history.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use hyper::{Method, Response, StatusCode};

use super::app::App;
use super::body::{Body, json};
use super::events::Asked;
use super::input::{Pairs, limit};
use super::messages::Messages;
use super::problem::Problem;
use crate::chat::{HistoryPage, HistoryQuery};
use crate::protocol::{Cursor, MessagePage, ProblemCode, RoomName};

const DEFAULT_LIMIT: usize = 50;
/// A page is sent this long before the budget has paid for it. Streams wait for
/// the budget in a queue, pages do not wait: without this, one waiting stream
/// would block all pages for its address.
const EARLY: Duration = Duration::from_secs(1);

/// Draws the page from the client's replay budget, like a stream.
pub(super) fn messages(
    app: &App,
    room: &RoomName,
    asked: &Asked<'_>,
) -> Result<Response<Body>, Problem> {
    let page = app.hub.page(room, page(&asked.query)?);
    let messages = encode(room, page);
    // The response to HEAD has only the length of the page.
    if *asked.method != Method::HEAD {
        draw(app, asked.client, messages.left())?;
    }
    Ok(json(StatusCode::OK, messages))
}

fn draw(app: &App, client: IpAddr, bytes: usize) -> Result<(), Problem> {
    let now = Instant::now();
    let Some(budget) = app.replays.of(client, now) else {
        return Ok(());
    };
    let drawn = budget.draw_now(bytes, EARLY, now);
    drawn.map_err(Problem::too_much_replay)
}

pub(super) fn page(query: &Pairs<'_>) -> Result<HistoryQuery, Problem> {
    Ok(HistoryQuery {
        after: cursor(query, "after")?,
        before: cursor(query, "before")?,
        limit: limit(query)?.unwrap_or(DEFAULT_LIMIT),
    })
}

fn cursor(query: &Pairs<'_>, key: &'static str) -> Result<Option<Cursor>, Problem> {
    let Some(id) = query.one(key)? else {
        return Ok(None);
    };
    match Cursor::parse(id.as_bytes()) {
        Cursor::Unknown => Err(Problem::new(
            ProblemCode::InvalidQuery,
            format!("{key} is an event id like mfz3k1q8x04z-1042"),
        )),
        cursor => Ok(Some(cursor)),
    }
}

/// Joins the messages' own JSON, which was encoded once, when they were published.
fn encode(room: &RoomName, page: HistoryPage) -> Messages {
    let (start, end) = MessagePage::around(room, page.oldest, page.newest);
    Messages::between(start, page.frames, end)
}
