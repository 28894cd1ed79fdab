//! The chat page and its files: embedded in the binary, or the operator's folder.

mod asset_response;
mod embedded;
mod encoding;
mod folder;
#[cfg(test)]
mod join;
mod preload;
mod template;

use std::io;
use std::path::Path;

use bytes::Bytes;
use hyper::header::{CACHE_CONTROL, HeaderMap, HeaderValue, LOCATION, REFERRER_POLICY};
use hyper::{Response, StatusCode};
use percent_encoding::{CONTROLS, percent_encode};
use serde::{Serialize, Serializer};

pub(super) use self::asset_response::POLICY;
use self::asset_response::{
    AssetResponse, Freshness, SERVICE_WORKER, VERSION_OF_A_FOLDER, allow_root_scope, content_type,
    split_version,
};
use self::encoding::Encoding;
use self::folder::Folder;
use self::preload::{IN_A_PATH, add_links};
use self::template::PagePath;
use super::body::Body;
use super::problem::Problem;
use crate::config::Anonymous;
use crate::protocol::RoomName;

/// Encoded from the server's settings, so that all other files are the same
/// everywhere.
const SETTINGS: &str = "settings.json";

/// The settings that the page needs.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct PageSettings<'a> {
    pub(super) default_room: &'a str,
    pub(super) max_message_bytes: usize,
    /// Whether the server takes tokens.
    pub(super) tokens: bool,
    /// What requests without a token may do.
    #[serde(serialize_with = "as_word")]
    pub(super) anonymous: Anonymous,
}

fn as_word<S: Serializer>(anonymous: &Anonymous, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(match anonymous {
        Anonymous::None => "none",
        Anonymous::Read => "read",
        Anonymous::Write => "write",
    })
}

/// The page of one server.
#[derive(Debug)]
pub(super) struct ChatPage {
    /// Replaces the embedded files.
    folder: Option<Folder>,
    settings: Bytes,
    /// Whether messages are for requests without a token, too.
    may_all_read: bool,
    /// The ETag of the settings.
    tag: String,
}

impl ChatPage {
    /// # Errors
    ///
    /// If `folder` has no `index.html`.
    pub(super) fn new(folder: Option<&Path>, settings: PageSettings<'_>) -> io::Result<Self> {
        let may_all_read = settings.anonymous != Anonymous::None;
        let settings = serde_json::to_vec(&settings).map_err(io::Error::other)?;
        Ok(Self {
            folder: folder.map(Folder::open).transpose()?,
            may_all_read,
            tag: folder::tag(&settings),
            settings: Bytes::from(settings),
        })
    }

    /// `GET /`, the page of the default room
    pub(super) async fn home(
        &self,
        default: &RoomName,
        request: &HeaderMap,
    ) -> Result<Response<Body>, Problem> {
        self.page(PagePath::Home, default, request).await
    }

    /// `GET /r/{room}`
    pub(super) async fn room(
        &self,
        room: &RoomName,
        request: &HeaderMap,
    ) -> Result<Response<Body>, Problem> {
        self.page(PagePath::Room, room, request).await
    }

    /// `GET /assets/{path}`
    pub(super) async fn asset(
        &self,
        path: &str,
        request: &HeaderMap,
    ) -> Result<Response<Body>, Problem> {
        let found = match &self.folder {
            None => embedded::asset(path, request),
            Some(folder) => folder
                .asset(path)
                .await
                .map_err(|error| unreadable(path, &error))?,
        };
        let settings = || (split_version(path).1 == SETTINGS).then(|| self.settings());
        let response = found.or_else(settings).ok_or_else(Problem::not_found)?;
        let mut response = response.respond(request);
        if path == SERVICE_WORKER {
            allow_root_scope(response.headers_mut());
        }
        Ok(response)
    }

    async fn page(
        &self,
        at: PagePath,
        room: &RoomName,
        request: &HeaderMap,
    ) -> Result<Response<Body>, Problem> {
        let (page, version) = match &self.folder {
            None => (embedded::page(at, request), embedded::VERSION),
            Some(folder) => {
                let page = folder.page(at).await;
                let page = page.map_err(|error| unreadable("index.html", &error))?;
                (page, VERSION_OF_A_FOLDER)
            }
        };
        let mut response = page.respond(request);
        let room = self.may_all_read.then_some(room);
        add_links(response.headers_mut(), at.root(), version, room, request);
        Ok(response)
    }

    fn settings(&self) -> AssetResponse {
        AssetResponse {
            content_type: content_type(SETTINGS),
            tag: self.tag.clone(),
            encoding: Encoding::Identity,
            varies: false,
            freshness: Freshness::Revalidate,
            bytes: self.settings.clone(),
        }
    }
}

/// A redirect to the page of `room`, with the query of the request. The location
/// is relative, so that it works behind a proxy that strips a prefix.
pub(super) fn redirect(room: &RoomName, query: Option<&str>) -> Response<Body> {
    let name = percent_encode(room.as_str().as_bytes(), IN_A_PATH);
    let mut location = format!("../{name}");
    if let Some(query) = query {
        location.push('?');
        location.extend(percent_encode(query.as_bytes(), CONTROLS));
    }
    let location = HeaderValue::from_str(&location).expect("percent-encoded, so ASCII");
    let mut response = Response::new(Body::Whole(Bytes::new()));
    *response.status_mut() = StatusCode::PERMANENT_REDIRECT;
    let headers = response.headers_mut();
    headers.insert(LOCATION, location);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

/// The client gets 404; the operator a log line.
fn unreadable(path: &str, error: &io::Error) -> Problem {
    tracing::warn!(path, %error, "can't read a file of --assets-dir");
    Problem::not_found()
}
