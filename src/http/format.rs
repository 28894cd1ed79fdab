//! The format and coding of a request's body, by its headers. A header that
//! changes the meaning of the body is honoured or refused, never ignored.

use hyper::header::{
    CONTENT_ENCODING, CONTENT_RANGE, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue,
};

use super::problem::Problem;
use super::request_body::is_plain_or_chunked;
use crate::protocol::ProblemCode;

/// The format of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Json,
    Form,
    /// Plain text: the body is the message.
    Text,
}

impl Format {
    /// The format that the headers declare. Refuses any charset but UTF-8, any
    /// coding but chunked, and partial bodies.
    pub(super) fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        let format = Self::of_content_type(headers)?;
        check_content(headers)?;
        if !is_plain_or_chunked(headers) {
            let detail = "send the body as it is or in chunks, in no other transfer coding";
            return Err(Problem::new(format.malformed(), detail));
        }
        Ok(format)
    }

    fn of_content_type(headers: &HeaderMap) -> Result<Self, Problem> {
        let wrong = || {
            Problem::new(
                ProblemCode::UnsupportedMediaType,
                "send one Content-Type, application/json, application/x-www-form-urlencoded or \
                 text/plain, in UTF-8",
            )
        };
        let (essence, is_utf8) = content_type(headers).ok_or_else(wrong)?;
        let is = |name: &str| essence.eq_ignore_ascii_case(name);
        let format = if is("application/json") {
            Self::Json
        } else if is("application/x-www-form-urlencoded") {
            Self::Form
        } else if is("text/plain") {
            Self::Text
        } else {
            return Err(wrong());
        };
        match is_utf8 {
            true => Ok(format),
            false => Err(wrong()),
        }
    }

    /// The code for a malformed body of this format.
    pub(super) fn malformed(self) -> ProblemCode {
        match self {
            Self::Json => ProblemCode::InvalidJson,
            Self::Form => ProblemCode::InvalidForm,
            Self::Text => ProblemCode::InvalidMessage,
        }
    }
}

/// Refuses the payload of an event that is not text or JSON in UTF-8. Returns
/// whether it is JSON.
pub(super) fn check_payload(headers: &HeaderMap) -> Result<bool, Problem> {
    let is_json = match content_type(headers) {
        Some((essence, true)) if essence.eq_ignore_ascii_case("application/json") => true,
        Some((essence, true)) if is_text(essence) => false,
        _ => {
            return Err(Problem::new(
                ProblemCode::UnsupportedMediaType,
                "send one Content-Type, text/* or application/json, in UTF-8; with curl: \
                 -H 'Content-Type: text/html'",
            ));
        }
    };
    check_content(headers)?;
    match is_plain_or_chunked(headers) {
        true => Ok(is_json),
        false => Err(Problem::new(
            ProblemCode::InvalidEvent,
            "send the body as it is or in chunks, in no other transfer coding",
        )),
    }
}

/// Whether it is `text/` and a name by RFC 6838, section 4.2: no list, no wildcard.
fn is_text(essence: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte);
    let (kind, subtype) = essence.split_once('/').unwrap_or_default();
    kind.eq_ignore_ascii_case("text") && !subtype.is_empty() && subtype.bytes().all(allowed)
}

/// The media type of the body, and whether its charset is UTF-8 or
/// absent. `None` unless there is one header.
fn content_type(headers: &HeaderMap) -> Option<(&str, bool)> {
    let value = single(headers, &CONTENT_TYPE)?;
    let mut parts = value.to_str().ok()?.split(';');
    let essence = parts.next().unwrap_or_default().trim();
    Some((essence, parts.all(is_utf8_or_no_charset)))
}

/// Refuses a compressed or partial body.
pub(super) fn check_content(headers: &HeaderMap) -> Result<(), Problem> {
    if !headers.get_all(CONTENT_ENCODING).iter().all(is_identity) {
        return Err(Problem::new(
            ProblemCode::UnsupportedMediaType,
            "send the body as it is, without Content-Encoding: nothing is decompressed",
        ));
    }
    // RFC 9110, section 14.5, asks for 400.
    if headers.contains_key(CONTENT_RANGE) {
        return Err(Problem::new(
            ProblemCode::InvalidRequest,
            "send the whole body, without Content-Range: no part of one is taken",
        ));
    }
    Ok(())
}

/// An empty list, or `identity` alone.
fn is_identity(codings: &HeaderValue) -> bool {
    let mut each = codings.as_bytes().split(|&byte| byte == b',');
    each.all(|coding| {
        let coding = coding.trim_ascii();
        coding.is_empty() || coding.eq_ignore_ascii_case(b"identity")
    })
}

fn is_utf8_or_no_charset(parameter: &str) -> bool {
    match parameter.split_once('=') {
        Some((key, charset)) if key.trim().eq_ignore_ascii_case("charset") => charset
            .trim()
            .trim_matches('"')
            .eq_ignore_ascii_case("utf-8"),
        _ => true,
    }
}

/// The value of a header that is present exactly once.
fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a HeaderValue> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => Some(value),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code_of(fields: &[(&'static str, &'static str)]) -> Option<ProblemCode> {
        let mut headers = HeaderMap::new();
        for &(name, value) in fields {
            let name = HeaderName::from_static(name);
            headers.append(name, HeaderValue::from_static(value));
        }
        Format::of(&headers).err().map(|problem| problem.code())
    }

    #[test]
    fn there_is_one_content_type_in_utf_8() {
        for good in [
            "application/json",
            "Application/JSON ; Charset=\"UTF-8\"",
            "application/x-www-form-urlencoded; boundary=x; charset=utf-8",
        ] {
            assert_eq!(code_of(&[("content-type", good)]), None, "{good}");
        }
        for bad in [
            "",
            "text/html",
            "text/plain; charset=latin1",
            "multipart/form-data; boundary=x",
            "application/json, application/json",
            "application/json; charset=utf-16",
            "application/json; charset=utf-8; charset=latin1",
            "application/x-www-form-urlencoded; charset=",
        ] {
            let code = code_of(&[("content-type", bad)]);
            assert_eq!(code, Some(ProblemCode::UnsupportedMediaType), "{bad}");
        }
        let json = ("content-type", "application/json");
        assert_eq!(code_of(&[]), Some(ProblemCode::UnsupportedMediaType));
        assert_eq!(
            code_of(&[json, json]),
            Some(ProblemCode::UnsupportedMediaType)
        );
    }

    #[test]
    fn a_body_in_a_content_coding_or_in_parts_is_refused() {
        let json = ("content-type", "application/json");
        for coding in ["identity", "", "Identity, identity"] {
            assert_eq!(code_of(&[json, ("content-encoding", coding)]), None);
        }
        for coding in ["gzip", "identity, br", "zstd,identity", "x"] {
            let code = code_of(&[json, ("content-encoding", coding)]);
            assert_eq!(code, Some(ProblemCode::UnsupportedMediaType), "{coding}");
        }
        let twice = [
            json,
            ("content-encoding", "identity"),
            ("content-encoding", "deflate"),
        ];
        assert_eq!(code_of(&twice), Some(ProblemCode::UnsupportedMediaType));
        let part = [json, ("content-range", "bytes 0-9/10")];
        assert_eq!(code_of(&part), Some(ProblemCode::InvalidRequest));
    }
}
