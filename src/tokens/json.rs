//! A JSON value that knows no duplicate member, at any depth: two parsers may take
//! different ones of two values (RFC 8725, section 2.4, RFC 7515, section 4).

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::error::TokenError;

/// Why a text is refused.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NotAnObject {
    /// It is no JSON, or no object.
    Malformed,
    /// An object in it has a member twice.
    Duplicate,
}

impl NotAnObject {
    /// The error of a token; `malformed` says which part it is.
    pub(super) fn in_token(self, malformed: &'static str) -> TokenError {
        TokenError::Invalid(match self {
            Self::Malformed => malformed,
            Self::Duplicate => "the token has a member twice in a JSON object",
        })
    }
}

/// A value of a header or of claims.
pub(super) enum Json {
    Null,
    Bool,
    Integer(u64),
    /// Any number that is not a natural number of 64 bits; it is finite.
    Number(f64),
    Text(String),
    List(Vec<Self>),
    Object(JsonObject),
}

/// The members of an object.
pub(super) type JsonObject = BTreeMap<String, Json>;

/// Parses a text that is one object.
pub(super) fn parse_object(text: &[u8]) -> Result<JsonObject, NotAnObject> {
    match serde_json::from_slice(text) {
        Ok(Json::Object(members)) => Ok(members),
        // All types are taken, so a duplicate is the only error of data.
        Err(error) if error.is_data() => Err(NotAnObject::Duplicate),
        Ok(_) | Err(_) => Err(NotAnObject::Malformed),
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(JsonVisitor)
    }
}

struct JsonVisitor;

impl<'de> Visitor<'de> for JsonVisitor {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Json, E> {
        Ok(Json::Bool)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Json, E> {
        Ok(Json::Integer(number))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Json, E> {
        Ok(u64::try_from(number).map_or(Json::Number(number as f64), Json::Integer))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Json, E> {
        Ok(Json::Number(number))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Json, E> {
        Ok(Json::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Json, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = list.next_element()? {
            values.push(value);
        }
        Ok(Json::List(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Json, A::Error> {
        let mut members = JsonObject::new();
        while let Some(name) = object.next_key()? {
            match members.entry(name) {
                Entry::Occupied(_) => return Err(A::Error::custom("duplicate member")),
                Entry::Vacant(free) => free.insert(object.next_value()?),
            };
        }
        Ok(Json::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn duplicates_are_refused_at_any_depth_and_however_they_are_written() {
        for text in [
            r#"{"a":1,"a":1}"#,
            r#"{"a":1,"\u0061":2}"#,
            r#"{"b":{"a":1,"a":1}}"#,
            r#"{"b":[[{"a":1,"a":1}]]}"#,
        ] {
            let error = parse_object(text.as_bytes()).err();
            assert_eq!(error, Some(NotAnObject::Duplicate), "{text}");
        }
        assert!(parse_object(br#"{"a":{"a":1},"A":{"a":1}}"#).is_ok());
    }

    #[test]
    fn all_but_one_object_is_refused() {
        let deep = "{\"a\":".repeat(1000);
        let list = format!("{{\"a\":{}", "[".repeat(5000));
        let texts = [
            "",
            "{",
            "[]",
            "1",
            "null",
            "{}{}",
            "{} x",
            "{a:1}",
            "\u{FEFF}{}",
            "{\"a\":1e999}",
            &deep,
            &list,
        ];
        for text in texts {
            let error = parse_object(text.as_bytes()).err();
            assert_eq!(error, Some(NotAnObject::Malformed), "{text}");
        }
        assert!(parse_object(b"{\"a\":\"\xFF\"}").is_err());
    }
}
