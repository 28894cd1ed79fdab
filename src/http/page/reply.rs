//! A file as a response: its headers, and whether the client has it already.

use bytes::Bytes;
use hyper::header::{
    CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HeaderMap,
    HeaderValue, IF_NONE_MATCH, REFERRER_POLICY, VARY,
};
use hyper::{Response, StatusCode};

use super::encoding::Encoding;
use crate::http::body::Body;

/// Nothing but our own files, and no script in the page itself.
pub(in crate::http) const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                      img-src 'self'; font-src 'self'; media-src 'self'; manifest-src 'self'; worker-src 'self'; base-uri 'none'; \
                      form-action 'none'; frame-ancestors 'none'";

/// How long a client may use a file without asking again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keep {
    /// Its address changes when it does (RFC 8246).
    ForEver,
    /// It asks each time whether the file is still the same.
    UntilAsked,
}

/// A file, in the form that is sent.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) content_type: &'static str,
    /// Without quotes; of the file, not of its form.
    pub(super) tag: String,
    pub(super) encoding: Encoding,
    /// Whether there are other forms of it.
    pub(super) varies: bool,
    pub(super) keep: Keep,
    pub(super) bytes: Bytes,
}

impl Reply {
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
        let keep = match self.keep {
            Keep::ForEver => "public, max-age=31536000, immutable",
            Keep::UntilAsked => "no-cache",
        };
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static(keep));
        headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        let tag = HeaderValue::from_str(&tag).expect("hex digits in quotes are a header's value");
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
