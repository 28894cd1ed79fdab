//! What clients send, read strictly: queries, forms, JSON.

use std::borrow::Cow;

use hyper::header::HeaderMap;
use percent_encoding::percent_decode_str;
use serde::Deserialize;

use super::app::App;
use super::format::Format;
use super::problem::Problem;
use super::request_body::RequestBody;
use crate::chat::Draft;
use crate::protocol::{ClientId, MessageText, ProblemCode, RoomName, UserName};

/// The most entries of a page.
pub(super) const MAX_LIMIT: usize = 500;

type Pair<'a> = (Cow<'a, [u8]>, Cow<'a, [u8]>);

/// The pairs of a query or a form, percent-decoded to bytes. What they must be
/// is decided by who reads them: a cursor may be anything, a name may not.
#[derive(Debug)]
pub(super) struct Pairs<'a> {
    pairs: Vec<Pair<'a>>,
    /// What a pair that can't be read is called.
    wrong: ProblemCode,
}

impl<'a> Pairs<'a> {
    /// Reads `application/x-www-form-urlencoded` as the URL standard does: `+`
    /// is a space, and a `%` without two hex digits stands for itself.
    pub(super) fn of_query(query: Option<&'a str>) -> Self {
        Self::parse(query.unwrap_or_default(), ProblemCode::InvalidQuery)
    }

    fn parse(text: &'a str, wrong: ProblemCode) -> Self {
        let pairs = text.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(key), decode(value))
        });
        Self {
            pairs: pairs.collect(),
            wrong,
        }
    }

    /// The value of `key`, which may stand there once.
    pub(super) fn one(&self, key: &str) -> Result<Option<&str>, Problem> {
        let mut values = self.values(key);
        let Some(value) = values.next() else {
            return Ok(None);
        };
        if values.next().is_some() {
            return Err(Problem::new(
                self.wrong,
                format!("{key} is given twice; give it once"),
            ));
        }
        self.utf8(key, value).map(Some)
    }

    /// The values of `key`, which may stand there any number of times.
    pub(super) fn all(&self, key: &str) -> Result<Vec<&str>, Problem> {
        self.values(key)
            .map(|value| self.utf8(key, value))
            .collect()
    }

    /// Whether there is a `key`, whatever its value.
    pub(super) fn has(&self, key: &str) -> bool {
        self.values(key).next().is_some()
    }

    /// The last value that is not empty under a key that `is_key` accepts,
    /// whatever bytes it is.
    pub(super) fn last_bytes(&self, is_key: impl Fn(&[u8]) -> bool) -> Option<&[u8]> {
        let mut pairs = self.pairs.iter().rev();
        pairs
            .find(|(key, value)| !value.is_empty() && is_key(key))
            .map(|(_, value)| &**value)
    }

    fn values(&self, key: &str) -> impl Iterator<Item = &[u8]> {
        self.pairs
            .iter()
            .filter(move |(k, _)| **k == *key.as_bytes())
            .map(|(_, value)| &**value)
    }

    fn utf8<'b>(&self, key: &str, value: &'b [u8]) -> Result<&'b str, Problem> {
        std::str::from_utf8(value)
            .map_err(|_| Problem::new(self.wrong, format!("{key} is not UTF-8")))
    }
}

fn decode(part: &str) -> Cow<'_, [u8]> {
    match part.contains('+') {
        true => Cow::Owned(percent_decode_str(&part.replace('+', " ")).collect()),
        false => percent_decode_str(part).into(),
    }
}

/// The query's `limit`: how many entries a page has at most.
pub(super) fn limit(query: &Pairs<'_>) -> Result<Option<usize>, Problem> {
    let Some(limit) = query.one("limit")? else {
        return Ok(None);
    };
    let digits = limit.bytes().all(|byte| byte.is_ascii_digit());
    match limit.parse() {
        Ok(limit) if digits && (1..=MAX_LIMIT).contains(&limit) => Ok(Some(limit)),
        _ => Err(Problem::new(
            ProblemCode::InvalidQuery,
            "limit is a number from 1 to 500",
        )),
    }
}

/// A room as it stands in a path: percent-encoded UTF-8.
pub(super) fn room_of_path(segment: &str) -> Result<RoomName, Problem> {
    let name = percent_decode_str(segment)
        .decode_utf8()
        .map_err(|_| crate::protocol::InvalidRoom)?;
    Ok(RoomName::parse(&name)?)
}

/// The fields of a message, not checked yet.
#[derive(Debug, Default, Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "one object with the fields name, message and perhaps client_id"
)]
pub(super) struct Fields {
    pub(super) name: Option<String>,
    pub(super) message: Option<String>,
    pub(super) client_id: Option<String>,
}

impl Fields {
    /// Checks them, in the order of the fields.
    pub(super) fn into_draft(self, max_message_bytes: usize) -> Result<Draft, Problem> {
        let name = self
            .name
            .ok_or_else(|| Problem::new(ProblemCode::InvalidName, "name is missing"))?;
        let message = self
            .message
            .ok_or_else(|| Problem::new(ProblemCode::InvalidMessage, "message is missing"))?;
        Ok(Draft {
            name: UserName::parse(&name)?,
            text: MessageText::parse(&message, max_message_bytes)?,
            client_id: self.client_id.as_deref().map(ClientId::parse).transpose()?,
        })
    }

