//! The processing of a request, in order: the checks, the endpoint, and the headers
//! of every response.

use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use hyper::header::{
    ALLOW, CONNECTION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, STRICT_TRANSPORT_SECURITY,
    X_CONTENT_TYPE_OPTIONS,
};
use hyper::{Method, Request, Response, StatusCode, Version};

use super::access_log::AccessEntry;
use super::app::App;
use super::authenticator::{CredentialSources, Sender};
use super::body::{Body, json};
use super::events::StreamRequest;
use super::guard::{Caller, CorsGrant, CrossOrigin, adopt_authority, check_host, is_allowed};
use super::input::{Pairs, emoji_of_path, id_of_path, room_of_path};
use super::permission::{Identity, Read};
use super::problem::Problem;
use super::reply::{self, Reply};
use super::request_body::{BodyLeft, RequestBody};
use super::route::Route;
#[cfg(feature = "tokens")]
use super::session;
use super::{
    acme, bans, busy, change, close, demo, draining, error_page, events, history, https, page,
    publish, typing,
};
use crate::protocol::{BusyReason, EVENT_STREAM};

const X_ROBOTS_TAG: HeaderName = HeaderName::from_static("x-robots-tag");

/// Answers one request, and logs it if there is an access log. It never fails: a
/// refusal is an answer.
pub(crate) async fn answer(
    app: &Arc<App>,
    caller: Caller,
    request: Request<impl Into<RequestBody>>,
) -> Response<Reply> {
    let entry = AccessEntry::new(&app.config, &request, caller);
    let (mut head, body) = request.into_parts();
    adopt_authority(&mut head);
    let (request, mut body) = (Request::from_parts(head, ()), body.into());
    let grant = app.origins.grant(request.headers());
    let mut response = match check_and_dispatch(app, caller, &grant, &request, &mut body).await {
        Ok(response) => response,
        Err(problem) => {
            app.counts.refuse(problem.code());
            error_page::answer(app, &request, problem).map(Reply::Body)
        }
    };
    if let Reply::Stream(stream) = response.body_mut() {
        stream.set_carrier(caller.carrier());
    }
    forbid_indexing(&request, &mut response);
    let headers = response.headers_mut();
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    grant.apply(headers);
    if let (Some(hsts), true) = (&app.hsts, caller.is_tls()) {
        headers.insert(STRICT_TRANSPORT_SECURITY, hsts.clone());
    }
    // hyper closes the connection after an unread body without announcing it: a
    // proxy would send its next request into the connection.
    let is_left = !response.body().is_stream() && body.discard(request.headers()).await;
    if is_left {
        response.extensions_mut().insert(BodyLeft);
    }
    // HTTP/2 has other means for this (RFC 9113, section 8.2.2).
    let is_http1 = request.version() < Version::HTTP_2;
    if is_http1 && (is_left || caller.refused.is_some()) {
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(CONNECTION, close);
    }
    if let Some(entry) = entry {
        reply::log(entry, &mut response);
    }
    response
}

