//! Each route with each right, each state of a token, and each way to start a server.
//! What is expected stands in [`expected`], and follows docs/tokens.md, not the code.

use std::collections::BTreeSet;
use std::fmt;

use serde_json::json;
use sse_chat::config::Anonymous;
use sse_chat::tokens::Right;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::{OTHER_SECRET, bearer, file, now, token, token_by};
use crate::support::{Response, TestServer, find, within};

/// What a request needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Need {
    /// Nothing: the page, its files, probes, OPTIONS.
    Nothing,
    /// One of these rights in the room.
    One(&'static [Right]),
    /// Any token, or the right to read without one: what is listed depends on it.
    List,
    /// A token, whatever it permits. Without keys there is no such route.
    Token,
    /// Nothing, but without keys there is no such route.
    Keys,
}

/// How a refusal looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Plain,
    /// A stream: `close` for those that accept one.
    Stream,
    /// `send.php`: 200 with a code in the body.
    Demo,
}

/// A method of a route.
struct Row {
    /// As in the documentation of `Route`.
    route: &'static str,
    method: &'static str,
    target: &'static str,
    need: Need,
    form: Form,
    body: &'static str,
    /// The status if it is permitted.
    status: u16,
}

const READ: Need = Need::One(&[Right::Read]);
const WRITE: Need = Need::One(&[Right::Write]);
const EVENTS: Need = Need::One(&[Right::Events]);
const MODERATE: Need = Need::One(&[Right::Moderate]);
const DELETE: Need = Need::One(&[Right::Write, Right::Moderate]);

const MESSAGE: &str = r#"{"name":"Ada","message":"hi"}"#;
/// Of no message, but of the form of an id.
const ID: &str = "/rooms/lobby/messages/e-7";
const REACTION: &str = "/rooms/lobby/messages/e-7/reactions/%F0%9F%91%8D?name=Ada";

const fn row(
    route: &'static str,
    method: &'static str,
    target: &'static str,
    need: Need,
    status: u16,
) -> Row {
    Row {
        route,
        method,
        target,
        need,
        form: Form::Plain,
        body: "",
        status,
    }
}

const fn stream(route: &'static str, method: &'static str, target: &'static str) -> Row {
    Row {
        form: Form::Stream,
        ..row(route, method, target, READ, 200)
    }
}

const fn send_php(method: &'static str) -> Row {
    Row {
        form: Form::Demo,
        ..row(
            "/send.php",
            method,
            "/send.php?name=Ada&message=hi",
            WRITE,
            200,
        )
    }
}

/// Every method of every route, except OPTIONS, which needs nothing anywhere.
fn rows() -> Vec<Row> {
    const MESSAGES: &str = "/rooms/{room}/messages";
    const ONE: &str = "/rooms/{room}/messages/{id}";
    const REACT: &str = "/rooms/{room}/messages/{id}/reactions/{emoji}";
    const BANS: &str = "/rooms/{room}/bans";
    const TYPING: &str = "/rooms/{room}/typing";
    const ROOM_EVENTS: &str = "/rooms/{room}/events";
    let mut rows = vec![
        Row {
            body: MESSAGE,
            ..row(MESSAGES, "POST", "/rooms/lobby/messages", WRITE, 201)
        },
        Row {
            body: r#"{"message":"hi"}"#,
            ..row(ONE, "PATCH", ID, WRITE, 404)
        },
        row(ONE, "DELETE", ID, DELETE, 404),
        row(REACT, "PUT", REACTION, WRITE, 404),
        row(REACT, "DELETE", REACTION, WRITE, 404),
        Row {
            body: r#"{"a":1}"#,
            ..row(
                ROOM_EVENTS,
                "POST",
                "/rooms/lobby/events?event=job",
                EVENTS,
                201,
            )
        },
        row(
            BANS,
            "PUT",
            "/rooms/lobby/bans?message=e-7&for=1h",
            MODERATE,
            404,
        ),
        row(
            BANS,
            "DELETE",
            "/rooms/lobby/bans?message=e-7",
            MODERATE,
            404,
        ),
        row(TYPING, "POST", "/rooms/lobby/typing?name=Ada", WRITE, 204),
        row(TYPING, "DELETE", "/rooms/lobby/typing?name=Ada", WRITE, 204),
        row("/tickets", "POST", "/tickets", Need::Token, 201),
        row("/session", "POST", "/session", Need::Token, 204),
        row("/session", "DELETE", "/session", Need::Keys, 204),
        send_php("POST"),
    ];
    for method in ["GET", "HEAD"] {
        let get = |route, target, need, status| row(route, method, target, need, status);
        rows.extend([
            get("/", "/", Need::Nothing, 200),
            get("/r/{room}", "/r/lobby", Need::Nothing, 200),
            get("/r/{room}/", "/r/lobby/", Need::Nothing, 308),
            get("/assets/{path}", "/assets/start.js", Need::Nothing, 200),
            get("/healthz", "/healthz", Need::Nothing, 200),
            get("/readyz", "/readyz", Need::Nothing, 200),
            get(MESSAGES, "/rooms/lobby/messages", READ, 200),
            get("/rooms/{room}/members", "/rooms/lobby/members", READ, 200),
            get(BANS, "/rooms/lobby/bans", MODERATE, 200),
            get("/rooms", "/rooms", Need::List, 200),
            stream(ROOM_EVENTS, method, "/rooms/lobby/events"),
            stream("/events", method, "/events?room=lobby"),
            stream("/sse.php", method, "/sse.php"),
            send_php(method),
        ]);
    }
    rows
}

