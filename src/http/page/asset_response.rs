//! A file of the page as a response: the version in its path, its headers, ETag
//! and 304.

use bytes::Bytes;
use hyper::header::{
    CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HeaderMap,
    HeaderName, HeaderValue, IF_NONE_MATCH, REFERRER_POLICY, VARY,
};
use hyper::{Response, StatusCode};

use super::encoding::Encoding;
use crate::http::body::Body;

/// Allows only files of this server, and no inline script.
pub(in crate::http) const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                      img-src 'self'; font-src 'self'; media-src 'self'; manifest-src 'self'; worker-src 'self'; base-uri 'none'; \
                      form-action 'none'; frame-ancestors 'none'";

/// The version in the paths of a folder's files, in place of a hash.
pub(super) const VERSION_OF_A_FOLDER: &str = "live";

/// The script of the service worker. Its path has no version: the path identifies
/// the registration.
pub(super) const SERVICE_WORKER: &str = "service_worker.js";

/// `Service-Worker-Allowed` (Service Workers, appendix B): a service worker may
/// control only pages below its script's folder, unless this header names another
/// one. The value is resolved against the URL of the script, so it names the
/// server's root also behind a proxy that strips a prefix.
pub(super) fn allow_root_scope(headers: &mut HeaderMap) {
    headers.insert(
        HeaderName::from_static("service-worker-allowed"),
        HeaderValue::from_static("../"),
    );
}

/// How long a client may use a file without revalidating it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Freshness {
    /// For ever: the path changes with the content (RFC 8246).
    Immutable,
    /// Not at all.
    Revalidate,
}

/// A file in the encoding that is sent.
#[derive(Debug)]
pub(super) struct AssetResponse {
    pub(super) content_type: &'static str,
    /// The ETag without quotes; the same for all encodings.
    pub(super) tag: String,
    pub(super) encoding: Encoding,
    /// Whether the file has other encodings.
    pub(super) varies: bool,
    pub(super) freshness: Freshness,
    pub(super) bytes: Bytes,
}

impl AssetResponse {
    pub(super) fn respond(self, request: &HeaderMap) -> Response<Body> {
        let tag = match self.encoding {
            Encoding::Identity => format!("\"{}\"", self.tag),
            encoding => format!("\"{}-{}\"", self.tag, encoding.as_str()),
        };
        let is_known = is_known(&tag, request);
        let mut response = Response::new(Body::Whole(if is_known {
            Bytes::new()
        } else {
            self.bytes
        }));
        if is_known {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
        }
        let cache_control = match self.freshness {
            Freshness::Immutable => "public, max-age=31536000, immutable",
            Freshness::Revalidate => "no-cache",
        };
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static(cache_control));
        if takes_policy(self.content_type) {
            headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
        }
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        let tag = HeaderValue::from_str(&tag).expect("hex digits in quotes are ASCII");
        headers.insert(ETAG, tag);
        if self.varies {
            headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
        }
        if self.encoding != Encoding::Identity && !is_known {
            headers.insert(
                CONTENT_ENCODING,
                HeaderValue::from_static(self.encoding.as_str()),
            );
        }
        response
    }
}

/// Whether a policy has a meaning for files of this type. Styles and JSON run nothing
/// and load nothing of their own, and a first visit on a slow network waits for each
/// of their bytes.
fn takes_policy(content_type: &str) -> bool {
    !content_type.starts_with("text/css") && content_type != "application/json"
}

/// `If-None-Match` (RFC 9110, section 13.1.2), compared weakly.
fn is_known(tag: &str, request: &HeaderMap) -> bool {
    let lists = request
        .get_all(IF_NONE_MATCH)
        .iter()
        .filter_map(|list| list.to_str().ok());
    lists
        .flat_map(|list| list.split(','))
        .map(str::trim)
        .any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag)
}

/// The `Content-Type` of a file of the page, by its extension.
pub(super) fn content_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "txt" => "text/plain; charset=utf-8",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "avif" => "image/avif",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "mp3" => "audio/mpeg",
        "ogg" => "audio/ogg",
        _ => "application/octet-stream",
    }
}

/// Splits a path below `/assets/` into its version, if any, and the name. A
/// version is the hash of the embedded files, or [`VERSION_OF_A_FOLDER`].
pub(super) fn split_version(path: &str) -> (Option<&str>, &str) {
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
