//! The origin of the page that sent a request. A request that reads rooms,
//! opens a stream or publishes must come from a page of this server, from an
//! allowed origin, or from no page at all. CORS alone does not protect these
//! requests: it hides the response from a foreign page, but an image or
//! `fetch(…, {mode: 'no-cors'})` still makes a visitor's browser send them, and
//! they take the visitor's streams, names and rates.
//!
//! The response to an allowed origin says so (Fetch standard, "CORS protocol").

use hyper::Uri;
use hyper::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_METHOD, HOST, HeaderMap, HeaderValue, ORIGIN, REFERER, VARY,
};
use hyper::http::uri::Authority;

use super::super::problem::Problem;
use super::host::host_of;
use crate::config::{Access, Origin};
use crate::protocol::ProblemCode;

/// Headers that a page needs to set, and that are none of those it always may.
const ALLOWED_HEADERS: HeaderValue =
    HeaderValue::from_static("content-type, last-event-id, cache-control");
/// Headers that a page needs to see, and that are none of those it always may.
const EXPOSED_HEADERS: HeaderValue = HeaderValue::from_static("retry-after");
/// Two hours, which is the longest that Chromium keeps it.
const PREFLIGHT_SECONDS: HeaderValue = HeaderValue::from_static("7200");
const READ: HeaderValue = HeaderValue::from_static("GET, HEAD, OPTIONS");

/// The origins that may do what.
#[derive(Debug)]
pub(in super::super) struct Origins {
    /// Each with the answer that names it: not the request's own bytes, which
    /// would keep its head alive as long as a stream.
    allowed: Vec<(Origin, HeaderValue)>,
    any_reads: bool,
}

/// What an answer says to the page that asked.
#[derive(Debug, Clone)]
pub(in super::super) struct Grant {
    reading: Reading,
    /// The answer depends on who asks, so caches must not mix them up.
    varies: bool,
}

#[derive(Debug, Clone)]
enum Reading {
    /// Nothing: only pages of this server may read it.
    Own,
    /// Any page, without credentials.
    Any,
    /// This origin's pages.
    Of(HeaderValue),
}

impl Origins {
    pub(in super::super) fn new(access: &Access) -> Self {
        let named = |origin: &Origin| {
            let value = HeaderValue::from_str(origin.as_str());
            (origin.clone(), value.expect("an origin is plain ASCII"))
        };
        Self {
            allowed: access.allowed_origins.iter().map(named).collect(),
            any_reads: access.any_origin_reads,
        }
    }

    /// Checks a request that publishes.
    pub(in super::super) fn check_write(&self, headers: &HeaderMap) -> Result<(), Problem> {
        match self.is_foreign(headers) {
            false => Ok(()),
            true => Err(Problem::new(
                ProblemCode::CrossOrigin,
                "a page of another origin may not write here; --allow-origin names those that may",
            )),
        }
    }

    /// Checks a GET that publishes. Any page can make a browser send one: by an
    /// image, a link or a prefetch.
    pub(in super::super) fn check_write_by_get(&self, headers: &HeaderMap) -> Result<(), Problem> {
        check_no_prefetch(headers)?;
        self.check_write(headers)
    }

    /// Checks a request that reads a room or the list of rooms.
    pub(in super::super) fn check_read(&self, headers: &HeaderMap) -> Result<(), Problem> {
        match self.any_reads || !self.is_foreign(headers) {
            true => Ok(()),
            false => Err(Problem::new(
                ProblemCode::CrossOrigin,
                "a page of another origin may not read here; --allow-origin names those that may. \
                 To open it by hand, type the address: a link on another site does not work",
            )),
        }
    }

    /// Checks a request for an event stream. A stream with a name makes a
    /// member of its visitor, so reading for everybody does not cover it.
    pub(in super::super) fn check_stream(
        &self,
        headers: &HeaderMap,
        has_name: impl FnOnce() -> bool,
    ) -> Result<(), Problem> {
        check_no_prefetch(headers)?;
        if self.any_reads && self.is_foreign(headers) && has_name() {
            return Err(Problem::new(
                ProblemCode::CrossOrigin,
                "a page of another origin may not join a room under a name here; \
                 --allow-origin * is for reading, so name the origins that may",
            ));
        }
        self.check_read(headers)
    }

    /// Whether a page of an origin that is not allowed sent the request.
    fn is_foreign(&self, headers: &HeaderMap) -> bool {
        self.allowed(headers).is_none() && !is_own_or_none(headers)
    }

    /// What the answer to a request says.
    pub(in super::super) fn grant(&self, headers: &HeaderMap) -> Grant {
        let reading = match self.allowed(headers) {
            Some(origin) => Reading::Of(origin),
            None if self.any_reads => Reading::Any,
            None => Reading::Own,
        };
        Grant {
            reading,
            varies: !self.allowed.is_empty(),
        }
    }

