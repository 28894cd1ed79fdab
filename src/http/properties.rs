//! Properties that hold for any request input, for fuzzing and tests.

use std::borrow::Cow;

use hyper::header::{HeaderMap, HeaderValue};
use hyper::{Method, Uri};
use percent_encoding::{NON_ALPHANUMERIC, percent_encode};

pub use super::guard::properties::{forwarded, host, origin};

use super::authenticator::Sender;
use super::events::StreamRequest;
use super::format::Format;
use super::history;
use super::input::{Fields, Pairs, edited_text, room_of_path};
use super::problem::Problem;
use super::route::Route;
use crate::chat::{Draft, DraftContent, EventForm, Hub, HubLimits};
use crate::config::Config;
use crate::protocol::{Backlog, Cursor, MessageText, RoomName};

const METHODS: [&str; 9] = [
    "GET", "HEAD", "POST", "OPTIONS", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT",
];

/// A request target: encoding its route gives the same path, the route accepts the
/// methods of its `Allow`, and its room survives a round trip.
pub fn target(bytes: &[u8]) {
    let Ok(uri) = Uri::try_from(bytes) else {
        return;
    };
    let open = Config {
        list_rooms: true,
        ..Config::default()
    };
    let closed = Config {
        demo: false,
        ..Config::default()
    };
    let Some(route) = Route::of(uri.path(), &open) else {
        assert_eq!(Route::of(uri.path(), &closed), None);
        return;
    };
    let (path, room) = written(route);
    assert_eq!(path, uri.path());
    let switched = matches!(route, Route::Rooms | Route::SendPhp | Route::SsePhp);
    assert_eq!(Route::of(uri.path(), &closed).is_none(), switched);
    if route != Route::Server {
        takes_the_methods_of_its_allow(route);
    }
    room.into_iter().for_each(a_room_can_be_written_back);
}

/// Not for `*`, whose `Allow` lists the methods of all paths (RFC 9110, section
/// 9.3.7).
fn takes_the_methods_of_its_allow(route: Route<'_>) {
    for method in METHODS.map(|name| Method::from_bytes(name.as_bytes()).expect("a method")) {
        let listed = route.allow().split(", ").any(|name| name == method);
        assert_eq!(route.takes(&method), listed, "{route:?} {method}");
    }
}

/// The path of a route, and the room in it.
fn written(route: Route<'_>) -> (Cow<'_, str>, Option<&str>) {
    match route {
        Route::Home => ("/".into(), None),
        Route::RoomPage(room) => (format!("/r/{room}").into(), Some(room)),
        Route::RoomPageWithSlash(room) => (format!("/r/{room}/").into(), Some(room)),
        Route::Asset(path) => (format!("/assets/{path}").into(), None),
        Route::Messages(room) => (format!("/rooms/{room}/messages").into(), Some(room)),
        Route::Message(room, id) => (format!("/rooms/{room}/messages/{id}").into(), Some(room)),
        Route::Reaction(room, id, emoji) => (
            format!("/rooms/{room}/messages/{id}/reactions/{emoji}").into(),
            Some(room),
        ),
        Route::Bans(room) => (format!("/rooms/{room}/bans").into(), Some(room)),
        Route::Events(room) => (format!("/rooms/{room}/events").into(), Some(room)),
        Route::Typing(room) => (format!("/rooms/{room}/typing").into(), Some(room)),
        Route::ManyEvents => ("/events".into(), None),
        Route::Members(room) => (format!("/rooms/{room}/members").into(), Some(room)),
        Route::Rooms => ("/rooms".into(), None),
        Route::Tickets => ("/tickets".into(), None),
        Route::Session => ("/session".into(), None),
        Route::Health => ("/healthz".into(), None),
        Route::Ready => ("/readyz".into(), None),
        Route::SendPhp => ("/send.php".into(), None),
        Route::SsePhp => ("/sse.php".into(), None),
        Route::Server => ("*".into(), None),
    }
}

fn a_room_can_be_written_back(segment: &str) {
    assert!(!segment.contains('/'));
    match room_of_path(segment) {
        Ok(room) => {
            let segment = percent_encode(room.as_str().as_bytes(), NON_ALPHANUMERIC).to_string();
            assert_eq!(room_of_path(&segment).ok(), Some(room));
        }
        Err(problem) => is_the_client_s(problem),
    }
}

/// Refusals of input are client errors.
fn is_the_client_s(problem: Problem) {
    let response = problem.into_response();
    assert!(response.status().is_client_error(), "{response:?}");
}

