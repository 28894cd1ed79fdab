//! The one list of what happens to a request: the checks in their order, then
//! the endpoint, then what every response has.

use std::sync::Arc;

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::header::{ALLOW, CONNECTION, HeaderMap, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use hyper::{Method, Request, Response, StatusCode};

use super::app::App;
use super::body::Body;
use super::events::Asked;
use super::guard::{Caller, Grant, check_host, is_allowed};
use super::input::{Pairs, room_of_path};
use super::problem::Problem;
use super::route::Route;
use super::{busy, demo, events, history, members, publish, status};

/// Answers one request. It never fails: a refusal is an answer.
pub async fn answer(app: &Arc<App>, caller: Caller, request: Request<Incoming>) -> Response<Body> {
    let grant = app.origins.grant(request.headers());
    let mut response = match check_and_dispatch(app, caller, &grant, request).await {
        Ok(response) => response,
        Err(problem) => {
            app.counts.refuse(problem.code());
            problem.into_response()
        }
    };
    let headers = response.headers_mut();
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    grant.tell(headers);
    if caller.refused.is_some() {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// Host, path, method, place, room, and then what the endpoint itself asks for.
async fn check_and_dispatch(
    app: &Arc<App>,
    caller: Caller,
    grant: &Grant,
    request: Request<Incoming>,
) -> Result<Response<Body>, Problem> {
    check_host(&request)?;
    // A handle on the head's own bytes: gone before a stream begins, since it
    // would keep 8 KiB of the connection's buffer alive.
    let uri = request.uri().clone();
    let route = Route::of(uri.path(), &app.config).ok_or_else(Problem::not_found)?;
    if !route.takes(request.method()) {
        return Err(Problem::method_not_allowed(route.takes_only()));
    }
    // Whoever asks how the server is asks by an address, and learns nothing else.
    if !route.is_probe() {
        if !is_allowed(&caller, &request, &app.config.access) {
            return Err(Problem::not_this_host());
        }
        if let Some(refused) = caller.refused {
            return busy::instead(app, route, refused, &request);
        }
    }
    if request.method() == Method::OPTIONS {
        return Ok(allowed(route, grant, request.headers()));
    }
    let client = caller.client(request.headers(), &app.config.access);
    let query = || Pairs::of_query(uri.query());
    let asked = || Asked {
        client,
        method: request.method(),
        headers: request.headers(),
        query: query(),
    };
    match route {
        // Boxed, because hyper keeps room for this function's future as long as
        // the connection lives, and a stream would pay 2 KiB for what it never is.
        Route::Messages(room) if request.method() == Method::POST => {
            Box::pin(publish::publish(app, client, room_of_path(room)?, request)).await
        }
        Route::SendPhp => Ok(Box::pin(demo::send(app, client, &uri, request)).await),
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
        Route::Server => Ok(allowed(route, grant, request.headers())),
    }
}

fn allowed(route: Route<'_>, grant: &Grant, request: &HeaderMap) -> Response<Body> {
    let mut response = Response::new(Body::Whole(Bytes::new()));
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    headers.insert(ALLOW, HeaderValue::from_static(route.allow()));
    grant.tell_preflight(request, route.allow(), headers);
    response
}
