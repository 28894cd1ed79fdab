//! The one list of what happens to a request: the checks in their order, then
//! the endpoint, then what every response has.

use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use hyper::header::{ALLOW, CONNECTION, HeaderMap, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use hyper::{Method, Request, Response, StatusCode};

use super::app::App;
use super::body::{Body, Reply};
use super::events::Asked;
use super::guard::{Caller, Grant, check_host, is_allowed};
use super::input::{Pairs, room_of_path};
use super::problem::Problem;
use super::request_body::{BodyLeft, RequestBody};
use super::route::Route;
use super::{busy, demo, error_page, events, history, members, page, publish, robots, status};
use crate::protocol::BusyReason;

/// Answers one request. It never fails: a refusal is an answer.
pub async fn answer(
    app: &Arc<App>,
    caller: Caller,
    request: Request<impl Into<RequestBody>>,
) -> Response<Reply> {
    let (head, body) = request.into_parts();
    let (request, mut body) = (Request::from_parts(head, ()), body.into());
    let grant = app.origins.grant(request.headers());
    let mut response = match check_and_dispatch(app, caller, &grant, &request, &mut body).await {
        Ok(response) => response,
        Err(problem) => {
            app.counts.refuse(problem.code());
            error_page::answer(app, &request, problem).map(Reply::Body)
        }
    };
    robots::keep_out(&request, &mut response);
    let headers = response.headers_mut();
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    grant.tell(headers);
    // hyper closes where a body was left, but does not say so: a proxy would
    // put its next request into the connection.
    let is_left = !response.body().is_stream() && body.pass_over(request.headers()).await;
    if is_left {
        response.extensions_mut().insert(BodyLeft);
    }
    if is_left || caller.refused.is_some() {
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(CONNECTION, close);
    }
    response
}

/// Host, path, method and place; what is checked whatever the endpoint is.
async fn check_and_dispatch(
    app: &Arc<App>,
    caller: Caller,
    grant: &Grant,
    request: &Request<()>,
    body: &mut RequestBody,
) -> Result<Response<Reply>, Problem> {
    check_host(request)?;
    let uri = request.uri();
    let route = Route::of(uri.path(), &app.config).ok_or_else(Problem::not_found)?;
    if !route.takes(request.method()) {
        return Err(Problem::method_not_allowed(route.takes_only()));
    }
    // A probe asks by an address, and its answer tells nothing else.
    if !route.is_probe() {
        if !is_allowed(&caller, request, &app.config.access) {
            return Err(Problem::not_this_host());
        }
        if let Err(problem) = check_origin(app, route, request) {
            return refuse(app, route, problem).map(whole);
        }
        if let Some(refused) = caller.refused {
            return busy::instead(app, route, refused, request.method()).map(whole);
        }
    }
    if request.method() == Method::OPTIONS {
        return Ok(whole(allowed(route, grant, request.headers())));
    }
    let client = client_of(app, caller, request.headers());
    if route.spends_request_rate(request.method())
        && let Err(too_fast) = app.rates.take_of_requests(client)
    {
        return match route.is_stream() {
            true => Ok(whole(busy::stream(
                app,
                request.method(),
                BusyReason::Address,
            ))),
            false => refuse(app, route, too_fast.into()).map(whole),
        };
    }
    let permit = match caller.is_trusted(&app.config.access) && !route.is_probe() {
        true => app.admission.request(client),
        false => Ok(None),
    };
    let permit = match permit {
        Ok(permit) => permit,
        Err(refused) => {
            return busy::instead(app, route, refused, request.method()).map(whole);
        }
    };
    let mut answered = dispatch(app, client, route, grant, request, body).await;
    // A request is under way until its answer is taken, or at most one piece of
    // it is left. It is for no less time than its body is waited for.
    let permit = match (answered.as_mut(), permit) {
        (Ok(response), Some(permit)) => response.body_mut().keep(permit),
        (_, permit) => permit,
    };
    body.keep(permit);
    answered
}

/// The page that the request comes from, before anything is taken or counted.
/// Pages of every origin may link to the chat page and load its files.
fn check_origin(app: &App, route: Route<'_>, request: &Request<()>) -> Result<(), Problem> {
    let (method, headers) = (request.method(), request.headers());
    if method == Method::OPTIONS {
        return Ok(());
    }
    match route {
        Route::Messages(_) if method == Method::POST => app.origins.check_write(headers),
        Route::SendPhp if method == Method::POST => app.origins.check_write(headers),
        Route::SendPhp => app.origins.check_write_by_get(headers),
        Route::Events(_) | Route::ManyEvents | Route::SsePhp => {
            let has_name = || Pairs::of_query(request.uri().query()).has("name");
            app.origins.check_stream(headers, has_name)
        }
        Route::Messages(_) | Route::Members(_) | Route::Rooms => app.origins.check_read(headers),
        Route::Home
        | Route::RoomPage(_)
        | Route::RoomPageWithSlash(_)
        | Route::Asset(_)
        | Route::Health
        | Route::Ready
        | Route::Server => Ok(()),
    }
}

/// The refusal, in the form that the route's clients know.
fn refuse(app: &App, route: Route<'_>, problem: Problem) -> Result<Response<Body>, Problem> {
    match route {
        Route::SendPhp => Ok(demo::refuse(app, &problem)),
        _ => Err(problem),
    }
}

fn whole(response: Response<Body>) -> Response<Reply> {
    response.map(Reply::Body)
}

/// Room, and then what the endpoint itself asks for.
async fn dispatch(
    app: &Arc<App>,
    client: IpAddr,
    route: Route<'_>,
    grant: &Grant,
    request: &Request<()>,
    body: &mut RequestBody,
) -> Result<Response<Reply>, Problem> {
    let query = || Pairs::of_query(request.uri().query());
    let asked = || Asked {
        client,
        method: request.method(),
        headers: request.headers(),
        query: query(),
    };
    let response = match route {
        Route::Events(room) => return events::of_one_room(app, room_of_path(room)?, &asked()),
        Route::ManyEvents => return events::of_many_rooms(app, &asked()),
        Route::SsePhp => return events::of_the_demo(app, &asked()),
        // Boxed, because hyper keeps room for this function's future as long as
        // the connection lives, and a stream would pay 2 KiB for what it never is.
        Route::Messages(room) if request.method() == Method::POST => {
            let room = room_of_path(room)?;
            Box::pin(publish::publish(app, client, room, request, body)).await
        }
        Route::SendPhp => Ok(Box::pin(demo::send(app, client, request, body)).await),
        Route::Messages(room) => history::messages(app, &room_of_path(room)?, &asked()),
        Route::Members(room) => Ok(members::members(app, &room_of_path(room)?)),
        Route::Rooms => members::rooms(app, &query()),
        Route::Home => Box::pin(app.page.home(request.headers())).await,
        Route::RoomPage(room) => {
            room_of_path(room)?;
            Box::pin(app.page.room(request.headers())).await
        }
        Route::RoomPageWithSlash(room) => {
            Ok(page::redirect(&room_of_path(room)?, request.uri().query()))
        }
        Route::Asset(path) => Box::pin(app.page.asset(path, request.headers())).await,
        Route::Health => Ok(status::healthy()),
        Route::Ready => status::ready(app),
        Route::Server => Ok(allowed(route, grant, request.headers())),
    };
    response.map(whole)
}

/// Whom the caller asks for. The operator is told once if that can't be known.
fn client_of(app: &App, caller: Caller, headers: &HeaderMap) -> IpAddr {
    if let Some(why) = caller.mistake(headers, &app.config.access) {
        app.mistaken_proxy.call_once(|| tracing::warn!("{why}"));
    }
    caller.client(headers, &app.config.access)
}

fn allowed(route: Route<'_>, grant: &Grant, request: &HeaderMap) -> Response<Body> {
    let mut response = Response::new(Body::Whole(Bytes::new()));
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    headers.insert(ALLOW, HeaderValue::from_static(route.allow()));
    grant.tell_preflight(request, route.allow(), headers);
    response
}
