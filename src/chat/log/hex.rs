//! Hashes in hexadecimal, as text and as fields of JSON.

use std::borrow::Cow;
use std::fmt::Write as _;

use serde::{Deserialize, Deserializer, Serializer};

pub(in crate::chat) fn to_text(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        // Writing to a `String` can't fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

pub(in crate::chat) fn from_text(text: &str) -> Option<Vec<u8>> {
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else {
        return None;
    };
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    let bytes = pairs.iter().map(|[high, low]| {
        let byte = digit(high)? << 4 | digit(low)?;
        u8::try_from(byte).ok()
    });
    bytes.collect()
}

pub(in crate::chat) fn serialize<S: Serializer>(
    bytes: &Option<Cow<'_, [u8]>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match bytes {
        Some(bytes) => serializer.serialize_some(&to_text(bytes)),
        None => serializer.serialize_none(),
    }
}

pub(in crate::chat) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Cow<'static, [u8]>>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    let bytes = text.map(|text| {
        let bytes = from_text(&text);
        bytes.ok_or_else(|| serde::de::Error::custom("a hash is in hexadecimal"))
    });
    Ok(bytes.transpose()?.map(Cow::Owned))
}
