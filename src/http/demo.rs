//! `send.php`: the original demo's way to send. Old names in, new calls out.
//! (`sse.php` is a stream like every other: see `events`.)

use std::net::IpAddr;
use std::time::Instant;

use bytes::Bytes;
use hyper::header::CONTENT_TYPE;
use hyper::{Method, Request, Response, StatusCode};

use super::app::App;
use super::body::{Body, json};
use super::format::check_content;
use super::input::{Fields, Pairs, read_fields};
use super::problem::Problem;
use super::publish::say;
use super::request_body::RequestBody;
use crate::protocol::{DEMO_FAILURE, DEMO_SUCCESS};

/// Publishes a message in the default room. The demo's clients know no status
/// but 200: the body says whether it worked.
pub(super) async fn send(
    app: &App,
    client: IpAddr,
    request: &Request<()>,
    body: &mut RequestBody,
) -> Response<Body> {
    // HEAD is safe (RFC 9110, section 9.2.1): it answers, and says nothing.
    let sent = match *request.method() {
        Method::HEAD => Ok(()),
        _ => try_send(app, client, request, body).await,
    };
    match sent {
        Ok(()) => answer(DEMO_SUCCESS),
        Err(problem) => refuse(app, &problem),
    }
}

/// The answer to a request that is refused.
pub(super) fn refuse(app: &App, problem: &Problem) -> Response<Body> {
    app.counts.refuse(problem.code());
    answer(DEMO_FAILURE)
}

fn answer(body: &'static str) -> Response<Body> {
    json(StatusCode::OK, Bytes::from_static(body.as_bytes()))
}

async fn try_send(
    app: &App,
    client: IpAddr,
    request: &Request<()>,
    body: &mut RequestBody,
) -> Result<(), Problem> {
    let begun = Instant::now();
    if app.draining.has_begun() {
        return Err(Problem::draining());
    }
    app.rates.take_of_address(client)?;
    let query = Fields::of_pairs(&Pairs::of_query(request.uri().query()))?;
    // As in PHP, a POST may bring its fields in the query, in the body, or both.
    let headers = request.headers();
    let body = match request.method() == Method::POST && headers.contains_key(CONTENT_TYPE) {
        true => read_fields(app, headers, body).await?,
        false => {
            check_content(headers)?;
            Fields::default()
        }
    };
    let fields = Fields {
        name: query.name.or(body.name),
        message: query.message.or(body.message),
        client_id: query.client_id.or(body.client_id),
    };
    say(app, client, &app.default_room, fields)?;
    app.counts.publish_time.count(begun.elapsed());
    Ok(())
}
