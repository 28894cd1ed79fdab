//! The endpoints of event streams: from a request to a `Subscription`. Events
//! are encoded in `stream`.

use std::time::Instant;

use bytes::Bytes;
use hyper::header::{HeaderMap, HeaderValue};
use hyper::{Method, Response};

use super::app::App;
use super::authenticator::Sender;
use super::body::{Body, event_stream};
use super::busy;
use super::handoff::StreamHandoff;
use super::input::Pairs;
use super::problem::Problem;
use super::reply::Reply;
use crate::chat::{EventForm, Hub, MemberGuard, RoomList, SubscribeError, SubscribeOptions};
use crate::protocol::{
    BACKLOG_KEY, Backlog, BusyReason, Cursor, LAST_EVENT_ID, NAME_KEY, PRESENCE_KEY, ProblemCode,
    ROOM_KEY, RoomName, UserName, WAS_KEY,
};

/// `GET /rooms/{room}/events`
pub(super) async fn of_one_room(
    app: &App,
    room: RoomName,
    request: &StreamRequest<'_>,
) -> Result<Response<Reply>, Problem> {
    let options = request.options(&app.hub, room.into(), Backlog::Last(0), EventForm::Raw)?;
    respond(app, request, options).await
}

/// `GET /events?room=a&room=b`
pub(super) async fn of_many_rooms(
    app: &App,
    request: &StreamRequest<'_>,
) -> Result<Response<Reply>, Problem> {
    let names = request.query.all(ROOM_KEY)?;
    let rooms = names
        .into_iter()
        .map(RoomName::parse)
        .collect::<Result<Vec<_>, _>>()?;
    let rooms = RoomList::new(rooms)
        .map_err(|error| Problem::new(ProblemCode::InvalidQuery, error.to_string()))?;
    let options = request.options(&app.hub, rooms, Backlog::Last(0), EventForm::Json)?;
    respond(app, request, options).await
}

/// `GET /sse.php`: the default room with its whole history.
pub(super) async fn of_the_demo(
    app: &App,
    request: &StreamRequest<'_>,
) -> Result<Response<Reply>, Problem> {
    let rooms = app.default_room.clone().into();
    let options = request.options(&app.hub, rooms, Backlog::All, EventForm::Raw)?;
    respond(app, request, options).await
}

/// The parts of a request that select a stream.
#[derive(Debug)]
pub(super) struct StreamRequest<'a> {
    pub(super) sender: Sender,
    pub(super) method: &'a Method,
    pub(super) headers: &'a HeaderMap,
    pub(super) query: Pairs<'a>,
}

impl StreamRequest<'_> {
    pub(super) fn options(
        &self,
        hub: &Hub,
        rooms: RoomList,
        backlog: Backlog,
        form: EventForm,
    ) -> Result<SubscribeOptions, Problem> {
        let rooms = self.sender.identity.permit_stream(hub, rooms)?;
        let name = self.query.one(NAME_KEY)?.map(UserName::parse).transpose()?;
        let was = self.earlier_name(name.as_ref())?;
        let name = match name {
            // Only a stream that asks for a name makes its reader a member.
            None => None,
            name => self.sender.identity.check_name(name.as_ref())?,
        };
        let presence = match self.query.one(PRESENCE_KEY)? {
            None | Some("0") => false,
            Some("1") => true,
            Some(_) => {
                return Err(Problem::new(
                    ProblemCode::InvalidQuery,
                    "presence is 0 or 1",
                ));
            }
        };
        Ok(SubscribeOptions {
            cursor: self.cursor(),
            backlog: self.backlog()?.unwrap_or(backlog),
            presence: presence || name.is_some(),
            name,
            was,
            form,
            ..SubscribeOptions::to(rooms.into_list())
        })
    }

    /// The name that the client had until now. `None` also if it has not changed, or
    /// if the token fixes it.
    fn earlier_name(&self, name: Option<&UserName>) -> Result<Option<UserName>, Problem> {
        let was = self.query.one(WAS_KEY)?.map(UserName::parse).transpose()?;
        if was.is_some() && name.is_none() {
            return Err(Problem::new(
                ProblemCode::InvalidQuery,
                "was is the earlier name of a client that changes its name; send it with name",
            ));
        }
        let is_used = !self.sender.identity.is_verified() && was.as_ref() != name;
        Ok(was.filter(|_| is_used))
    }

    /// The header wins over the query: on a reconnect a browser sends the same
    /// URL again, and only the header is up to date. In the query the last value
    /// wins, since polyfills append theirs to the page's URL. An empty value
    /// counts as none (HTML standard, "last event ID string").
    fn cursor(&self) -> Option<Cursor> {
        let headers = self.headers.get_all(LAST_EVENT_ID).iter();
        let header = headers
            .map(HeaderValue::as_bytes)
            .find(|value| !value.is_empty());
        let sent = header.or_else(|| self.query.last_bytes(is_cursor_key));
        sent.map(Cursor::parse)
    }

    fn backlog(&self) -> Result<Option<Backlog>, Problem> {
        let backlog = self.query.one(BACKLOG_KEY)?;
        let backlog = backlog.map(str::parse).transpose();
        backlog.map_err(|_| {
            Problem::new(
                ProblemCode::InvalidQuery,
                "backlog is a number from 0 to 500, or all",
            )
        })
    }
}