/// A way to start a server.
#[derive(Debug, Clone, Copy)]
struct Start {
    /// Without keys `None`, otherwise what a request without a token may do.
    keys: Option<Anonymous>,
    open_events: bool,
}

impl Start {
    fn all() -> Vec<Self> {
        let keys = [
            None,
            Some(Anonymous::None),
            Some(Anonymous::Read),
            Some(Anonymous::Write),
        ];
        let of = |keys| [false, true].map(|open_events| Self { keys, open_events });
        keys.into_iter().flat_map(of).collect()
    }

    fn server(self) -> TestServer {
        TestServer::start_with(|config| {
            if let Some(anonymous) = self.keys {
                config.tokens.keys = vec![file("key", super::SECRET)];
                config.tokens.anonymous = Some(anonymous);
            }
            config.open_events = self.open_events;
            config.list_rooms = true;
        })
    }
}

/// Where a right of a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Room,
    Prefix,
    Everywhere,
    Elsewhere,
}

/// A state of a request's token.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    NoToken,
    NoRights,
    With(Right, Place),
    /// This and the others have all rights.
    Expired,
    NotYetValid,
    OtherKey,
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoToken => f.write_str("no token"),
            Self::NoRights => f.write_str("no rights"),
            Self::With(right, place) => write!(f, "{} {place:?}", right.as_str()),
            Self::Expired => f.write_str("expired"),
            Self::NotYetValid => f.write_str("not yet valid"),
            Self::OtherKey => f.write_str("of another key"),
        }
    }
}

impl State {
    fn all() -> Vec<Self> {
        let places = [
            Place::Room,
            Place::Prefix,
            Place::Everywhere,
            Place::Elsewhere,
        ];
        let of = |right| places.map(|place| Self::With(right, place));
        let others = [
            Self::NoToken,
            Self::NoRights,
            Self::Expired,
            Self::NotYetValid,
            Self::OtherKey,
        ];
        let with = Right::ALL.into_iter().flat_map(of);
        others.into_iter().chain(with).collect()
    }

    fn token(self) -> Option<String> {
        let all = json!({"read": ["*"], "write": ["*"], "events": ["*"], "moderate": ["*"]});
        Some(match self {
            Self::NoToken => return None,
            Self::NoRights => token(json!({})),
            Self::With(right, place) => {
                let rooms = match place {
                    Place::Room => json!(["other", "lobby"]),
                    Place::Prefix => json!(["lob*"]),
                    Place::Everywhere => json!(["*"]),
                    Place::Elsewhere => {
                        json!([
                            "other", "lobb", "lobby-", "Lobby", "oth*", "lobby-*", "LOB*"
                        ])
                    }
                };
                token(json!({"rooms": {right.as_str(): rooms}}))
            }
            Self::Expired => token(json!({"rooms": all, "exp": now() - 1})),
            Self::NotYetValid => token(json!({"rooms": all, "nbf": now() + 1800})),
            Self::OtherKey => token_by(OTHER_SECRET, json!({"rooms": all})),
        })
    }
}

/// The code of the refusal; `None` if the request is permitted.
fn expected(start: Start, state: State, need: Need) -> Option<&'static str> {
    let Some(anonymous) = start.keys else {
        // Without keys no token is looked at.
        return match need {
            Need::Token | Need::Keys => Some("not_found"),
            Need::One(rights) if !rights.iter().any(|right| open(start, *right)) => {
                Some("forbidden")
            }
            _ => None,
        };
    };
    if matches!(need, Need::Nothing | Need::Keys) {
        return None;
    }
    match state {
        // A token that is not valid is refused, whatever is permitted without one.
        State::Expired => return Some("token_expired"),
        State::NotYetValid | State::OtherKey => return Some("token_invalid"),
        _ => {}
    }
    // What is permitted without a token is permitted with every valid one, too.
    let by_anonymous = |right| match (anonymous, right) {
        (Anonymous::Write, Right::Events) => start.open_events,
        (Anonymous::Write, Right::Write | Right::Read) => true,
        (Anonymous::Read, Right::Read) => true,
        _ => false,
    };
    let by_token = |right| match state {
        State::With(_, Place::Elsewhere) => false,
        State::With(own, _) => match (own, right) {
            (Right::Write, Right::Read) => true,
            (Right::Write, Right::Events) => start.open_events,
            _ => own == right,
        },
        _ => false,
    };
    let has = |right| by_token(right) || by_anonymous(right);
    let is_permitted = match need {
        Need::One(rights) => rights.iter().any(|right| has(*right)),
        Need::List => state != State::NoToken || has(Right::Read),
        _ => state != State::NoToken,
    };
    match (is_permitted, state) {
        (true, _) => None,
        (false, State::NoToken) => Some("token_required"),
        (false, _) => Some("forbidden"),
    }
}

