//! The chat page and its files, embedded in the binary.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use bytes::Bytes;
use hyper::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HeaderMap, HeaderValue,
    IF_NONE_MATCH, REFERRER_POLICY,
};
use hyper::{Response, StatusCode};

use super::body::Body;
use super::problem::Problem;
use crate::chat::RoomName;

/// Nothing but our own files, and no script in the page itself.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
/// Stands in the page where the default room's name belongs.
const DEFAULT_ROOM_MARK: &str = "{{default-room}}";

const SCRIPT: &str = "text/javascript; charset=utf-8";
/// The files of the page: name, content type, text.
const ASSETS: &[(&str, &str, &str)] = &[
    ("chat.js", SCRIPT, include_str!("../../assets/chat.js")),
    (
        "composer.js",
        SCRIPT,
        include_str!("../../assets/composer.js"),
    ),
    ("log.js", SCRIPT, include_str!("../../assets/log.js")),
    ("memory.js", SCRIPT, include_str!("../../assets/memory.js")),
    ("outbox.js", SCRIPT, include_str!("../../assets/outbox.js")),
    ("stream.js", SCRIPT, include_str!("../../assets/stream.js")),
    (
        "chat.css",
        "text/css; charset=utf-8",
        include_str!("../../assets/chat.css"),
    ),
    (
        "icon.svg",
        "image/svg+xml",
        include_str!("../../assets/icon.svg"),
    ),
];

/// The page of this server.
#[derive(Debug)]
pub(super) struct Page {
    home: File,
    assets: Vec<File>,
}

#[derive(Debug)]
struct File {
    name: &'static str,
    content_type: HeaderValue,
    etag: HeaderValue,
    bytes: Bytes,
}

impl Page {
    pub(super) fn new(default_room: &RoomName) -> Self {
        // A room's name has no character that means anything in HTML.
        let html = include_str!("../../assets/index.html")
            .replace(DEFAULT_ROOM_MARK, default_room.as_str());
        Self {
            home: File::new("index.html", "text/html; charset=utf-8", Bytes::from(html)),
            assets: ASSETS
                .iter()
                .map(|&(name, kind, text)| {
                    File::new(name, kind, Bytes::from_static(text.as_bytes()))
                })
                .collect(),
        }
    }

    /// `GET /` and `GET /r/{room}`
    pub(super) fn home(&self, headers: &HeaderMap) -> Response<Body> {
        self.home.respond(headers)
    }

    /// `GET /assets/{file}`
    pub(super) fn asset(&self, name: &str, headers: &HeaderMap) -> Result<Response<Body>, Problem> {
        let file = self
            .assets
            .iter()
            .find(|file| file.name == name)
            .ok_or_else(Problem::not_found)?;
        Ok(file.respond(headers))
    }
}

impl File {
    fn new(name: &'static str, content_type: &'static str, bytes: Bytes) -> Self {
        let mut hasher = DefaultHasher::new();
        bytes.hash(&mut hasher);
        let etag = format!("\"{:016x}\"", hasher.finish());
        Self {
            name,
            content_type: HeaderValue::from_static(content_type),
            etag: HeaderValue::from_str(&etag).expect("hex digits in quotes are a header's value"),
            bytes,
        }
    }

    fn respond(&self, headers: &HeaderMap) -> Response<Body> {
        let known = self.is_known(headers);
        let body = if known {
            Bytes::new()
        } else {
            self.bytes.clone()
        };
        let mut response = Response::new(Body::Whole(body));
        if known {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
        }
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, self.content_type.clone());
        headers.insert(ETAG, self.etag.clone());
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
        headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        response
    }

    /// `If-None-Match` (RFC 9110, section 13.1.2), compared weakly.
    fn is_known(&self, headers: &HeaderMap) -> bool {
        let lists = headers
            .get_all(IF_NONE_MATCH)
            .iter()
            .filter_map(|list| list.to_str().ok());
        lists
            .flat_map(|list| list.split(','))
            .map(str::trim)
            .any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == self.etag)
    }
}