/// Whether a key of the query names the cursor. Clients that can't set the
/// header each spell it in their own way: `lastEventId` (Yaffle's polyfill),
/// `Last-Event-ID` (Mercure), `last-event-id` (jsenv), `last_event_id` (nchan),
/// `evs_last_event_id` (amvtek's polyfill). So case, `-` and `_` don't matter.
fn is_cursor_key(key: &[u8]) -> bool {
    let key = key.strip_prefix(b"evs_").unwrap_or(key);
    let letters = key.iter().filter(|byte| !matches!(byte, b'-' | b'_'));
    letters
        .map(u8::to_ascii_lowercase)
        .eq(b"lasteventid".iter().copied())
}

/// Makes the rooms of a stream available here, whose reader may read them and is counted.
/// One that is banned from a room learns it as the first event.
async fn load(app: &App, options: &mut SubscribeOptions) -> Result<(), Problem> {
    app.hub.load_for_stream(&options.rooms).await?;
    if let Some(cursor) = options.cursor {
        options.cursor = Some(app.hub.known_cursor(cursor).await);
    }
    Ok(())
}

async fn respond(
    app: &App,
    request: &StreamRequest<'_>,
    mut options: SubscribeOptions,
) -> Result<Response<Reply>, Problem> {
    if *request.method == Method::HEAD {
        // HEAD opens no stream, but is refused where GET is.
        app.hub.check_rooms(&options.rooms)?;
        return Ok(event_stream(Reply::Body(Body::Whole(Bytes::new()))));
    }
    let client = request.sender.identity.client;
    let mut permit = match app.admission.stream(client, options.rooms.len()) {
        Ok(permit) => permit,
        Err(refused) => {
            let reason = busy::reason_of(refused);
            return Ok(busy::stream(app, request.method, reason).map(Reply::Body));
        }
    };
    if app.hub.is_shared() {
        // Boxed: hyper would keep room for it as long as the connection lives.
        Box::pin(load(app, &mut options)).await?;
    }
    let is_named = options.name.is_some();
    match app.hub.subscribe(options) {
        Ok(mut subscription) => {
            let spent = app.authenticator.spend_ticket(&app.hub, &request.sender);
            spent.await?;
            if let Some(access) = request.sender.identity.stream_access() {
                subscription.set_access(access);
            }
            if is_named && let Some(rooms) = permit.split_rooms() {
                subscription.set_member_guard(MemberGuard::holding(rooms));
            }
            if let Some(budget) = app.replays.of(client, Instant::now()) {
                subscription.limit_replay(budget);
            }
            let stream = StreamHandoff::new(&app.config, subscription, Some(permit));
            Ok(event_stream(Reply::Stream(Box::new(stream))))
        }
        Err(SubscribeError::RoomLimit(error)) => Err(error.into()),
        Err(SubscribeError::MemberLimit) => {
            Ok(busy::stream(app, request.method, BusyReason::Members).map(Reply::Body))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_the_cursor_is_known() {
        for key in [
            "last_event_id",
            "lastEventId",
            "lastEventID",
            "LastEventId",
            "Last-Event-ID",
            "Last-Event-Id",
            "last-event-id",
            "evs_last_event_id",
        ] {
            assert!(is_cursor_key(key.as_bytes()), "{key}");
        }
        for key in [
            "",
            "evs_",
            "id",
            "last_event",
            "event_id",
            "last_event_ids",
            "xlasteventid",
            "last.event.id",
            "last event id",
        ] {
            assert!(!is_cursor_key(key.as_bytes()), "{key}");
        }
    }
}
