//! `GET /rooms/{room}/messages`: a page of a room's history.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use hyper::{Method, Response, StatusCode};

use super::app::App;
use super::body::{Body, json};
use super::history_body::HistoryBody;
use super::input::{Pairs, limit};
use super::permission::{Permitted, Read};
use super::problem::Problem;
use crate::chat::{HistoryPage, HistoryQuery};
use crate::protocol::{Cursor, MessagePage, ProblemCode, RoomName};

const DEFAULT_LIMIT: usize = 50;
/// How far a page may overdraw the replay budget. Streams queue for their
/// budget and pages do not: without it, one waiting stream would block all pages
/// of its address.
const EARLY: Duration = Duration::from_secs(1);

/// A page draws on its client's replay budget, as streams do.
pub(super) async fn messages(
    app: &App,
    client: IpAddr,
    room: &Permitted<Read>,
    method: &Method,
    query: &Pairs<'_>,
) -> Result<Response<Body>, Problem> {
    let page = app.hub.page_with_store(room.room(), page(query)?).await?;
    let messages = encode(room.room(), page);
    // HEAD sends only the length of the page.
    if *method != Method::HEAD {
        draw(app, client, messages.left())?;
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

/// Joins the messages' JSON, which was encoded when they were published.
fn encode(room: &RoomName, page: HistoryPage) -> HistoryBody {
    let (start, end) = MessagePage::around(room, page.oldest, page.newest);
    let mut body = HistoryBody::between(start, page.entries, end);
    body.hold_read(page.read);
    body
}