    pub(super) fn of_json(body: &[u8]) -> Result<Self, Problem> {
        // serde would take an array for a struct; the protocol says one object.
        if !begins_as_object(body) {
            return Err(Problem::new(
                ProblemCode::InvalidJson,
                "the body is not one JSON object like {\"name\":\"Alice\",\"message\":\"hi\"}; a form \
                 has the header Content-Type: application/x-www-form-urlencoded",
            ));
        }
        serde_json::from_slice(body)
            .map_err(|error| Problem::new(ProblemCode::InvalidJson, error.to_string()))
    }

    pub(super) fn of_form(body: &[u8]) -> Result<Self, Problem> {
        let text = std::str::from_utf8(body)
            .map_err(|_| Problem::new(ProblemCode::InvalidForm, "the form is not UTF-8"))?;
        // curl calls every body a form, unless it is told otherwise.
        if begins_as_object(body) {
            return Err(Problem::new(
                ProblemCode::InvalidForm,
                "the body looks like JSON, but was sent as a form; send it with the header \
                 Content-Type: application/json",
            ));
        }
        let form = Pairs::parse(text, ProblemCode::InvalidForm);
        let known =
            |(key, _): &Pair<'_>| [&b"name"[..], b"message", b"client_id"].contains(&&**key);
        if !form.pairs.iter().all(known) {
            return Err(Problem::new(
                ProblemCode::InvalidForm,
                "the form has a field other than name, message and client_id",
            ));
        }
        Self::of_pairs(&form)
    }

    /// Takes what it knows, and passes over the rest.
    pub(super) fn of_pairs(pairs: &Pairs<'_>) -> Result<Self, Problem> {
        let field = |key| pairs.one(key).map(|value| value.map(str::to_owned));
        Ok(Self {
            name: field("name")?,
            message: field("message")?,
            client_id: field("client_id")?,
        })
    }
}

fn begins_as_object(body: &[u8]) -> bool {
    body.trim_ascii_start().starts_with(b"{")
}

/// Reads the fields of a message from a request's body.
pub(super) async fn read_fields(
    app: &App,
    headers: &HeaderMap,
    body: &mut RequestBody,
) -> Result<Fields, Problem> {
    let format = Format::of(headers)?;
    let body = body.read(app, format.wrong()).await?;
    match format {
        Format::Json => Fields::of_json(&body),
        Format::Form => Fields::of_form(&body),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_decoded_once_and_leniently() {
        let pairs = Pairs::of_query(Some("a=1+2%2B3&b&&=x&a%62=%zz%&c=%FF"));
        assert_eq!(pairs.one("a").unwrap(), Some("1 2+3"));
        assert_eq!(pairs.one("b").unwrap(), Some(""));
        assert_eq!(pairs.one("ab").unwrap(), Some("%zz%"));
        assert_eq!(pairs.one("z").unwrap(), None);
        assert_eq!(pairs.last_bytes(|key| key == b"c"), Some(&b"\xFF"[..]));
        assert!(pairs.one("c").is_err());
        assert!(Pairs::of_query(Some("a=1&a=1")).one("a").is_err());
    }

    #[test]
    fn json_is_one_object_with_known_fields_each_once() {
        let ok = |body: &str| Fields::of_json(body.as_bytes()).is_ok();
        assert!(ok(r#" {"name":"a","message":"b","client_id":null} "#));
        let deep = format!(r#"{{"name":{}"#, "[".repeat(10_000));
        for body in [
            "",
            "null",
            "[]",
            "\"x\"",
            "1",
            r#"["a","b",null]"#,
            "{",
            "{}x",
            "\u{FEFF}{}",
            r#"{"name":"a","name":"b"}"#,
            r#"{"nick":"a"}"#,
            r#"{"name":1}"#,
            r#"{"name":1e400}"#,
            r#"{"name":"\ud800"}"#,
            &deep,
        ] {
            assert!(!ok(body), "{body}");
        }
        assert!(Fields::of_json(b"{\"name\":\"\xFF\"}").is_err());
    }

    #[test]
    fn forms_have_known_fields_each_once() {
        let ok = |body: &str| Fields::of_form(body.as_bytes()).is_ok();
        assert!(ok("name=a&message=b+c&client_id=d"));
        for body in ["nick=a", "name=a&name=b", "name=%FF"] {
            assert!(!ok(body), "{body}");
        }
        assert!(Fields::of_form(b"name=\xFF").is_err());
    }

    #[test]
    fn a_body_of_the_other_format_is_told_which_header_to_send() {
        let json = r#" {"name":"a","message":"b"}"#;
        let problem = Fields::of_form(json.as_bytes()).unwrap_err();
        assert!(problem.detail().contains("Content-Type: application/json"));
        // In its value a brace is a brace.
        assert!(Fields::of_form(b"name={&message={}").is_ok());
        let problem = Fields::of_json(b"name=a&message=b").unwrap_err();
        assert!(
            problem
                .detail()
                .contains("Content-Type: application/x-www-form")
        );
    }
}
