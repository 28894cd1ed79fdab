//! `send.php`, the publishing endpoint of the original demo. `sse.php` is a
//! stream like every other: see `events`.

use std::time::Instant;

use bytes::Bytes;
use hyper::header::CONTENT_TYPE;
use hyper::{Method, Request, Response, StatusCode};

use super::app::App;
use super::body::{Body, json};
use super::format::check_content;
use super::input::{Fields, Pairs, read_fields};
use super::permission::{Identity, Write};
use super::problem::Problem;
use super::publish::publish_fields;
use super::request_body::RequestBody;

const SUCCESS: &[u8] = br#"{"code":0,"msg":"success"}"#;
const FAIL: &[u8] = br#"{"code":-1,"msg":"fail"}"#;

/// Publishes a message in the default room. The demo's clients know no status
/// but 200, so `code` in the body reports success.
pub(super) async fn send(
    app: &App,
    identity: &Identity,
    request: &Request<()>,
    body: &mut RequestBody,
) -> Response<Body> {
    // HEAD is safe (RFC 9110, section 9.2.1): it publishes nothing.
    let sent = match *request.method() {
        Method::HEAD => Ok(()),
        _ => try_send(app, identity, request, body).await,
    };
    match sent {
        Ok(()) => answer(SUCCESS),
        Err(problem) => refuse(app, &problem),
    }
}

/// The response to a refused request.
pub(super) fn refuse(app: &App, problem: &Problem) -> Response<Body> {
    app.counts.refuse(problem.code());
    answer(FAIL)
}

fn answer(body: &'static [u8]) -> Response<Body> {
    json(StatusCode::OK, Bytes::from_static(body))
}

async fn try_send(
    app: &App,
    identity: &Identity,
    request: &Request<()>,
    body: &mut RequestBody,
) -> Result<(), Problem> {
    let begun = Instant::now();
    let room = identity.permit::<Write>(&app.hub, app.default_room.clone())?;
    let query = Fields::of_pairs(&Pairs::of_query(request.uri().query()))?;
    // As in PHP, a POST may bring its fields in the query, in the body, or both.
    let headers = request.headers();
    let body = match request.method() == Method::POST && headers.contains_key(CONTENT_TYPE) {
        true => read_fields(&app.config, request, body).await?,
        false => {
            check_content(headers)?;
            Fields::default()
        }
    };
    let fields = Fields {
        name: query.name.or(body.name),
        message: query.message.or(body.message),
        client_id: query.client_id.or(body.client_id),
        reply_to: query.reply_to.or(body.reply_to),
        edit_key: query.edit_key.or(body.edit_key),
    };
    publish_fields(app, identity, &room, fields).await?;
    app.counts
        .publish_time
        .observe(begun.elapsed().as_secs_f64());
    Ok(())
}
