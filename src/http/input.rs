//! Parsing of client input: queries, forms and JSON. All of it is untrusted.

use std::borrow::Cow;

use hyper::Request;
use percent_encoding::percent_decode_str;
use serde::Deserialize;

use super::format::Format;
use super::permission::Identity;
use super::problem::Problem;
use super::request_body::{BodyLimits, RequestBody};
use crate::chat::{ChangeError, Draft, DraftContent, DraftMessage};
use crate::config::Config;
use crate::protocol::{
    ClientId, EditKey, Emoji, EventId, InvalidEmoji, MessageText, NotAnEventId, ProblemCode,
    RoomName, UserName,
};

/// The most entries of one page.
pub(super) const MAX_LIMIT: usize = 500;

type Pair<'a> = (Cow<'a, [u8]>, Cow<'a, [u8]>);

/// The pairs of a query or a form, percent-decoded to bytes. The caller decides
/// what a value may be: a cursor may be any bytes, a name may not.
#[derive(Debug)]
pub(super) struct Pairs<'a> {
    pairs: Vec<Pair<'a>>,
    /// The code for a malformed pair.
    malformed: ProblemCode,
}

impl<'a> Pairs<'a> {
    /// Reads `application/x-www-form-urlencoded` as the URL standard does: `+`
    /// is a space, and a `%` without two hex digits stands for itself.
    pub(super) fn of_query(query: Option<&'a str>) -> Self {
        Self::parse(query.unwrap_or_default(), ProblemCode::InvalidQuery)
    }

    fn parse(text: &'a str, malformed: ProblemCode) -> Self {
        let pairs = text.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(key), decode(value))
        });
        Self {
            pairs: pairs.collect(),
            malformed,
        }
    }

    /// The value of `key`, which may occur once.
    pub(super) fn one(&self, key: &str) -> Result<Option<&str>, Problem> {
        let mut values = self.values(key);
        let Some(value) = values.next() else {
            return Ok(None);
        };
        if values.next().is_some() {
            return Err(Problem::new(
                self.malformed,
                format!("{key} is given twice; give it once"),
            ));
        }
        self.utf8(key, value).map(Some)
    }

    /// The values of `key`, which may occur any number of times.
    pub(super) fn all(&self, key: &str) -> Result<Vec<&str>, Problem> {
        self.values(key)
            .map(|value| self.utf8(key, value))
            .collect()
    }

    /// Whether `key` occurs.
    pub(super) fn has(&self, key: &str) -> bool {
        self.values(key).next().is_some()
    }

    /// The last non-empty value whose key `is_key` accepts, as bytes.
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
            .map_err(|_| Problem::new(self.malformed, format!("{key} is not UTF-8")))
    }
}

fn decode(part: &str) -> Cow<'_, [u8]> {
    match part.contains('+') {
        true => Cow::Owned(percent_decode_str(&part.replace('+', " ")).collect()),
        false => percent_decode_str(part).into(),
    }
}

/// The query's `limit`: the most entries of the page.
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

/// A room in a path: percent-encoded UTF-8.
pub(super) fn room_of_path(segment: &str) -> Result<RoomName, Problem> {
    let name = percent_decode_str(segment)
        .decode_utf8()
        .map_err(|_| crate::protocol::InvalidRoom)?;
    Ok(RoomName::parse(&name)?)
}

/// The fields of a message, unchecked.
#[derive(Debug, Default, Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "one object with the fields name, message and perhaps client_id, reply_to and edit_key"
)]
pub(super) struct Fields {
    pub(super) name: Option<String>,
    pub(super) message: Option<String>,
    pub(super) client_id: Option<String>,
    pub(super) reply_to: Option<String>,
    pub(super) edit_key: Option<String>,
}

const NAME_IS_MISSING: &str = "name is missing: with the Content-Type text/plain it is in the query, \
     as in ?name=Alice; with application/json and application/x-www-form-urlencoded it is in the body";

/// The fields that a message may have.
const FIELDS: [&[u8]; 5] = [b"name", b"message", b"client_id", b"reply_to", b"edit_key"];

impl Fields {
    /// Checks the fields in their order.
    pub(super) fn into_draft(
        self,
        identity: &Identity,
        max_message_bytes: usize,
    ) -> Result<Draft, Problem> {
        let name = self.name.as_deref().map(UserName::parse).transpose()?;
        let name = identity
            .check_name(name.as_ref())?
            .ok_or_else(|| Problem::new(ProblemCode::InvalidName, NAME_IS_MISSING))?;
        let message = self
            .message
            .ok_or_else(|| Problem::new(ProblemCode::InvalidMessage, "message is missing"))?;
        let text = MessageText::parse(&message, max_message_bytes)?;
        let edit_key = self.edit_key.as_deref().map(EditKey::parse).transpose()?;
        let reply_to = self.reply_to.as_deref().map(str::parse).transpose();
        let reply_to = reply_to.map_err(|error: NotAnEventId| {
            Problem::new(ProblemCode::InvalidReplyTo, format!("reply_to is {error}"))
        })?;
        Ok(Draft {
            content: DraftContent::Message(DraftMessage {
                name,
                text,
                reply_to,
                is_verified: identity.is_verified(),
            }),
            client_id: self.client_id.as_deref().map(ClientId::parse).transpose()?,
            author: identity.author(edit_key.as_ref()),
        })
    }

