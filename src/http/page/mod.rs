//! The chat page and its files: those in the binary, or a folder of somebody's
//! own.

mod content_type;
mod embedded;
mod encoding;
mod folder;
mod marks;
mod redirect;
mod reply;

use std::io;
use std::path::Path;

use bytes::Bytes;
use hyper::Response;
use hyper::header::HeaderMap;
use serde::Serialize;

use self::content_type::content_type;
use self::encoding::Encoding;
use self::folder::Folder;
use self::marks::Place;
pub(super) use self::redirect::redirect;
pub(super) use self::reply::POLICY;
use self::reply::{Keep, Reply};
use super::body::Body;
use super::problem::Problem;

/// Stands where the embedded files have a hash.
const VERSION_OF_A_FOLDER: &str = "live";
/// Made from the server's settings, so that all other files are the same everywhere.
const SETTINGS: &str = "settings.json";

/// What the page has to know of the server.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Settings<'a> {
    pub(super) default_room: &'a str,
    pub(super) max_message_bytes: usize,
}

/// The page of this server.
#[derive(Debug)]
pub(super) struct Page {
    /// In place of the embedded files.
    folder: Option<Folder>,
    settings: Bytes,
    /// Of the settings.
    tag: String,
}

impl Page {
    /// # Errors
    ///
    /// If `folder` has no page in it.
    pub(super) fn new(folder: Option<&Path>, settings: Settings<'_>) -> io::Result<Self> {
        let settings = serde_json::to_vec(&settings).map_err(io::Error::other)?;
        Ok(Self {
            folder: folder.map(Folder::open).transpose()?,
            tag: folder::tag(&settings),
            settings: Bytes::from(settings),
        })
    }

    /// `GET /`
    pub(super) async fn home(&self, request: &HeaderMap) -> Result<Response<Body>, Problem> {
        self.page(Place::Home, request).await
    }

    /// `GET /r/{room}`
    pub(super) async fn room(&self, request: &HeaderMap) -> Result<Response<Body>, Problem> {
        self.page(Place::Room, request).await
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
        let reply = found.or_else(settings).ok_or_else(Problem::not_found)?;
        Ok(reply.respond(request))
    }

    async fn page(&self, at: Place, request: &HeaderMap) -> Result<Response<Body>, Problem> {
        let reply = match &self.folder {
            None => embedded::page(at, request),
            Some(folder) => folder
                .page(at)
                .await
                .map_err(|error| unreadable("index.html", &error))?,
        };
        Ok(reply.respond(request))
    }

    fn settings(&self) -> Reply {
        Reply {
            content_type: content_type(SETTINGS),
            tag: self.tag.clone(),
            encoding: Encoding::Identity,
            varies: false,
            keep: Keep::UntilAsked,
            bytes: self.settings.clone(),
        }
    }
}

/// For who asked there is nothing; the page's owner is told why.
fn unreadable(path: &str, error: &io::Error) -> Problem {
    tracing::warn!(path, %error, "can't read a file of --assets-dir");
    Problem::not_found()
}

/// A path below `/assets/`, without the version it may begin with: the hash of
/// embedded files, or what stands for it in a folder.
fn split_version(path: &str) -> (Option<&str>, &str) {
    let is_version = |segment: &str| {
        segment == VERSION_OF_A_FOLDER
            || segment.len() == 16
                && segment
                    .bytes()
                    .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    match path.split_once('/') {
        Some((version, name)) if is_version(version) => (Some(version), name),
        _ => (None, path),
    }
}
