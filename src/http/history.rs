//! `GET /rooms/{room}/messages`: a part of a room's history.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use hyper::{Method, Response, StatusCode};

use super::app::App;
use super::body::{Body, json};
use super::code::Code;
use super::events::Asked;
use super::input::{Pairs, limit};
use super::messages::Messages;
use super::problem::Problem;
use crate::chat::{HistoryPage, HistoryQuery};
use crate::protocol::{Cursor, MessagePage, RoomName};

const DEFAULT_LIMIT: usize = 50;
/// How long before its turn a page is sent. Streams wait for their turns in a
/// queue, and a page does not wait: without this, one stream that waits would
/// keep all pages from its address.
const EARLY: Duration = Duration::from_secs(1);

/// A page is drawn from the budget for replay of its client, as streams are.
pub(super) fn messages(
    app: &App,
    room: &RoomName,
    asked: &Asked<'_>,
) -> Result<Response<Body>, Problem> {
    let page = app.hub.page(room, page(&asked.query)?);
    let messages = encode(room, page);
    // Nothing is sent for HEAD but how long the page is.
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
        Cursor::Unknown => {
            Err(Code::InvalidQuery.because(format!("{key} is an event id like mfz3k1q8x04z-1042")))
        }
        cursor => Ok(Some(cursor)),
    }
}

/// Joins the messages' own JSON, which was encoded once, when they were published.
fn encode(room: &RoomName, page: HistoryPage) -> Messages {
    let (start, end) = MessagePage::around(room, page.oldest, page.newest);
    Messages::between(start, page.frames, end)
}
