//! Invariants of names, texts and ids for any input: the rules of
//! docs/protocol.md in a second, simple implementation.

use std::fmt::Debug;

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

use super::visible::{hides_something, is_visible};
use super::{ClientId, Cursor, EventId, MessageText, RoomName, UserName};

/// The limit of a message's text: small, so that random texts reach it.
const MAX_TEXT_BYTES: usize = 64;

/// Each kind of text is accepted exactly if the rules hold, is normalized as the
/// rules say, and parsed again it is the same.
pub fn names(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let room = |text: &str| Ok::<_, ()>(RoomName::parse(text).map_err(drop)?.as_str().to_owned());
    let user = |text: &str| Ok::<_, ()>(UserName::parse(text).map_err(drop)?.as_str().to_owned());
    let message = |text: &str| {
        let text = MessageText::parse(text, MAX_TEXT_BYTES).map_err(drop)?;
        Ok::<_, ()>(text.as_str().to_owned())
    };
    let id = |text: &str| Ok::<_, ()>(ClientId::parse(text).map_err(drop)?.as_str().to_owned());
    holds(text, room, room_by_the_rules);
    holds(text, user, user_name_by_the_rules);
    holds(text, message, text_by_the_rules);
    holds(text, id, client_id_by_the_rules);
}

fn holds<E: Debug>(
    text: &str,
    parse: impl Fn(&str) -> Result<String, E>,
    by_the_rules: impl Fn(&str) -> Option<String>,
) {
    let accepted = parse(text).ok();
    assert_eq!(accepted, by_the_rules(text), "{text:?}");
    if let Some(accepted) = accepted {
        assert_eq!(parse(&accepted).expect("it was accepted before"), accepted);
    }
}

fn room_by_the_rules(text: &str) -> Option<String> {
    let room: String = text.nfc().collect();
    let allowed = |c: char| unicode_ident::is_xid_continue(c) || c == '-' || c == '.';
    let holds = (1..=64).contains(&room.chars().count())
        && room.chars().all(allowed)
        && room != "."
        && room != "..";
    if holds {
        // So it needs no escaping in JSON and is one segment of a path.
        assert_eq!(serde_json::to_string(&room).ok()?, format!("\"{room}\""));
        assert!(!room.contains('/'));
    }
    holds.then_some(room)
}

fn user_name_by_the_rules(text: &str) -> Option<String> {
    let folded: Vec<&str> = text.split_whitespace().collect();
    let name: String = folded.join(" ").nfc().collect();
    let chars: Vec<char> = name.chars().collect();
    let holds = (1..=32).contains(&chars.len())
        && !name.contains(char::is_control)
        && !hides_something(&name)
        && chars.iter().any(|&c| is_visible(c))
        && !chars
            .windows(5)
            .any(|five| five.iter().all(|&c| is_combining_mark(c)));
    holds.then_some(name)
}

fn text_by_the_rules(text: &str) -> Option<String> {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let text = text.trim_end();
    let allowed = |c: char| !('\0'..='\u{1F}').contains(&c) || c == '\n' || c == '\t';
    let holds = (1..=MAX_TEXT_BYTES).contains(&text.len())
        && text.chars().all(allowed)
        && text.chars().any(is_visible);
    holds.then(|| text.to_owned())
}

fn client_id_by_the_rules(text: &str) -> Option<String> {
    let allowed = |c: char| matches!(c, 'A'..='Z' | 'a'..='z' | '0'..='9' | '_' | '-');
    let holds = (1..=64).contains(&text.chars().count()) && text.chars().all(allowed);
    holds.then(|| text.to_owned())
}

/// Any bytes are a cursor; its text is short, plain and parses to the same
/// cursor; and only the exact text of an id is that id.
pub fn cursor(bytes: &[u8]) {
    let cursor = Cursor::parse(bytes);
    let written = cursor.to_string();
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    assert!(
        written.len() <= 64 && written.bytes().all(plain),
        "{written}"
    );
    assert_eq!(Cursor::parse(written.as_bytes()), cursor);
    let json = serde_json::to_string(&cursor).expect("a cursor has a JSON form");
    assert_eq!(json, format!("\"{written}\""));
    if let Cursor::Id(id) = cursor {
        assert_eq!(written.as_bytes(), bytes);
        assert_eq!(serde_json::to_string(&id).ok(), Some(json.clone()));
        assert_eq!(serde_json::from_str::<EventId>(&json).ok(), Some(id));
    }
}