/// A query is parsed as in the URL standard; the parameters of streams and pages
/// are within their bounds or refused. A cursor is never refused. The first line
/// is the header `Last-Event-ID`, the rest the query.
pub fn query(bytes: &[u8]) {
    let (header, query) = match bytes.iter().position(|&byte| byte == b'\n') {
        Some(end) => (&bytes[..end], &bytes[end + 1..]),
        None => (&b""[..], bytes),
    };
    let Ok(text) = std::str::from_utf8(query) else {
        return;
    };
    pairs_are_those_of_the_standard(text);
    a_stream_is_within_its_bounds(HeaderValue::from_bytes(header).ok().as_ref(), text);
    match history::page(&Pairs::of_query(Some(text))) {
        Ok(page) => assert!((1..=500).contains(&page.limit)),
        Err(problem) => is_the_client_s(problem),
    }
}

/// URL standard, section 5.1, in its simplest form.
fn pairs_are_those_of_the_standard(text: &str) {
    let pairs = Pairs::of_query(Some(text));
    let standard: Vec<(Vec<u8>, Vec<u8>)> = text
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(key, value)| (unescaped(key.as_bytes()), unescaped(value.as_bytes())))
        .collect();
    for (key, _) in &standard {
        let Ok(name) = std::str::from_utf8(key) else {
            continue;
        };
        let values = standard.iter().filter(|(other, _)| other == key);
        let values: Vec<&[u8]> = values.map(|(_, value)| &value[..]).collect();
        let last = values.iter().rev().find(|value| !value.is_empty());
        assert_eq!(
            pairs.last_bytes(|key| key == name.as_bytes()),
            last.copied()
        );
        let texts: Option<Vec<&str>> = values.iter().map(|v| std::str::from_utf8(v).ok()).collect();
        let one = texts.as_ref().filter(|texts| texts.len() == 1);
        assert_eq!(pairs.one(name).ok().flatten(), one.map(|texts| texts[0]));
        assert_eq!(pairs.all(name).ok(), texts);
    }
}

fn unescaped(mut text: &[u8]) -> Vec<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let mut bytes = Vec::new();
    while let [first, rest @ ..] = text {
        let escape = match rest {
            [a, b, ..] if *first == b'%' => digit(*a).zip(digit(*b)),
            _ => None,
        };
        (text, bytes) = match (escape, first) {
            (Some((a, b)), _) => (&rest[2..], [bytes, vec![(a * 16 + b) as u8]].concat()),
            (None, b'+') => (rest, [bytes, vec![b' ']].concat()),
            (None, other) => (rest, [bytes, vec![*other]].concat()),
        };
    }
    bytes
}

fn a_stream_is_within_its_bounds(last_event_id: Option<&HeaderValue>, text: &str) {
    let mut headers = HeaderMap::new();
    if let Some(id) = last_event_id {
        headers.insert("last-event-id", id.clone());
    }
    let request = |text| StreamRequest {
        sender: Sender::anonymous(),
        method: &Method::GET,
        headers: &headers,
        query: Pairs::of_query(text),
    };
    let sent = last_event_id
        .filter(|id| !id.is_empty())
        .map(|id| Cursor::parse(id.as_bytes()));
    let room = || RoomName::parse("lobby").expect("a room");
    let hub = Hub::new(HubLimits::default());
    let bare = request(None)
        .options(&hub, room().into(), Backlog::All, EventForm::Raw)
        .expect("a request without parameters is valid");
    assert_eq!((bare.cursor, bare.backlog), (sent, Backlog::All));
    match request(Some(text)).options(&hub, room().into(), Backlog::Last(0), EventForm::Json) {
        Ok(options) => {
            assert!(sent.is_none() || options.cursor == sent);
            assert!(!matches!(options.backlog, Backlog::Last(501..)));
            assert!(options.presence || options.name.is_none());
        }
        Err(problem) => is_the_client_s(problem),
    }
}

/// A body is one JSON object, one form, or refused. The fields have the same
/// meaning in both formats, and a draft made of them is accepted again unchanged.
pub fn body(bytes: &[u8]) {
    let (json, form) = (Fields::of_json(bytes), Fields::of_form(bytes));
    if json.is_ok() {
        let object: Result<serde_json::Map<_, _>, _> = serde_json::from_slice(bytes);
        assert!(object.is_ok(), "{object:?}");
    }
    for fields in [json, form] {
        match fields {
            Ok(fields) => the_fields_can_be_written_back(&fields),
            Err(problem) => is_the_client_s(problem),
        }
    }
}

