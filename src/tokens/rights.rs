//! What a token permits: rights in rooms, by names and prefixes.

#[cfg(feature = "tokens")]
use std::collections::BTreeMap;
use std::fmt;

#[cfg(feature = "tokens")]
use super::error::TokenError;
#[cfg(feature = "tokens")]
use super::json::{Json, JsonObject};
use crate::protocol::RoomName;

/// What can be permitted in a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Right {
    /// To read messages, events and members, and to have a stream.
    Read,
    /// To publish messages, and to edit and delete one's own. It implies `Read`.
    Write,
    /// To publish events.
    Events,
    /// To delete what others published, and to ban them.
    Moderate,
}

/// Rights in rooms. The default has none. `Debug` shows no names.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Rights {
    everywhere: Granted,
    /// Sorted by name.
    rooms: Box<[(RoomName, Granted)]>,
    /// Sorted by prefix; none is empty.
    prefixes: Box<[(Box<str>, Granted)]>,
}

/// A set of rights, a bit for each.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Granted(u8);

impl Right {
    /// All rights.
    pub const ALL: [Self; 4] = [Self::Read, Self::Write, Self::Events, Self::Moderate];

    /// Its name in the claim `rooms`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Events => "events",
            Self::Moderate => "moderate",
        }
    }

    fn bit(self) -> u8 {
        1 << self as u8
    }
}

impl Granted {
    /// One right and what it implies.
    fn of(right: Right) -> Self {
        Self(match right {
            Right::Write => Right::Write.bit() | Right::Read.bit(),
            other => other.bit(),
        })
    }

    fn add(&mut self, other: Self) {
        self.0 |= other.0;
    }

    fn has(self, right: Right) -> bool {
        self.0 & right.bit() != 0
    }
}

impl Rights {
    /// The same rights in every room.
    pub fn everywhere(rights: &[Right]) -> Self {
        let mut everywhere = Granted::default();
        for right in rights {
            everywhere.add(Granted::of(*right));
        }
        Self {
            everywhere,
            ..Self::default()
        }
    }

    /// Whether `right` is permitted in every room.
    pub fn are_everywhere(&self, right: Right) -> bool {
        self.everywhere.has(right)
    }

    /// Whether `right` is permitted in `room`.
    pub fn allows(&self, right: Right, room: &RoomName) -> bool {
        let in_room = || {
            let found = self.rooms.binary_search_by(|(name, _)| name.cmp(room));
            found.is_ok_and(|at| self.rooms[at].1.has(right))
        };
        self.everywhere.has(right) || in_room() || self.allows_by_prefix(right, room.as_str())
    }

    /// A room's name has at most 64 characters, so that many thousands of prefixes
    /// cost at most 64 searches.
    fn allows_by_prefix(&self, right: Right, room: &str) -> bool {
        let starts = |(prefix, granted): &(Box<str>, Granted)| {
            granted.has(right) && room.starts_with(&**prefix)
        };
        let has = |prefix: &str| {
            let found = self
                .prefixes
                .binary_search_by(|(own, _)| (**own).cmp(prefix));
            found.is_ok_and(|at| self.prefixes[at].1.has(right))
        };
        match self.prefixes.len() {
            0..=16 => self.prefixes.iter().any(starts),
            _ => room
                .char_indices()
                .any(|(at, c)| has(&room[..at + c.len_utf8()])),
        }
    }

    /// The patterns of rooms in which `right` is permitted, as in the claim
    /// `rooms`: names, prefixes with `*`, or `*`.
    pub fn patterns(&self, right: Right) -> Vec<String> {
        let everywhere = self.everywhere.has(right).then(|| "*".to_owned());
        let rooms = self.rooms.iter().filter(|(_, granted)| granted.has(right));
        let prefixes = self.prefixes.iter();
        let prefixes = prefixes.filter(|(_, granted)| granted.has(right));
        everywhere
            .into_iter()
            .chain(rooms.map(|(name, _)| name.as_str().to_owned()))
            .chain(prefixes.map(|(prefix, _)| format!("{prefix}*")))
            .collect()
    }

    /// The rights of the claim `rooms`. Members that are no right are ignored: a
    /// right that this server does not know permits nothing here.
    #[cfg(feature = "tokens")]
    pub(super) fn from_claim(claim: &JsonObject) -> Result<Self, TokenError> {
        let mut builder = RightsBuilder::default();
        for right in Right::ALL {
            let Some(patterns) = claim.get(right.as_str()) else {
                continue;
            };
            let Json::List(patterns) = patterns else {
                return Err(TokenError::Invalid("a right in rooms is not a list"));
            };
            for pattern in patterns {
                let added = match pattern {
                    Json::Text(pattern) => builder.add(right, pattern),
                    _ => None,
                };
                added.ok_or(TokenError::Invalid(
                    "a room in rooms is not a name, a prefix with * at its end, or *",
                ))?;
            }
        }
        Ok(builder.build())
    }
}

/// Whether `pattern` is what the claim `rooms` may have: a room, a prefix of rooms
/// with `*` at its end, or `*`.
#[cfg(feature = "tokens")]
pub fn is_room_pattern(pattern: &str) -> bool {
    RightsBuilder::default().add(Right::Read, pattern).is_some()
}

