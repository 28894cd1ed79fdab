//! The CORS headers of a response (Fetch standard, "CORS protocol"). Which requests
//! are accepted is decided in `origin`.

use hyper::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_METHOD, HeaderMap, HeaderValue, VARY,
};

/// Request headers that a page needs beyond the CORS-safelisted ones.
const ALLOWED_HEADERS: HeaderValue =
    HeaderValue::from_static("authorization, content-type, edit-key, last-event-id, cache-control");
/// Response headers that a page needs beyond the CORS-safelisted ones.
const EXPOSED_HEADERS: HeaderValue = HeaderValue::from_static("retry-after");
/// Two hours: the longest time that Chromium caches a preflight.
const PREFLIGHT_SECONDS: HeaderValue = HeaderValue::from_static("7200");
const READ: HeaderValue = HeaderValue::from_static("GET, HEAD, OPTIONS");

/// The pages that may read a response, as its headers state.
#[derive(Debug, Clone)]
pub(in super::super) struct CorsGrant {
    readers: CorsReaders,
    /// Whether the response depends on the origin, for caches.
    varies: bool,
}

/// The pages that may read a response.
#[derive(Debug, Clone)]
pub(super) enum CorsReaders {
    /// Pages of this server.
    Own,
    /// Any page, without credentials.
    Any,
    /// Pages of this origin.
    Of(HeaderValue),
}

impl CorsGrant {
    pub(super) fn new(readers: CorsReaders, varies: bool) -> Self {
        Self { readers, varies }
    }

    /// Adds them to a response.
    pub(in super::super) fn apply(&self, headers: &mut HeaderMap) {
        if self.varies {
            headers.append(VARY, HeaderValue::from_static("origin"));
        }
        match &self.readers {
            CorsReaders::Own => return,
            CorsReaders::Any => {
                headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
            }
            CorsReaders::Of(origin) => {
                headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
                headers.insert(
                    ACCESS_CONTROL_ALLOW_CREDENTIALS,
                    HeaderValue::from_static("true"),
                );
            }
        }
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED_HEADERS);
    }

    /// Adds what a preflight asks for; `allow` lists the methods of the path.
    pub(in super::super) fn apply_preflight(
        &self,
        request: &HeaderMap,
        allow: &'static str,
        headers: &mut HeaderMap,
    ) {
        if !request.contains_key(ACCESS_CONTROL_REQUEST_METHOD) {
            return;
        }
        let methods = match &self.readers {
            CorsReaders::Own => return,
            // `--allow-origin *` permits reading only.
            CorsReaders::Any => READ,
            CorsReaders::Of(_) => HeaderValue::from_static(allow),
        };
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, methods);
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, ALLOWED_HEADERS);
        headers.insert(ACCESS_CONTROL_MAX_AGE, PREFLIGHT_SECONDS);
    }
}
