//! The origin of the page that sent a request. A request that reads rooms, opens
//! a stream or publishes must come from a page of this server, from an allowed
//! origin, or from no page at all. CORS alone does not protect these requests: it
//! hides the response from a foreign page, but an image or
//! `fetch(…, {mode: 'no-cors'})` still makes a visitor's browser send them, and
//! they use up the visitor's streams, names and rates.

use hyper::Uri;
use hyper::header::{HOST, HeaderMap, HeaderValue, ORIGIN, REFERER};
use hyper::http::uri::Authority;

use super::cors::{CorsGrant, CorsReaders};
use super::host::host_of;
use crate::config::{Access, Origin};

/// A request that its page may not send. The text states the reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct CrossOrigin(pub(in super::super) &'static str);

/// The origins that may read, write and open streams.
#[derive(Debug)]
pub(in super::super) struct Origins {
    /// Each with its header value. Echoing the request's own bytes would keep
    /// the request's head in memory as long as a stream.
    allowed: Vec<(Origin, HeaderValue)>,
    any_reads: bool,
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
    pub(in super::super) fn check_write(&self, headers: &HeaderMap) -> Result<(), CrossOrigin> {
        match self.is_foreign(headers) {
            false => Ok(()),
            true => Err(CrossOrigin(
                "a page of another origin may not write here; --allow-origin names those that may",
            )),
        }
    }

    /// Checks a GET that publishes. Any page can make a browser send one by an
    /// image, a link or a prefetch.
    pub(in super::super) fn check_write_by_get(
        &self,
        headers: &HeaderMap,
    ) -> Result<(), CrossOrigin> {
        check_no_prefetch(headers)?;
        self.check_write(headers)
    }

    /// Checks a request that reads a room or the list of rooms.
    pub(in super::super) fn check_read(&self, headers: &HeaderMap) -> Result<(), CrossOrigin> {
        match self.any_reads || !self.is_foreign(headers) {
            true => Ok(()),
            false => Err(CrossOrigin(
                "a page of another origin may not read here; --allow-origin names those that may. \
                 To open it by hand, type the address: a link on another site does not work",
            )),
        }
    }

    /// Checks a request for an event stream. A named stream makes a member of
    /// its visitor, which `--allow-origin *` does not permit.
    pub(in super::super) fn check_stream(
        &self,
        headers: &HeaderMap,
        has_name: impl FnOnce() -> bool,
    ) -> Result<(), CrossOrigin> {
        check_no_prefetch(headers)?;
        if self.any_reads && self.is_foreign(headers) && has_name() {
            return Err(CrossOrigin(
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

    /// The CORS headers of the response.
    pub(in super::super) fn grant(&self, headers: &HeaderMap) -> CorsGrant {
        let readers = match self.allowed(headers) {
            Some(origin) => CorsReaders::Of(origin),
            None if self.any_reads => CorsReaders::Any,
            None => CorsReaders::Own,
        };
        CorsGrant::new(readers, !self.allowed.is_empty())
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

/// Whether a request comes from a page of this server, or from no page at all.
///
/// Sec-Fetch-Site decides where a browser sends it: over https, and on this
/// machine (W3C Fetch Metadata). Its value `none` is a typed address or a
/// bookmark. Without it the Origin decides, which browsers send with POST and
/// with CORS requests. An image or a link has neither; then a Referer of another
/// host is a page of another origin. A request with none of the three counts as
/// a program's. So over plain http, and in browsers without Sec-Fetch-Site
/// (Safari before 16.4), a page that hides its Referer can still make a
/// visitor's browser send a GET.
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

/// Whether a page has the host of the request. The scheme is not compared: a
/// proxy may terminate TLS.
fn is_of(page: &HeaderValue, headers: &HeaderMap) -> bool {
    let Ok(page) = Uri::try_from(page.as_bytes()) else {
        return false;
    };
    let own_port = match page.scheme_str() {
        Some("http") => 80,
        Some("https") => 443,
        _ => return false,
    };
    // As strict as for Host: `http` reads `a:443.b` as `a` without a port.
    let page = page.authority().map(|page| page.as_str().as_bytes());
    let host = headers.get(HOST).map(HeaderValue::as_bytes);
    let (Some(page), Some(host)) = (page.and_then(host_of), host.and_then(host_of)) else {
        return false;
    };
    let port = |host: &Authority| host.port_u16().unwrap_or(own_port);
    page.host().eq_ignore_ascii_case(host.host()) && port(&page) == port(&host)
}

/// A prefetch opens no stream, joins no room and publishes nothing, since the
/// page may never be opened. The browser sends the request again if it is.
fn check_no_prefetch(headers: &HeaderMap) -> Result<(), CrossOrigin> {
    match is_prefetch(headers) {
        true => Err(CrossOrigin(
            "a prefetch can't do this; send the request itself",
        )),
        false => Ok(()),
    }
}

/// Whether a browser fetches a page that is not opened yet.
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
    fn only_pages_of_this_server_and_programs_write() {
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
            // Sec-Fetch-Site outweighs an Origin that looks right.
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
    fn an_allowed_origin_writes_and_a_reading_one_does_not() {
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
    fn a_star_lets_every_origin_read_but_not_join_under_a_name() {
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
    fn reading_and_streams_follow_the_rule_of_writing() {
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
            // A typed address.
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