#[cfg(feature = "tokens")]
#[derive(Default)]
struct RightsBuilder {
    everywhere: Granted,
    rooms: BTreeMap<RoomName, Granted>,
    prefixes: BTreeMap<Box<str>, Granted>,
}

#[cfg(feature = "tokens")]
impl RightsBuilder {
    /// `None` if `pattern` is invalid.
    fn add(&mut self, right: Right, pattern: &str) -> Option<()> {
        let granted = match pattern.strip_suffix('*') {
            Some("") => &mut self.everywhere,
            // No rooms, but prefixes of rooms such as `...`.
            Some(prefix @ ("." | "..")) => self.prefixes.entry(prefix.into()).or_default(),
            Some(prefix) => {
                let prefix = RoomName::parse(prefix).ok()?;
                self.prefixes.entry(prefix.as_str().into()).or_default()
            }
            None => self
                .rooms
                .entry(RoomName::parse(pattern).ok()?)
                .or_default(),
        };
        granted.add(Granted::of(right));
        Some(())
    }

    fn build(self) -> Rights {
        Rights {
            everywhere: self.everywhere,
            rooms: self.rooms.into_iter().collect(),
            prefixes: self.prefixes.into_iter().collect(),
        }
    }
}

impl fmt::Debug for Rights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rights")
            .field("rooms", &self.rooms.len())
            .field("prefixes", &self.prefixes.len())
            .finish_non_exhaustive()
    }
}

#[cfg(feature = "tokens")]
#[cfg(test)]
mod tests {
    use super::*;
    use crate::tokens::json::parse_object;

    fn rights(claim: &str) -> Result<Rights, TokenError> {
        Rights::from_claim(&parse_object(claim.as_bytes()).unwrap())
    }

    fn allowed(rights: &Rights, room: &str) -> Vec<&'static str> {
        let room = RoomName::parse(room).unwrap();
        let allowed = Right::ALL
            .iter()
            .filter(|right| rights.allows(**right, &room));
        allowed.map(|right| right.as_str()).collect()
    }

    #[test]
    fn names_prefixes_and_all_rooms_are_permitted() {
        let rights = rights(
            r#"{"read":["lobby","team-*"],"write":["team-a","cafe\u0301*"],"events":["*"],
                "moderate":["..*"],"fly":["*"]}"#,
        )
        .unwrap();
        for (room, right) in [
            ("lobby", &["read", "events"][..]),
            ("lobby2", &["events"]),
            ("Lobby", &["events"]),
            ("team-", &["read", "events"]),
            ("team-a", &["read", "write", "events"]),
            ("team-a2", &["read", "events"]),
            ("caf\u{e9}-2", &["read", "write", "events"]),
            ("cafe", &["events"]),
            ("...", &["events", "moderate"]),
        ] {
            assert_eq!(allowed(&rights, room), right, "{room}");
        }
        assert_eq!(
            rights.patterns(Right::Read),
            ["lobby", "team-a", "café*", "team-*"]
        );
        assert_eq!(rights.patterns(Right::Events), ["*"]);
    }

    #[test]
    fn many_rooms_and_prefixes_are_like_few() {
        let names = |end: &str| {
            let names = (0..1000).map(|n| format!("\"room-{n}{end}\""));
            names.collect::<Vec<_>>().join(",")
        };
        let few = rights(r#"{"read":["room-7*"]}"#).unwrap();
        let many = rights(&format!(r#"{{"read":[{}]}}"#, names("-*"))).unwrap();
        let exact = rights(&format!(r#"{{"read":[{}]}}"#, names(""))).unwrap();
        assert_eq!(allowed(&few, "room-777-a"), ["read"]);
        assert_eq!(allowed(&many, "room-777-a"), ["read"]);
        assert_eq!(allowed(&many, "room-777"), [""; 0]);
        assert_eq!(allowed(&many, "room-1000-a"), [""; 0]);
        assert_eq!(allowed(&exact, "room-777"), ["read"]);
        assert_eq!(allowed(&exact, "room-1000"), [""; 0]);
    }

    #[test]
    fn an_invalid_pattern_refuses_all() {
        for claim in [
            r#"{"read":"lobby"}"#,
            r#"{"read":null}"#,
            r#"{"read":{}}"#,
            r#"{"read":[1]}"#,
            r#"{"read":[["lobby"]]}"#,
            r#"{"read":[""]}"#,
            r#"{"read":["lobby","a b"]}"#,
            r#"{"read":["**"]}"#,
            r#"{"read":["a*b"]}"#,
            r#"{"read":["*a"]}"#,
            r#"{"read":["a/*"]}"#,
            r#"{"read":["."]}"#,
            r#"{"moderate":["lobby","\u0000"]}"#,
            &format!(r#"{{"read":["{}"]}}"#, "a".repeat(65)),
        ] {
            assert!(rights(claim).is_err(), "{claim}");
        }
        assert_eq!(rights("{}"), Ok(Rights::default()));
        assert_eq!(rights(r#"{"read":[]}"#), Ok(Rights::default()));
    }

    #[test]
    fn rights_everywhere_are_in_every_room() {
        let rights = Rights::everywhere(&[Right::Write]);
        assert_eq!(allowed(&rights, "lobby"), ["read", "write"]);
        assert_eq!(allowed(&Rights::default(), "lobby"), [""; 0]);
    }
}