/// The limit of a message's text: small, so that random texts reach it.
const MAX_TEXT_BYTES: usize = 64;

/// A body that edits a message has a valid text in the field `message` and no other
/// field, or is refused. As plain text it is the text itself.
pub fn edit(bytes: &[u8]) {
    for format in [Format::Json, Format::Form, Format::Text] {
        let text = match edited_text(format, bytes, MAX_TEXT_BYTES) {
            Ok(text) => text,
            Err(problem) => {
                is_the_client_s(problem);
                continue;
            }
        };
        let again = MessageText::parse(text.as_str(), MAX_TEXT_BYTES);
        assert_eq!(again.expect("it was accepted before"), text);
        let sent = the_only_field(format, bytes);
        let sent = MessageText::parse(&sent, MAX_TEXT_BYTES);
        assert_eq!(sent.expect("the field that was sent"), text);
    }
}

/// The field `message` of a body that was accepted, read in another way.
fn the_only_field(format: Format, bytes: &[u8]) -> String {
    let text = std::str::from_utf8(bytes).expect("it was accepted");
    match format {
        Format::Text => text.to_owned(),
        Format::Json => {
            let mut object: serde_json::Map<String, serde_json::Value> =
                serde_json::from_str(text).expect("one object");
            // A field that is null is absent.
            object.retain(|_, value| !value.is_null());
            assert!(object.keys().eq(["message"]), "{object:?}");
            object["message"].as_str().expect("a text").to_owned()
        }
        Format::Form => {
            let mut pairs = text.split('&').filter(|pair| !pair.is_empty());
            let pair = pairs.next().expect("a pair");
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            assert_eq!(
                (&*unescaped(key.as_bytes()), pairs.next()),
                (&b"message"[..], None)
            );
            String::from_utf8(unescaped(value.as_bytes())).expect("UTF-8")
        }
    }
}

type Texts = [(&'static str, Option<String>); 5];

fn texts(fields: &Fields) -> Texts {
    [
        ("name", fields.name.clone()),
        ("message", fields.message.clone()),
        ("client_id", fields.client_id.clone()),
        ("reply_to", fields.reply_to.clone()),
        ("edit_key", fields.edit_key.clone()),
    ]
}

fn the_fields_can_be_written_back(fields: &Fields) {
    let pairs = texts(fields);
    let json = of_json(&pairs);
    let form = of_form(&pairs);
    assert_eq!(texts(&json), pairs);
    assert_eq!(texts(&form), pairs);
    let sender = Sender::anonymous();
    let draft = |fields: Fields| fields.into_draft(&sender.identity, 4096);
    match (draft(json), draft(form)) {
        (Ok(first), Ok(second)) => {
            assert_eq!(said(&first), said(&second));
            let again = draft(of_json(&said(&first)));
            assert_eq!(said(&again.expect("it was said before")), said(&first));
        }
        (Err(problem), Err(_)) => is_the_client_s(problem),
        either => panic!("{either:?}"),
    }
}

fn of_json(pairs: &Texts) -> Fields {
    let pairs = pairs.iter();
    let object = serde_json::Map::from_iter(
        pairs.map(|(key, value)| ((*key).to_owned(), serde_json::Value::from(value.clone()))),
    );
    let json = serde_json::to_vec(&object).expect("strings have a JSON form");
    Fields::of_json(&json).expect("it is one object")
}

fn of_form(pairs: &Texts) -> Fields {
    let pair = |(key, value): &(&str, Option<String>)| {
        let value = percent_encode(value.as_ref()?.as_bytes(), NON_ALPHANUMERIC);
        Some(format!("{key}={value}"))
    };
    let form: Vec<String> = pairs.iter().filter_map(pair).collect();
    Fields::of_form(form.join("&").as_bytes()).expect("it is a form")
}

/// The fields of a draft, except for the edit key, of which it has a hash.
fn said(draft: &Draft) -> Texts {
    let DraftContent::Message(message) = &draft.content else {
        panic!("{draft:?} is no message");
    };
    let client_id = draft.client_id.as_ref();
    [
        ("name", Some(message.name.as_str().to_owned())),
        ("message", Some(message.text.as_str().to_owned())),
        ("client_id", client_id.map(|id| id.as_str().to_owned())),
        ("reply_to", message.reply_to.map(|id| id.to_string())),
        ("edit_key", None),
    ]
}