    fn allowed(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        if self.allowed.is_empty() {
            return None;
        }
        let mut origins = headers.get_all(ORIGIN).iter();
        let (origin, None) = (origins.next()?, origins.next()) else {
            return None;
        };
        let known = |(allowed, _): &&(Origin, HeaderValue)| allowed.as_str() == origin;
        self.allowed
            .iter()
            .find(known)
            .map(|(_, answer)| answer.clone())
    }
}

impl Grant {
    /// Says it to whoever reads the answer.
    pub(in super::super) fn tell(&self, headers: &mut HeaderMap) {
        if self.varies {
            headers.append(VARY, HeaderValue::from_static("origin"));
        }
        match &self.reading {
            Reading::Own => return,
            Reading::Any => {
                headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
            }
            Reading::Of(origin) => {
                headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
                headers.insert(
                    ACCESS_CONTROL_ALLOW_CREDENTIALS,
                    HeaderValue::from_static("true"),
                );
            }
        }
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED_HEADERS);
    }

    /// Answers a preflight: what such a page may send. `allow` is what the
    /// path takes.
    pub(in super::super) fn tell_preflight(
        &self,
        request: &HeaderMap,
        allow: &'static str,
        headers: &mut HeaderMap,
    ) {
        if !request.contains_key(ACCESS_CONTROL_REQUEST_METHOD) {
            return;
        }
        let methods = match &self.reading {
            Reading::Own => return,
            // Reading is all that is given to everybody.
            Reading::Any => READ,
            Reading::Of(_) => HeaderValue::from_static(allow),
        };
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, methods);
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, ALLOWED_HEADERS);
        headers.insert(ACCESS_CONTROL_MAX_AGE, PREFLIGHT_SECONDS);
    }
}

/// Whether a request comes from a page of this server, or from no page at all.
///
/// Sec-Fetch-Site decides where a browser sends it: over https, and on this
/// machine (W3C Fetch Metadata). `none` is a person who typed the address, or
/// a bookmark. Without it the Origin decides, which browsers send with POST and
/// with CORS requests. An image or a link has neither; then a Referer of
/// another host is a page of another origin. A request with none of the three
/// counts as a program's. So over plain http, and in browsers before
/// Sec-Fetch-Site (Safari before 16.4), a page that hides its Referer can
/// still make a visitor's browser send a GET.
fn is_own_or_none(headers: &HeaderMap) -> bool {
    let mut sites = headers.get_all("sec-fetch-site").iter().peekable();
    if sites.peek().is_some() {
        return sites.all(|site| site == "same-origin" || site == "none");
    }
    let mut pages = headers.get_all(ORIGIN).iter().peekable();
    if pages.peek().is_none() {
        return headers.get(REFERER).is_none_or(|page| is_of(page, headers));
    }
    pages.all(|page| is_of(page, headers))
}

/// Whether a page is of the host that was asked. The scheme is not known here:
/// a proxy in front may have taken https off.
fn is_of(page: &HeaderValue, headers: &HeaderMap) -> bool {
    let Ok(page) = Uri::try_from(page.as_bytes()) else {
        return false;
    };
    let own_port = match page.scheme_str() {
        Some("http") => 80,
        Some("https") => 443,
        _ => return false,
    };
    // As strictly as the Host: `http` takes `a:443.b` for `a` without a port.
    let page = page.authority().map(|page| page.as_str().as_bytes());
    let host = headers.get(HOST).map(HeaderValue::as_bytes);
    let (Some(page), Some(host)) = (page.and_then(host_of), host.and_then(host_of)) else {
        return false;
    };
    let port = |host: &Authority| host.port_u16().unwrap_or(own_port);
    page.host().eq_ignore_ascii_case(host.host()) && port(&page) == port(&host)
}

/// A prefetch takes no stream, joins no room and publishes nothing: nobody has
/// opened the page yet. The browser asks again when somebody does.
fn check_no_prefetch(headers: &HeaderMap) -> Result<(), Problem> {
    match is_prefetch(headers) {
        true => Err(Problem::new(
            ProblemCode::CrossOrigin,
            "a prefetch can't do this; send the request itself",
        )),
        false => Ok(()),
    }
}