/// The checks that all endpoints share: host, path, method, origin, limits.
async fn check_and_dispatch(
    app: &Arc<App>,
    caller: Caller,
    grant: &CorsGrant,
    request: &Request<()>,
    body: &mut RequestBody,
) -> Result<Response<Reply>, Problem> {
    check_host(request)?;
    let uri = request.uri();
    if let Some(file) = acme::file(&app.config.tls, request) {
        // Boxed, because every connection would have room for it.
        return Box::pin(acme::answer(file)).await.map(whole);
    }
    let route = Route::of(uri.path(), &app.config);
    if let Some(redirect) = redirect(app, caller, route, request)? {
        return Ok(whole(redirect));
    }
    let route = route.ok_or_else(Problem::not_found)?;
    if !route.takes(request.method()) {
        return Err(Problem::method_not_allowed(route.takes_only()));
    }
    // Health probes skip these checks: they use an IP address and expose nothing.
    if !route.is_probe() {
        if !is_allowed(&caller, request, &app.config.access) {
            return Err(Problem::not_this_host());
        }
        if let Err(error) = check_origin(app, route, request) {
            return refuse(app, route, error.into()).map(whole);
        }
        if let Some(refused) = caller.refused {
            return busy::answer(app, route, refused, request.method()).map(whole);
        }
    }
    if request.method() == Method::OPTIONS {
        return Ok(whole(allowed(route, grant, request.headers())));
    }
    let client = client_of(app, caller, request.headers());
    if route.spends_request_rate(request.method())
        && let Err(exceeded) = app.rates.take_request(client)
    {
        return match route.is_stream(request.method()) {
            true => Ok(whole(busy::stream(
                app,
                request.method(),
                BusyReason::Address,
            ))),
            false => refuse(app, route, exceeded.into()).map(whole),
        };
    }
    let access = &app.config.access;
    let is_counted = caller.counts_requests(access) && !route.is_probe();
    let permit = is_counted.then(|| app.admission.request(client));
    let permit = match permit.transpose() {
        Ok(permit) => permit.flatten(),
        Err(refused) => return busy::answer(app, route, refused, request.method()).map(whole),
    };
    let mut answered = dispatch(app, caller, client, route, grant, request, body).await;
    // The permit is held until at most one piece of the answer is left to send,
    // and for as long as the request's body is awaited.
    let permit = match (answered.as_mut(), permit) {
        (Ok(response), Some(permit)) => {
            let shares = caller.counts_streams(access);
            response.body_mut().hold(permit, shares)
        }
        (_, permit) => permit,
    };
    body.hold(permit);
    answered
}

/// The redirect of a request in clear, if all of them get one.
fn redirect(
    app: &App,
    caller: Caller,
    route: Option<Route<'_>>,
    request: &Request<()>,
) -> Result<Option<Response<Body>>, Problem> {
    let access = &app.config.access;
    let Some(port) = app.redirect_port else {
        return Ok(None);
    };
    if caller.is_https(request.headers(), access) || route.is_some_and(Route::is_probe) {
        return Ok(None);
    }
    match is_allowed(&caller, request, access) {
        true => Ok(Some(https::redirect(request, port)?)),
        false => Err(Problem::not_this_host()),
    }
}

/// Checks the page that sent the request, before it is charged to a limit. Any
/// page may link to the chat page and load its files.
fn check_origin(app: &App, route: Route<'_>, request: &Request<()>) -> Result<(), CrossOrigin> {
    let (method, headers) = (request.method(), request.headers());
    if method == Method::OPTIONS {
        return Ok(());
    }
    let is_write = !matches!(*method, Method::GET | Method::HEAD);
    match route {
        Route::SendPhp if !is_write => app.origins.check_write_by_get(headers),
        _ if is_write => app.origins.check_write(headers),
        Route::Events(_) | Route::ManyEvents | Route::SsePhp => {
            let has_name = || Pairs::of_query(request.uri().query()).has("name");
            app.origins.check_stream(headers, has_name)
        }
        Route::Messages(_) | Route::Members(_) | Route::Rooms | Route::Bans(_) => {
            app.origins.check_read(headers)
        }
        // They take no GET.
        Route::Message(..)
        | Route::Reaction(..)
        | Route::Typing(_)
        | Route::Tickets
        | Route::Session
        | Route::SendPhp => Ok(()),
        Route::Home
        | Route::RoomPage(_)
        | Route::RoomPageWithSlash(_)
        | Route::Asset(_)
        | Route::Health
        | Route::Ready
        | Route::Server => Ok(()),
    }
}

/// The refusal in the format of the route's clients.
fn refuse(app: &App, route: Route<'_>, problem: Problem) -> Result<Response<Body>, Problem> {
    match route {
        Route::SendPhp => Ok(demo::refuse(app, &problem)),
        _ => Err(problem),
    }
}

fn whole(response: Response<Body>) -> Response<Reply> {
    response.map(Reply::Body)
}

