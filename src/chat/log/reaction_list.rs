//! Reactions as a store holds them: JSON with each emoji, its owner as a hash, and the
//! owner's name, such as `[["👍","00112233445566778899aabbccddeeff","Ada"]]`.

use std::borrow::Cow;

use super::hex;
use crate::chat::author::Fingerprint;
use crate::chat::reactions::Reactions;
use crate::protocol::{Emoji, UserName};

/// A name that a later version refuses. The reaction is still its owner's.
const NO_NAME: &str = "?";

pub(in crate::chat) fn to_json(reactions: &Reactions) -> String {
    let list: Vec<_> = reactions
        .iter()
        .map(|(emoji, owner, name)| {
            (
                emoji.as_str(),
                hex::to_text(owner.as_bytes()),
                name.as_str(),
            )
        })
        .collect();
    serde_json::to_string(&list).expect("a list of texts has a JSON form")
}

/// The reactions, or `None` if the list has another form.
pub(in crate::chat) fn from_json(json: &str) -> Option<Reactions> {
    let list: Vec<(Cow<'_, str>, Cow<'_, str>, Cow<'_, str>)> = serde_json::from_str(json).ok()?;
    let reactions: Option<Vec<_>> = list
        .iter()
        .map(|(emoji, owner, name)| {
            let name = UserName::parse(name).or_else(|_| UserName::parse(NO_NAME));
            Some((
                Emoji::parse(emoji).ok()?,
                Fingerprint::from_slice(&hex::from_text(owner)?)?,
                name.ok()?,
            ))
        })
        .collect();
    Some(Reactions::restore(reactions?.into_iter()))
}