/// Whether a browser fetches it only in case somebody will open it.
fn is_prefetch(headers: &HeaderMap) -> bool {
    let says = |name: &str, word: &str| {
        headers
            .get_all(name)
            .iter()
            .any(|value| value.to_str().is_ok_and(|value| value.contains(word)))
    };
    says("sec-purpose", "prefetch")
        || says("purpose", "prefetch")
        || says("x-moz", "prefetch")
        || says("x-purpose", "preview")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, HeaderValue::from_static("chat.example"));
        for (name, value) in fields {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn only_a_page_of_this_server_or_no_page_writes() {
        let none = Origins::new(&Access::default());
        for (fields, writes) in [
            (&[][..], true),
            (&[("sec-fetch-site", "same-origin")], true),
            (&[("sec-fetch-site", "none")], true),
            (&[("sec-fetch-site", "same-site")], false),
            (&[("sec-fetch-site", "cross-site")], false),
            (&[("sec-fetch-site", "nonsense")], false),
            (&[("origin", "https://chat.example")], true),
            (&[("origin", "http://CHAT.example:80")], true),
            (&[("origin", "https://chat.example:8443")], false),
            (&[("origin", "https://evil.example")], false),
            (&[("origin", "https://chat.example.evil.example")], false),
            (&[("origin", "https://evil.example@chat.example")], false),
            (
                &[("origin", "https://chat.example:443.evil.example")],
                false,
            ),
            (&[("origin", "null")], false),
            (&[("origin", "")], false),
            // What a browser says of itself is more than an origin that looks right.
            (
                &[
                    ("sec-fetch-site", "cross-site"),
                    ("origin", "https://chat.example"),
                ],
                false,
            ),
            (
                &[
                    ("origin", "https://chat.example"),
                    ("origin", "https://evil.example"),
                ],
                false,
            ),
            (&[("referer", "https://chat.example/r/lobby")], true),
            (&[("referer", "http://evil.example/page")], false),
        ] {
            assert_eq!(
                none.check_write(&headers(fields)).is_ok(),
                writes,
                "{fields:?}"
            );
        }
    }

    #[test]
    fn an_origin_that_is_allowed_writes_and_one_that_only_reads_does_not() {
        let origins = Origins::new(&Access {
            allowed_origins: vec![Origin::parse("https://app.example").unwrap()],
            any_origin_reads: true,
            ..Access::default()
        });
        let writes = |origin| {
            let fields = [("sec-fetch-site", "cross-site"), ("origin", origin)];
            origins.check_write(&headers(&fields)).is_ok()
        };
        assert!(writes("https://app.example"));
        assert!(!writes("http://app.example") && !writes("https://other.example"));
    }

    #[test]
    fn every_origin_may_read_by_a_star_but_not_join_under_a_name() {
        let origins = Origins::new(&Access {
            allowed_origins: vec![Origin::parse("https://app.example").unwrap()],
            any_origin_reads: true,
            ..Access::default()
        });
        let of = |origin| headers(&[("sec-fetch-site", "cross-site"), ("origin", origin)]);
        let (other, app) = (of("https://other.example"), of("https://app.example"));
        let image = headers(&[("sec-fetch-site", "cross-site")]);
        for fields in [&other, &image] {
            assert!(origins.check_read(fields).is_ok());
            assert!(origins.check_stream(fields, || false).is_ok());
            assert!(origins.check_stream(fields, || true).is_err());
        }
        assert!(origins.check_stream(&app, || true).is_ok());
        assert!(origins.check_stream(&headers(&[]), || true).is_ok());
    }

    #[test]
    fn reading_and_streams_are_held_to_the_rule_of_writing() {
        let none = Origins::new(&Access::default());
        for fields in [
            &[("sec-fetch-site", "cross-site")][..],
            // A link on another site, followed by a click.
            &[
                ("sec-fetch-site", "cross-site"),
                ("sec-fetch-mode", "navigate"),
                ("sec-fetch-dest", "document"),
                ("sec-fetch-user", "?1"),
            ],
            &[("sec-fetch-site", "same-site")],
            &[
                ("sec-fetch-site", "same-origin"),
                ("sec-fetch-site", "cross-site"),
            ],
            &[("origin", "https://evil.example")],
            &[("origin", "null")],
            &[("referer", "https://evil.example/")],
        ] {
            let fields = headers(fields);
            assert!(none.check_read(&fields).is_err(), "{fields:?}");
            assert!(none.check_stream(&fields, || false).is_err(), "{fields:?}");
        }
        for fields in [
            &[][..],
            // An address that somebody typed.
            &[
                ("sec-fetch-site", "none"),
                ("sec-fetch-mode", "navigate"),
                ("sec-fetch-dest", "document"),
            ],
            &[("sec-fetch-site", "same-origin")],
            &[("referer", "http://chat.example/r/lobby")],
        ] {
            let fields = headers(fields);
            assert!(none.check_read(&fields).is_ok(), "{fields:?}");
            assert!(none.check_stream(&fields, || true).is_ok(), "{fields:?}");
        }
    }

    #[test]
    fn a_prefetch_publishes_nothing_and_opens_no_stream() {
        let origins = Origins::new(&Access::default());
        for field in [
            ("sec-purpose", "prefetch;prerender"),
            ("purpose", "prefetch"),
            ("x-moz", "prefetch"),
            ("x-purpose", "preview"),
        ] {
            let fields = headers(&[("sec-fetch-site", "none"), field]);
            assert!(origins.check_write_by_get(&fields).is_err(), "{field:?}");
            assert!(
                origins.check_stream(&fields, || false).is_err(),
                "{field:?}"
            );
            assert!(origins.check_read(&fields).is_ok(), "{field:?}");
        }
        assert!(origins.check_write_by_get(&headers(&[])).is_ok());
    }
}
