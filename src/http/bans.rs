//! `/rooms/{room}/bans`: the bans of a room, for those who may moderate it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use hyper::{Method, Request, Response, StatusCode};
use serde::Serialize;

use super::app::App;
use super::body::{Body, json, no_content};
use super::input::Pairs;
use super::permission::{Moderate, Permitted};
use super::problem::Problem;
use crate::chat::{Ban, BanError, timestamp};
use crate::protocol::{EventId, ProblemCode};

/// The longest ban.
const MAX_BAN: Duration = Duration::from_secs(366 * DAY);
const DEFAULT_BAN: Duration = Duration::from_secs(3600);
const DAY: u64 = 24 * 3600;

/// The response to GET.
#[derive(Serialize)]
struct BanList<'a> {
    room: &'a str,
    bans: Vec<ListedBan<'a>>,
}

#[derive(Serialize)]
struct ListedBan<'a> {
    message: EventId,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    until: String,
}

/// Lists the bans, or bans the author of the query's message, or lifts that ban.
pub(super) async fn answer(
    app: &App,
    room: &Permitted<Moderate>,
    request: &Request<()>,
) -> Result<Response<Body>, Problem> {
    let query = Pairs::of_query(request.uri().query());
    match *request.method() {
        Method::PUT => {
            let until = SystemTime::now() + length(&query)?;
            let message = message(&query)?;
            app.hub.ban_durably(room.room(), message, until).await?;
            Ok(no_content())
        }
        Method::DELETE => {
            let message = message(&query)?;
            match app.hub.lift_ban_durably(room.room(), message).await? {
                true => Ok(no_content()),
                false => Err(Problem::new(
                    ProblemCode::NotFound,
                    "the author of this message is not banned",
                )),
            }
        }
        _ => Ok(list(room, &app.hub.bans(room.room()))),
    }
}

fn list(room: &Permitted<Moderate>, bans: &[Ban]) -> Response<Body> {
    let listed = |ban| {
        let Ban {
            message,
            name,
            until,
        }: &Ban = ban;
        let until = until.duration_since(UNIX_EPOCH).unwrap_or_default();
        ListedBan {
            message: *message,
            name: name.as_deref(),
            until: timestamp::of_seconds(until.as_secs()),
        }
    };
    let list = BanList {
        room: room.room().as_str(),
        bans: bans.iter().map(listed).collect(),
    };
    let body = serde_json::to_vec(&list).expect("a list of texts has a JSON form");
    json(StatusCode::OK, Bytes::from(body))
}

fn message(query: &Pairs<'_>) -> Result<EventId, Problem> {
    let id = query.one("message")?.map(str::parse);
    match id {
        Some(Ok(id)) => Ok(id),
        _ => Err(Problem::new(
            ProblemCode::InvalidQuery,
            "message is the id of a message whose author is meant, like mfz3k1q8x04z-1042",
        )),
    }
}

/// The query's `for`: a number and `s`, `m`, `h` or `d`.
fn length(query: &Pairs<'_>) -> Result<Duration, Problem> {
    match query.one("for")? {
        None => Ok(DEFAULT_BAN),
        Some(text) => parse_length(text).ok_or_else(|| {
            Problem::new(
                ProblemCode::InvalidQuery,
                "for is a time of 1s to 366d, like 30m, 1h or 7d",
            )
        }),
    }
}

fn parse_length(text: &str) -> Option<Duration> {
    let unit = text.chars().next_back()?;
    let number = &text[..text.len() - unit.len_utf8()];
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => DAY,
        _ => return None,
    };
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    let number: u64 = is_number.then(|| number.parse().ok()).flatten()?;
    let length = Duration::from_secs(number.checked_mul(seconds)?);
    (!length.is_zero() && length <= MAX_BAN).then_some(length)
}

impl From<BanError> for Problem {
    fn from(error: BanError) -> Self {
        let problem = |code| Self::new(code, error.to_string());
        match error {
            BanError::NotFound => problem(ProblemCode::NotFound),
            BanError::TooMany => problem(ProblemCode::RateLimited).retry_after(DEFAULT_BAN),
            BanError::HistoryUnavailable(error) => error.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ban_lasts_from_a_second_to_a_year() {
        let seconds = |text| parse_length(text).map(|length| length.as_secs());
        for (text, expected) in [("1s", 1), ("90m", 5400), ("1h", 3600), ("366d", 366 * DAY)] {
            assert_eq!(seconds(text), Some(expected), "{text}");
        }
        for bad in [
            "",
            "h",
            "1",
            "0s",
            "-1h",
            "+1h",
            "1.5h",
            "367d",
            "1w",
            "1 h",
            "1é",
            "99999999999999999999d",
        ] {
            assert_eq!(seconds(bad), None, "{bad}");
        }
    }
}