    pub(super) fn of_json(body: &[u8]) -> Result<Self, Problem> {
        // serde accepts an array for a struct; the protocol wants one object.
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
        // curl declares every body a form by default.
        if begins_as_object(body) {
            return Err(Problem::new(
                ProblemCode::InvalidForm,
                "the body looks like JSON, but was sent as a form; send it with the header \
                 Content-Type: application/json",
            ));
        }
        let form = Pairs::parse(text, ProblemCode::InvalidForm);
        let known = |(key, _): &Pair<'_>| FIELDS.contains(&&**key);
        if !form.pairs.iter().all(known) {
            return Err(Problem::new(
                ProblemCode::InvalidForm,
                "the form has a field other than name, message, client_id, reply_to and edit_key; \
                 plain text has the header Content-Type: text/plain",
            ));
        }
        Self::of_pairs(&form)
    }

    /// Takes the known fields and ignores the rest.
    pub(super) fn of_pairs(pairs: &Pairs<'_>) -> Result<Self, Problem> {
        let field = |key| pairs.one(key).map(|value| value.map(str::to_owned));
        Ok(Self {
            name: field("name")?,
            message: field("message")?,
            client_id: field("client_id")?,
            reply_to: field("reply_to")?,
            edit_key: field("edit_key")?,
        })
    }

    /// A message as plain text; the query has the rest.
    fn of_text(body: &[u8], query: &Pairs<'_>) -> Result<Self, Problem> {
        // Addresses are logged on their way.
        if query.has("edit_key") {
            return Err(Problem::new(
                ProblemCode::InvalidEditKey,
                "an edit_key is secret, and is no part of an address: send the message as JSON or \
                 as a form",
            ));
        }
        Ok(Self {
            name: query.one("name")?.map(str::to_owned),
            message: Some(text_of(body)?),
            client_id: query.one("client_id")?.map(str::to_owned),
            reply_to: query.one("reply_to")?.map(str::to_owned),
            edit_key: None,
        })
    }
}

/// The text of a body that is plain text.
fn text_of(body: &[u8]) -> Result<String, Problem> {
    let text = std::str::from_utf8(body)
        .map_err(|_| Problem::new(ProblemCode::InvalidMessage, "the text is not UTF-8"))?;
    Ok(text.to_owned())
}

fn begins_as_object(body: &[u8]) -> bool {
    body.trim_ascii_start().starts_with(b"{")
}

/// Reads the fields of a message from the request's body, and those of plain text
/// from its query.
pub(super) async fn read_fields(
    config: &Config,
    request: &Request<()>,
    body: &mut RequestBody,
) -> Result<Fields, Problem> {
    let format = Format::of(request.headers())?;
    let limits = BodyLimits::of_fields(config, format.malformed());
    let body = body.read(config, limits).await?;
    match format {
        Format::Json => Fields::of_json(&body),
        Format::Form => Fields::of_form(&body),
        Format::Text => Fields::of_text(&body, &Pairs::of_query(request.uri().query())),
    }
}

/// Reads the new text of a message from the request's body: the field `message`,
/// and no other. As plain text the body is the message.
pub(super) async fn read_edit(
    config: &Config,
    request: &Request<()>,
    body: &mut RequestBody,
) -> Result<MessageText, Problem> {
    let format = Format::of(request.headers())?;
    let limits = BodyLimits::of_fields(config, format.malformed());
    let body = body.read(config, limits).await?;
    edited_text(format, &body, config.max_message_bytes)
}

/// The new text of a message.
pub(super) fn edited_text(
    format: Format,
    body: &[u8],
    most: usize,
) -> Result<MessageText, Problem> {
    let fields = match format {
        Format::Json => Fields::of_json(body)?,
        Format::Form => Fields::of_form(body)?,
        Format::Text => return Ok(MessageText::parse(&text_of(body)?, most)?),
    };
    let Fields {
        name,
        message,
        client_id,
        reply_to,
        edit_key,
    } = fields;
    if [name, client_id, reply_to, edit_key]
        .iter()
        .any(Option::is_some)
    {
        return Err(Problem::new(
            format.malformed(),
            "only message can be changed; the edit key is in the header Edit-Key",
        ));
    }
    let message =
        message.ok_or_else(|| Problem::new(ProblemCode::InvalidMessage, "message is missing"))?;
    Ok(MessageText::parse(&message, most)?)
}

/// An event id in a path.
///
/// # Errors
///
/// `not_found`: nothing else can be at such a path.
pub(super) fn id_of_path(segment: &str) -> Result<EventId, Problem> {
    segment
        .parse()
        .map_err(|_| Problem::from(ChangeError::NotFound))
}

/// An emoji in a path: percent-encoded UTF-8.
pub(super) fn emoji_of_path(segment: &str) -> Result<Emoji, Problem> {
    let text = percent_decode_str(segment).decode_utf8();
    let text = text.map_err(|_| InvalidEmoji)?;
    Ok(Emoji::parse(&text)?)
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
    fn a_body_of_the_other_format_gets_the_header_to_send() {
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