/// The rights of everybody on a server without keys.
fn open(start: Start, right: Right) -> bool {
    match right {
        Right::Read | Right::Write => true,
        Right::Events => start.open_events,
        Right::Moderate => false,
    }
}

/// Sends a request, and returns the answer; of a stream its first event.
async fn send(server: &TestServer, row: &Row, state: State, accept: &str) -> Response {
    let mut request = format!(
        "{} {} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\nedit-key: 0123456789abcdef\r\n",
        row.method,
        row.target,
        server.address()
    );
    if let Some(token) = state.token() {
        request.push_str(&format!("authorization: {}\r\n", bearer(&token)));
    }
    if !accept.is_empty() {
        request.push_str(&format!("accept: {accept}\r\n"));
    }
    if !row.body.is_empty() {
        let length = row.body.len();
        request.push_str(&format!(
            "content-type: application/json\r\ncontent-length: {length}\r\n"
        ));
    }
    request.push_str("\r\n");
    request.push_str(row.body);
    let mut stream = server.connect().await;
    within(stream.write_all(request.as_bytes())).await.unwrap();
    let mut bytes = Vec::new();
    let is_live = |bytes: &[u8]| find(bytes, b"event: hello").is_some();
    while !is_live(&bytes) {
        if within(stream.read_buf(&mut bytes)).await.unwrap_or(0) == 0 {
            break;
        }
    }
    Response::parse(&bytes)
}

/// What was answered, in the words of [`expected`].
fn answered(row: &Row, accept: &str, response: &Response) -> Result<(), String> {
    let challenge = response.header("www-authenticate");
    let code = match row.form {
        Form::Stream if !accept.is_empty() && response.status == 200 => {
            return stream_answered(row, response);
        }
        Form::Demo => {
            assert_eq!(response.status, 200, "{response:?}");
            return match response.body.is_empty() || response.json()["code"] == 0 {
                true => Ok(()),
                false => Err("demo".to_owned()),
            };
        }
        _ if response.status == row.status => None,
        _ if row.method == "HEAD" => Some(format!("{}", response.status)),
        _ => response.json()["code"].as_str().map(str::to_owned),
    };
    let is_challenged = match code.as_deref() {
        Some("token_required") => Some("Bearer realm=\"sse-chat\""),
        Some("token_invalid" | "token_expired") => {
            Some("Bearer realm=\"sse-chat\", error=\"invalid_token\"")
        }
        Some("401") => challenge,
        _ => None,
    };
    assert_eq!(challenge, is_challenged, "{response:?}");
    assert_eq!(challenge.is_some(), response.status == 401, "{response:?}");
    code.map_or(Ok(()), Err)
}

fn stream_answered(row: &Row, response: &Response) -> Result<(), String> {
    assert_eq!(response.header("content-type"), Some("text/event-stream"));
    let text = String::from_utf8_lossy(&response.body);
    if row.method == "HEAD" {
        assert!(text.is_empty());
        return Ok(());
    }
    if text.contains("event: hello") {
        return Ok(());
    }
    assert!(
        text.starts_with("retry: 60000\nevent: close\ndata: {"),
        "{text}"
    );
    let data = text.lines().find_map(|line| line.strip_prefix("data: "));
    let data: serde_json::Value = serde_json::from_str(data.unwrap()).unwrap();
    let reason = data["reason"].as_str().unwrap().to_owned();
    let rooms = (reason == "forbidden").then(|| json!(["lobby"]));
    assert_eq!(data.get("rooms"), rooms.as_ref());
    Err(reason)
}

/// How `expected` is answered to this request.
fn in_form(expected: Option<&'static str>, row: &Row, accept: &str) -> Result<(), String> {
    let Some(code) = expected else {
        return Ok(());
    };
    match (row.form, row.method) {
        // 200 whatever it would bring.
        (Form::Demo, "HEAD") => Ok(()),
        (Form::Demo, _) => Err("demo".to_owned()),
        (Form::Stream, "HEAD") if !accept.is_empty() => Ok(()),
        (_, "HEAD") => Err(match code {
            "forbidden" => "403".to_owned(),
            "not_found" => "404".to_owned(),
            _ => "401".to_owned(),
        }),
        _ => Err(code.to_owned()),
    }
}

