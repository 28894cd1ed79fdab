//! `POST /tickets`, `POST /session` and `DELETE /session`: other ways for a browser
//! to show a token.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use hyper::header::{HeaderMap, HeaderValue, SET_COOKIE};
use hyper::{Response, StatusCode};
use serde::Serialize;

use super::app::App;
use super::authenticator::{CredentialSources, verify};
use super::body::{Body, json};
use super::credentials::{Credentials, PLAIN_COOKIE, SECURE_COOKIE};
use super::permission::Identity;
use super::problem::Problem;
use super::shared_tickets;
use crate::chat::timestamp;
use crate::protocol::ProblemCode;
use crate::tokens::Token;

/// Most bytes of a token in a cookie: browsers drop a cookie of more than 4,096
/// bytes with its name and attributes.
const MAX_COOKIE_TOKEN_BYTES: usize = 3800;

/// The response to `POST /tickets`.
#[derive(Serialize)]
struct TicketResponse {
    ticket: String,
    expires_at: String,
}

/// Issues a ticket for the token of the request.
pub(super) async fn issue_ticket(
    app: &App,
    identity: &Identity,
    headers: &HeaderMap,
    sources: CredentialSources,
) -> Result<Response<Body>, Problem> {
    let token = identity.token();
    let token = token.ok_or_else(|| identity.refusal("to get a ticket"))?;
    let now = SystemTime::now();
    let (ticket, expires_at) = match (
        app.hub.is_shared(),
        Credentials::of(headers, sources.is_https)?,
    ) {
        (true, Credentials::Bearer(text) | Credentials::Cookie(text)) => {
            shared_tickets::issue(&app.hub, text, token, now).await?
        }
        _ => app.authenticator.tickets.issue(Arc::clone(token), now)?,
    };
    let expires_at = expires_at.duration_since(UNIX_EPOCH).unwrap_or_default();
    let issued = TicketResponse {
        ticket,
        expires_at: timestamp::of_seconds(expires_at.as_secs()),
    };
    let body = serde_json::to_vec(&issued).expect("two texts have a JSON form");
    Ok(json(StatusCode::CREATED, Bytes::from(body)))
}

/// Sets the cookie to the token in `Authorization`.
pub(super) async fn begin(
    app: &App,
    headers: &HeaderMap,
    is_https: bool,
) -> Result<Response<Body>, Problem> {
    let verifier = app
        .authenticator
        .verifier()
        .ok_or_else(Problem::not_found)?;
    let Credentials::Bearer(text) = Credentials::of(headers, is_https)? else {
        return Err(Problem::new(
            ProblemCode::TokenRequired,
            "a session begins with the header Authorization: Bearer TOKEN",
        ));
    };
    let token: Arc<Token> = verify(verifier, text).await?;
    if text.len() > MAX_COOKIE_TOKEN_BYTES {
        let detail = format!("a token in a cookie is at most {MAX_COOKIE_TOKEN_BYTES} bytes");
        return Err(Problem::new(ProblemCode::InvalidRequest, detail));
    }
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let left = token.expires_at.saturating_sub(now.as_secs());
    Ok(with_cookie(text, left, is_https))
}

/// Clears the cookie.
pub(super) fn end(is_https: bool) -> Response<Body> {
    with_cookie("", 0, is_https)
}

fn with_cookie(token: &str, max_age: u64, is_https: bool) -> Response<Body> {
    let (name, secure) = match is_https {
        true => (SECURE_COOKIE, "; Secure"),
        false => (PLAIN_COOKIE, ""),
    };
    let cookie =
        format!("{name}={token}; HttpOnly; SameSite=Strict; Path=/; Max-Age={max_age}{secure}");
    let mut response = Response::new(Body::Whole(Bytes::new()));
    *response.status_mut() = StatusCode::NO_CONTENT;
    // A verified token is base64url and dots.
    if let Ok(mut cookie) = HeaderValue::from_str(&cookie) {
        cookie.set_sensitive(true);
        response.headers_mut().insert(SET_COOKIE, cookie);
    }
    response
}