/// Calls the endpoint.
async fn dispatch(
    app: &Arc<App>,
    caller: Caller,
    client: IpAddr,
    route: Route<'_>,
    grant: &CorsGrant,
    request: &Request<()>,
    body: &mut RequestBody,
) -> Result<Response<Reply>, Problem> {
    let headers = request.headers();
    let response = match route {
        Route::Home => Box::pin(app.page.home(&app.default_room, headers)).await,
        Route::RoomPage(room) => {
            let room = room_of_path(room)?;
            Box::pin(app.page.room(&room, headers)).await
        }
        Route::RoomPageWithSlash(room) => {
            Ok(page::redirect(&room_of_path(room)?, request.uri().query()))
        }
        Route::Asset(path) => Box::pin(app.page.asset(path, headers)).await,
        Route::Health => Ok(draining::healthy()),
        Route::Ready => draining::ready(&app.draining),
        Route::Server => Ok(allowed(route, grant, headers)),
        Route::Session => {
            let is_https = caller.is_https(headers, &app.config.access);
            Box::pin(answer_session(app, request, is_https)).await
        }
        _ if route.is_stream(request.method()) => {
            // Before the token is looked at, since verifying one has a cost.
            if request.method() == Method::GET && app.rates.take_stream(client).is_err() {
                let busy = busy::stream(app, request.method(), BusyReason::Address);
                return Ok(whole(busy));
            }
            let sources = CredentialSources {
                is_stream: true,
                is_https: caller.is_https(headers, &app.config.access),
            };
            let opened = match app
                .authenticator
                .identify(&app.hub, client, request, sources)
                .await
            {
                Ok(sender) => open_stream(app, sender, route, request).await,
                Err(problem) => Err(problem),
            };
            return match opened {
                Ok(reply) => Ok(reply),
                Err(problem) => close::answer(app, problem, request).map(whole),
            };
        }
        // Boxed, because hyper holds this function's future as long as the
        // connection lives, and each stream would pay 2 KiB for it.
        _ => {
            let sources = CredentialSources {
                is_stream: false,
                is_https: caller.is_https(headers, &app.config.access),
            };
            Box::pin(answer_in_room(app, client, sources, route, request, body)).await
        }
    };
    response.map(whole)
}

#[cfg(feature = "tokens")]
async fn answer_session(
    app: &App,
    request: &Request<()>,
    is_https: bool,
) -> Result<Response<Body>, Problem> {
    match *request.method() {
        Method::DELETE => Ok(session::end(is_https)),
        _ => session::begin(app, request.headers(), is_https).await,
    }
}

#[cfg(not(feature = "tokens"))]
async fn answer_session(_: &App, _: &Request<()>, _: bool) -> Result<Response<Body>, Problem> {
    Err(Problem::not_found())
}

async fn open_stream(
    app: &App,
    sender: Sender,
    route: Route<'_>,
    request: &Request<()>,
) -> Result<Response<Reply>, Problem> {
    let request = StreamRequest {
        method: request.method(),
        headers: request.headers(),
        query: Pairs::of_query(request.uri().query()),
        sender,
    };
    match route {
        Route::Events(room) => events::of_one_room(app, room_of_path(room)?, &request).await,
        Route::ManyEvents => events::of_many_rooms(app, &request).await,
        _ => events::of_the_demo(app, &request).await,
    }
}

/// Answers a request that needs a right, and is not for a stream. A request that
/// writes spends its rates before its token is looked at.
async fn answer_in_room(
    app: &Arc<App>,
    client: IpAddr,
    sources: CredentialSources,
    route: Route<'_>,
    request: &Request<()>,
    body: &mut RequestBody,
) -> Result<Response<Body>, Problem> {
    let method = request.method();
    if route.spends_publish_rate(method)
        && let Err(problem) = publish::begin_write(app, client)
    {
        return refuse(app, route, problem);
    }
    let identity = match app
        .authenticator
        .identify(&app.hub, client, request, sources)
        .await
    {
        Ok(sender) => sender.identity,
        Err(problem) => return refuse(app, route, problem),
    };
    if app.hub.is_shared()
        && let Err(problem) = load_room(app, route).await
    {
        return refuse(app, route, problem);
    }
    match route {
        Route::Messages(room) if method == Method::POST => {
            let room = identity.permit(&app.hub, room_of_path(room)?)?;
            publish::message(app, &identity, &room, request, body).await
        }
        Route::Messages(room) => {
            let room = identity.permit(&app.hub, room_of_path(room)?)?;
            let query = Pairs::of_query(request.uri().query());
            history::messages(app, client, &room, method, &query).await
        }
        Route::Message(..) | Route::Reaction(..) => {
            answer_change(app, &identity, route, request, body).await
        }
        Route::Events(room) => {
            let room = identity.permit(&app.hub, room_of_path(room)?)?;
            publish::event(app, &identity, &room, request, body).await
        }
        // Encoded once per change, not per request.
        Route::Members(room) => {
            let room = identity.permit::<Read>(&app.hub, room_of_path(room)?)?;
            Ok(json(StatusCode::OK, app.hub.members(room.room())))
        }
        Route::Rooms => {
            let query = Pairs::of_query(request.uri().query());
            app.room_list.respond(&app.hub, &identity, &query)
        }
        Route::Bans(room) => {
            let room = identity.permit(&app.hub, room_of_path(room)?)?;
            bans::answer(app, &room, request).await
        }
        Route::Typing(room) => {
            let room = identity.permit(&app.hub, room_of_path(room)?)?;
            typing::answer(app, &identity, &room, request)
        }
        #[cfg(feature = "tokens")]
        Route::Tickets => session::issue_ticket(app, &identity, request.headers(), sources).await,
        Route::SendPhp => Ok(demo::send(app, &identity, request, body).await),
        _ => Err(Problem::not_found()),
    }
}