async fn check(start: Start) {
    let server = start.server();
    let mut wrong = Vec::new();
    let mut published = 0;
    for state in State::all() {
        for row in rows() {
            let accepts = match row.form {
                Form::Stream => &["", "text/event-stream"][..],
                _ => &[""],
            };
            let need = expected(start, state, row.need);
            for accept in accepts {
                let response = send(&server, &row, state, accept).await;
                let answered = answered(&row, accept, &response);
                if answered != in_form(need, &row, accept) {
                    let Row { method, target, .. } = row;
                    wrong.push(format!(
                        "{start:?}, {state:?}: {method} {target}: {answered:?}, not {need:?}"
                    ));
                }
            }
            let is_state = ["/tickets", "/session", "/rooms/{room}/typing"].contains(&row.route);
            let publishes = row.method == "POST" && !is_state
                || row.route == "/send.php" && row.method == "GET";
            published += u64::from(need.is_none() && publishes);
        }
    }
    assert!(
        wrong.is_empty(),
        "{} cells:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    // A refused request has no effect.
    let totals = server.app().hub.totals();
    assert_eq!(totals.messages + totals.events, published, "{start:?}");
}

#[tokio::test]
async fn without_keys_everything_is_open_but_events_and_moderation() {
    for start in Start::all()
        .into_iter()
        .filter(|start| start.keys.is_none())
    {
        check(start).await;
    }
}

#[tokio::test]
async fn with_keys_each_route_needs_its_right_in_each_state_of_a_token() {
    for start in Start::all() {
        if start.keys == Some(Anonymous::None) {
            check(start).await;
        }
    }
}

#[tokio::test]
async fn anonymous_rights_are_for_everybody_but_accept_no_invalid_token() {
    for start in Start::all() {
        if matches!(start.keys, Some(Anonymous::Read | Anonymous::Write)) {
            check(start).await;
        }
    }
}

/// The routes, as the documentation of the type `Route` names them.
fn documented() -> BTreeSet<String> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/http/route.rs");
    let source = std::fs::read_to_string(path).unwrap();
    let (_, variants) = source.split_once("enum Route<'a> {").unwrap();
    let (variants, _) = variants.split_once("\n}\n").unwrap();
    let lines: Vec<_> = variants.lines().map(str::trim).collect();
    let names = lines
        .iter()
        .filter(|line| !line.starts_with("//") && !line.is_empty());
    let routes: BTreeSet<_> = lines
        .iter()
        .filter_map(|line| line.strip_prefix("/// `"))
        .map(|line| line.split('`').next().unwrap().to_owned())
        .collect();
    assert_eq!(routes.len(), names.count(), "each variant names its path");
    routes
}

#[tokio::test]
async fn every_method_of_every_route_has_its_row() {
    let rows = rows();
    let mut missing = documented();
    // Only for OPTIONS.
    assert!(missing.remove("*"));
    let server = Start {
        keys: Some(Anonymous::None),
        open_events: false,
    };
    let server = server.server();
    for row in &rows {
        missing.remove(row.route);
        let options = server.request("OPTIONS", row.target, &[], "").await;
        assert_eq!(
            options.status, 204,
            "OPTIONS needs no token: {}",
            row.target
        );
        let allowed: BTreeSet<_> = options.header("allow").unwrap().split(", ").collect();
        let of_route = rows.iter().filter(|other| other.route == row.route);
        let mut known: BTreeSet<_> = of_route.map(|other| other.method).collect();
        known.insert("OPTIONS");
        assert_eq!(known, allowed, "{}", row.route);
    }
    assert!(missing.is_empty(), "routes without a row: {missing:?}");
}

#[tokio::test]
async fn the_metrics_and_an_unknown_path_look_at_no_token() {
    let server = crate::scrape::start_with(|config| {
        config.tokens.keys = vec![file("key", super::SECRET)];
    });
    for state in State::all() {
        let token = state.token().map(|token| bearer(&token));
        let fields = token.iter().map(|token| ("authorization", token.as_str()));
        let fields: Vec<_> = fields.collect();
        let unknown = server.request("GET", "/nope", &fields, "").await;
        unknown.assert_problem(404, "not_found");
        let wrong = server
            .request("PUT", "/rooms/lobby/messages", &fields, "")
            .await;
        wrong.assert_problem(405, "method_not_allowed");
    }
    let metrics = crate::scrape::ask(&server, "GET /metrics").await;
    assert_eq!(metrics.status, 200);
}
