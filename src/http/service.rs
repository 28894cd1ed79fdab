//! The one list of what happens to a request: the checks in their order, then
//! the endpoint, then what every response has.

use std::sync::Arc;

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::header::{ALLOW, HOST, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use hyper::http::uri::Authority;
use hyper::{Method, Request, Response, StatusCode, Version};

use super::app::App;
use super::body::Body;
use super::events::Asked;
use super::input::{Pairs, room_of_path};
use super::problem::{Code, Problem};
use super::route::Route;
use super::{demo, events, history, members, publish, status};

/// Answers one request. It never fails: a refusal is an answer.
pub async fn answer(app: &Arc<App>, request: Request<Incoming>) -> Response<Body> {
    let mut response = match check_and_dispatch(app, request).await {
        Ok(response) => response,
        Err(problem) => {
            app.counts.refuse(problem.code());
            problem.into_response()
        }
    };
    response
        .headers_mut()
        .insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// Host, path, method, room, and then what the endpoint itself asks for.
async fn check_and_dispatch(
    app: &Arc<App>,
    request: Request<Incoming>,
) -> Result<Response<Body>, Problem> {
    check_host(&request)?;
    // A handle on the head's own bytes: gone before a stream begins, since it
    // would keep 8 KiB of the connection's buffer alive.
    let uri = request.uri().clone();
    let route = Route::of(uri.path(), &app.config).ok_or_else(Problem::not_found)?;
    if !route.takes(request.method()) {
        return Err(Problem::method_not_allowed(route.allow()));
    }
    if request.method() == Method::OPTIONS {
        return Ok(allowed(route));
    }
    let query = || Pairs::of_query(uri.query());
    let asked = || Asked {
        method: request.method(),
        headers: request.headers(),
        query: query(),
    };
    match route {
        // Boxed, because hyper keeps room for this function's future as long as
        // the connection lives, and a stream would pay 2 KiB for what it never is.
        Route::Messages(room) if request.method() == Method::POST => {
            Box::pin(publish::publish(app, room_of_path(room)?, request)).await
        }
        Route::SendPhp => Ok(Box::pin(demo::send(app, &uri, request)).await),
        Route::Messages(room) => history::messages(app, &room_of_path(room)?, &query()),
        Route::Events(room) => events::of_one_room(app, room_of_path(room)?, &asked()),
        Route::ManyEvents => events::of_many_rooms(app, &asked()),
        Route::SsePhp => events::of_the_demo(app, &asked()),
        Route::Members(room) => Ok(members::members(app, &room_of_path(room)?)),
        Route::Rooms => Ok(members::rooms(app)),
        Route::Home => Box::pin(app.page.home(request.headers())).await,
        Route::RoomPage(room) => {
            room_of_path(room)?;
            Box::pin(app.page.room(request.headers())).await
        }
        Route::Asset(path) => Box::pin(app.page.asset(path, request.headers())).await,
        Route::Health => Ok(status::healthy()),
        Route::Ready => status::ready(app),
        Route::Server => Ok(allowed(route)),
    }
}

/// RFC 9112, section 3.2: HTTP/1.1 has exactly one Host, and it is a host.
fn check_host(request: &Request<Incoming>) -> Result<(), Problem> {
    let mut hosts = request.headers().get_all(HOST).iter();
    let wrong = |detail: &'static str| Err(Code::InvalidHost.because(detail));
    match (hosts.next(), hosts.next()) {
        (None, _) if request.version() == Version::HTTP_10 => Ok(()),
        (None, _) => wrong("the Host header is missing"),
        (Some(_), Some(_)) => wrong("there are two Host headers; send one"),
        (Some(host), None) if is_host(host) => Ok(()),
        (Some(_), None) => {
            wrong("the Host header is not a host like example.org or 127.0.0.1:8080")
        }
    }
}

fn is_host(value: &HeaderValue) -> bool {
    let Ok(authority) = Authority::try_from(value.as_bytes()) else {
        return false;
    };
    let host = authority.host();
    // What stands beside the host is a colon and a port, which may be empty
    // (RFC 3986, section 3.2.3), or nothing; never a user.
    let rest = authority.as_str().strip_prefix(host);
    let port = rest.map(|rest| rest.strip_prefix(':').unwrap_or(rest));
    !host.is_empty() && port.is_some_and(|port| port.is_empty() || is_port(port))
}

fn is_port(port: &str) -> bool {
    port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok()
}

fn allowed(route: Route<'_>) -> Response<Body> {
    let mut response = Response::new(Body::Whole(Bytes::new()));
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
        .headers_mut()
        .insert(ALLOW, HeaderValue::from_static(route.allow()));
    response
}