/// Answers a request that changes a message.
async fn answer_change(
    app: &App,
    identity: &Identity,
    route: Route<'_>,
    request: &Request<()>,
    body: &mut RequestBody,
) -> Result<Response<Body>, Problem> {
    match route {
        Route::Message(room, id) if request.method() == Method::PATCH => {
            let room = identity.permit(&app.hub, room_of_path(room)?)?;
            change::edit(app, identity, &room, id_of_path(id)?, request, body).await
        }
        Route::Message(room, id) => {
            let room = identity.permit(&app.hub, room_of_path(room)?)?;
            change::delete(app, identity, &room, id_of_path(id)?, request).await
        }
        Route::Reaction(room, id, emoji) => {
            let room = identity.permit(&app.hub, room_of_path(room)?)?;
            let (id, emoji) = (id_of_path(id)?, emoji_of_path(emoji)?);
            change::react(app, identity, &room, id, emoji, request).await
        }
        _ => Err(Problem::not_found()),
    }
}

/// Makes the room of a request available here, with its history and its bans.
async fn load_room(app: &App, route: Route<'_>) -> Result<(), Problem> {
    match route.room() {
        Some(room) => app.hub.load_room(&room_of_path(room)?).await?,
        None if matches!(route, Route::SendPhp) => app.hub.load_room(&app.default_room).await?,
        None => {}
    }
    Ok(())
}

/// The client's address. Warns the operator once if a proxy hides it.
fn client_of(app: &App, caller: Caller, headers: &HeaderMap) -> IpAddr {
    if let Some(why) = caller.misconfigured_proxy(headers, &app.config.access) {
        app.proxy_warning.call_once(|| tracing::warn!("{why}"));
    }
    caller.client(headers, &app.config.access)
}

fn allowed(route: Route<'_>, grant: &CorsGrant, request: &HeaderMap) -> Response<Body> {
    let mut response = Response::new(Body::Whole(Bytes::new()));
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    headers.insert(ALLOW, HeaderValue::from_static(route.allow()));
    grant.apply_preflight(request, route.allow(), headers);
    response
}

/// Tells search engines not to list refusals, and pages with a room's name in the
/// address, since a room's name is its secret. Engines only GET, and list no event
/// streams.
///
/// There is deliberately no robots.txt. An engine that may not fetch a page never
/// sees this header, and may list an address that it found in a link.
fn forbid_indexing(request: &Request<()>, response: &mut Response<Reply>) {
    let path = request.uri().path();
    let has_a_room = path.starts_with("/r/") || path.starts_with("/rooms");
    let status = response.status();
    let is_refused = status.is_client_error() || status.is_server_error();
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    let headers = response.headers_mut();
    let is_stream = headers
        .get(CONTENT_TYPE)
        .is_some_and(|kind| kind == EVENT_STREAM);
    if is_read && !is_stream && (has_a_room || is_refused) {
        headers.insert(X_ROBOTS_TAG, HeaderValue::from_static("noindex"));
    }
}
