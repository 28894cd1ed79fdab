//! Where a request has its token: `Authorization: Bearer`, otherwise the query's
//! `ticket` on streams, otherwise the cookie of a session. The first that is present
//! decides.

use hyper::header::{AUTHORIZATION, COOKIE, HeaderMap};

use super::problem::Problem;
use crate::protocol::ProblemCode;

/// The name of the cookie over https. A browser takes it from a page of this host
/// only, and sends it over https only (RFC 6265bis, section 4.1.3.2).
pub(super) const SECURE_COOKIE: &str = "__Host-sse_chat_token";
/// The name of the cookie over http.
pub(super) const PLAIN_COOKIE: &str = "sse_chat_token";

/// What a request shows to be permitted more than others.
#[derive(Clone, Copy)]
pub(super) enum Credentials<'a> {
    None,
    Bearer(&'a str),
    Cookie(&'a str),
}

impl<'a> Credentials<'a> {
    /// The credentials in the headers of a request.
    ///
    /// # Errors
    ///
    /// `token_invalid` for two headers `Authorization`, or one that is not ASCII.
    pub(super) fn of(headers: &'a HeaderMap, is_https: bool) -> Result<Self, Problem> {
        if let Some(token) = bearer(headers)? {
            return Ok(Self::Bearer(token));
        }
        let name = match is_https {
            true => SECURE_COOKIE,
            false => PLAIN_COOKIE,
        };
        Ok(cookie(headers, name).map_or(Self::None, Self::Cookie))
    }
}

/// The token of `Authorization: Bearer`. Other schemes are not for this server but for
/// a proxy, say.
fn bearer(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let invalid = |detail| Err(Problem::new(ProblemCode::TokenInvalid, detail));
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return invalid("Authorization is given twice; give it once");
    }
    let Ok(value) = value.to_str() else {
        return invalid("Authorization is not ASCII");
    };
    let (scheme, token) = value.split_once(' ').unwrap_or((value, ""));
    match scheme.eq_ignore_ascii_case("bearer") {
        true => Ok(Some(token.trim())),
        false => Ok(None),
    }
}

/// The value of the first cookie with this name.
fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let values = headers.get_all(COOKIE).iter();
    let mut pairs = values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='));
    let (_, value) = pairs.find(|(key, _)| *key == name)?;
    Some(value)
}

#[cfg(test)]
mod tests {
    use hyper::header::{HeaderName, HeaderValue};

    use super::*;

    fn of(fields: &[(&'static str, &'static str)], is_https: bool) -> Result<String, ProblemCode> {
        let mut headers = HeaderMap::new();
        for &(name, value) in fields {
            let name = HeaderName::from_static(name);
            headers.append(name, HeaderValue::from_static(value));
        }
        let found = Credentials::of(&headers, is_https);
        found
            .map_err(|problem| problem.code())
            .map(|found| match found {
                Credentials::None => String::new(),
                Credentials::Bearer(token) => format!("bearer {token}"),
                Credentials::Cookie(token) => format!("cookie {token}"),
            })
    }

    #[test]
    fn the_header_wins_over_the_cookie() {
        let header = ("authorization", "Bearer a.b.c");
        let cookie = ("cookie", "x=1; sse_chat_token=d.e.f");
        assert_eq!(of(&[header, cookie], false), Ok("bearer a.b.c".to_owned()));
        assert_eq!(of(&[cookie], false), Ok("cookie d.e.f".to_owned()));
        assert_eq!(
            of(&[("authorization", "bEARER  a ")], false),
            Ok("bearer a".to_owned())
        );
        assert_eq!(
            of(&[("authorization", "Bearer")], false),
            Ok("bearer ".to_owned())
        );
    }

    #[test]
    fn another_scheme_is_ignored() {
        let basic = ("authorization", "Basic YTpi");
        assert_eq!(of(&[basic], false), Ok(String::new()));
        let cookie = ("cookie", "sse_chat_token=d");
        assert_eq!(of(&[basic, cookie], false), Ok("cookie d".to_owned()));
    }

    #[test]
    fn two_headers_are_refused() {
        let header = ("authorization", "Bearer a");
        assert_eq!(of(&[header, header], false), Err(ProblemCode::TokenInvalid));
    }

    #[test]
    fn over_https_only_the_cookie_of_this_host_counts() {
        let plain = ("cookie", "sse_chat_token=a");
        let secure = ("cookie", "__Host-sse_chat_token=b");
        assert_eq!(of(&[plain, secure], true), Ok("cookie b".to_owned()));
        assert_eq!(of(&[plain], true), Ok(String::new()));
        assert_eq!(of(&[plain, secure], false), Ok("cookie a".to_owned()));
    }
}
