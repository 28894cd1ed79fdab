//! Rights in rooms, by type: an endpoint takes a [`Permitted`] room, and only this
//! file makes one. So no endpoint can be reached without its right.

use std::marker::PhantomData;
use std::net::IpAddr;
use std::sync::Arc;

use hyper::header::HeaderMap;

use super::problem::Problem;
use crate::chat::{Author, BanKey, Fingerprint, Hub, RoomList, StreamAccess};
use crate::config::{Anonymous, Config};
use crate::protocol::{EDIT_KEY, EditKey, InvalidEditKey, ProblemCode, RoomName, UserName};
use crate::tokens::{Right, Rights, Token};

/// What everybody may do, with a token or without one.
#[derive(Debug)]
pub(super) struct CommonRights {
    /// The rights of requests without a token.
    anonymous: Rights,
    /// Whether everybody who may write may also publish events.
    open_events: bool,
    /// Whether there are keys.
    has_keys: bool,
}

impl CommonRights {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            anonymous: match config.tokens.without_token() {
                Anonymous::None => Rights::default(),
                Anonymous::Read => Rights::everywhere(&[Right::Read]),
                Anonymous::Write => Rights::everywhere(&[Right::Write]),
            },
            open_events: config.open_events,
            has_keys: config.tokens.are_enabled(),
        }
    }
}

/// A right as a type.
pub(super) trait RoomRight {
    /// The rights of which one is enough.
    const RIGHTS: &'static [Right];
    /// What a refused request wanted to do, after "the token does not permit".
    const ACTION: &'static str;
}

/// To read a room.
#[derive(Debug)]
pub(super) struct Read;
/// To write messages.
#[derive(Debug)]
pub(super) struct Write;
/// To publish events.
#[derive(Debug)]
pub(super) struct PublishEvents;
/// To delete one's own messages, or what others published.
#[derive(Debug)]
pub(super) struct Delete;
/// To ban.
#[derive(Debug)]
pub(super) struct Moderate;

impl RoomRight for Read {
    const RIGHTS: &'static [Right] = &[Right::Read];
    const ACTION: &'static str = "to read this room";
}

impl RoomRight for Write {
    const RIGHTS: &'static [Right] = &[Right::Write];
    const ACTION: &'static str = "to write in this room";
}

impl RoomRight for PublishEvents {
    const RIGHTS: &'static [Right] = &[Right::Events];
    const ACTION: &'static str = "to publish events in this room";
}

impl RoomRight for Delete {
    const RIGHTS: &'static [Right] = &[Right::Write, Right::Moderate];
    const ACTION: &'static str = "to delete messages of this room";
}

impl RoomRight for Moderate {
    const RIGHTS: &'static [Right] = &[Right::Moderate];
    const ACTION: &'static str = "to moderate this room";
}

/// The rooms of a stream, all of which its reader may read.
#[derive(Debug)]
pub(super) struct PermittedRooms(RoomList);

impl PermittedRooms {
    pub(super) fn into_list(self) -> RoomList {
        self.0
    }
}

/// A room in which the sender of a request has a right.
#[derive(Debug)]
pub(super) struct Permitted<R> {
    room: RoomName,
    _right: PhantomData<R>,
}

impl<R> Permitted<R> {
    /// The room's name.
    pub(super) fn room(&self) -> &RoomName {
        &self.room
    }
}

/// The sender of a request, as far as the server knows.
#[derive(Debug, Clone)]
pub(super) struct Identity {
    /// The address.
    pub(super) client: IpAddr,
    /// The token, verified.
    token: Option<Arc<Token>>,
    common: Arc<CommonRights>,
}

impl Identity {
    /// The sender of a request with a verified token, or without one.
    pub(super) fn new(
        client: IpAddr,
        token: Option<Arc<Token>>,
        common: &Arc<CommonRights>,
    ) -> Self {
        Self {
            client,
            token,
            common: Arc::clone(common),
        }
    }

    /// Permits a right in a room.
    ///
    /// # Errors
    ///
    /// `token_required` without a token, otherwise `forbidden`; that is also the
    /// refusal of a server without keys, where no token would help.
    pub(super) fn permit<R: RoomRight>(
        &self,
        hub: &Hub,
        room: RoomName,
    ) -> Result<Permitted<R>, Problem> {
        if !self.has_any(R::RIGHTS, &room) {
            return Err(self.refusal(R::ACTION));
        }
        // A moderator who is banned can still lift the ban.
        let moderates = R::RIGHTS.contains(&Right::Moderate) && self.has(Right::Moderate, &room);
        if !moderates && self.is_banned(hub, &room) {
            return Err(banned());
        }
        Ok(Permitted {
            room,
            _right: PhantomData,
        })
    }

    fn is_banned(&self, hub: &Hub, room: &RoomName) -> bool {
        self.common.has_keys && hub.is_banned(room, &self.author(None))
    }

    /// Permits a stream of all these rooms.
    ///
    /// # Errors
    ///
    /// As of [`permit`](Self::permit), with the rooms that it may not read.
    pub(super) fn permit_stream(
        &self,
        hub: &Hub,
        rooms: RoomList,
    ) -> Result<PermittedRooms, Problem> {
        let refused = |is_refused: &dyn Fn(&RoomName) -> bool| -> Vec<RoomName> {
            let refused = rooms.iter().filter(|room| is_refused(room));
            refused.cloned().collect()
        };
        let forbidden = refused(&|room| !self.has(Right::Read, room));
        if !forbidden.is_empty() {
            return Err(self.refusal(Read::ACTION).of_rooms(forbidden));
        }
        let banned_from = refused(&|room| self.is_banned(hub, room));
        match banned_from.is_empty() {
            true => Ok(PermittedRooms(rooms)),
            false => Err(banned().of_rooms(banned_from)),
        }
    }

    fn has_any(&self, rights: &[Right], room: &RoomName) -> bool {
        rights.iter().any(|&right| self.has(right, room))
    }

    /// Whether it has a right in a room: by its token, or because everybody has it.
    pub(super) fn has(&self, right: Right, room: &RoomName) -> bool {
        let token = self.token.as_ref();
        let allows = |right| {
            token.is_some_and(|token| token.rights.allows(right, room))
                || self.common.anonymous.allows(right, room)
        };
        let is_open = right == Right::Events && self.common.open_events;
        allows(right) || is_open && allows(Right::Write)
    }

    /// Permits what needs no right in a room, but a token, unless some rooms may be
    /// read without one.
    ///
    /// # Errors
    ///
    /// `token_required`.
    pub(super) fn permit_list(&self) -> Result<(), Problem> {
        match self.token.is_some() || self.reads_all() {
            true => Ok(()),
            false => Err(self.refusal("to list rooms")),
        }
    }

    /// Whether it may read every room.
    pub(super) fn reads_all(&self) -> bool {
        let token = self.token.as_ref();
        token.is_some_and(|token| token.rights.are_everywhere(Right::Read))
            || self.common.anonymous.are_everywhere(Right::Read)
    }

    /// Its token.
    #[cfg(feature = "tokens")]
    pub(super) fn token(&self) -> Option<&Arc<Token>> {
        self.token.as_ref()
    }

    /// The refusal of something for which a right is missing.
    pub(super) fn refusal(&self, action: &str) -> Problem {
        match self.token {
            Some(_) => Problem::new(
                ProblemCode::Forbidden,
                format!("the token does not permit {action}"),
            ),
            None if !self.common.has_keys => Problem::new(
                ProblemCode::Forbidden,
                format!("this server has no keys of tokens, and permits no client {action}"),
            ),
            None => Problem::new(
                ProblemCode::TokenRequired,
                format!("a token is required {action}: send Authorization: Bearer TOKEN"),
            ),
        }
    }

    /// The author of what the sender publishes, or the requester of a change.
    pub(super) fn author(&self, edit_key: Option<&EditKey>) -> Author {
        let subject = self.token.as_ref().and_then(|token| token.subject.as_ref());
        Author {
            subject: subject.map(|subject| subject.fingerprint()),
            edit_key: edit_key.map(Fingerprint::of_edit_key),
            // It is only for bans, and without keys no one may ban.
            address: self.common.has_keys.then_some(self.client),
        }
    }

    /// The name to use instead of `name`, which may be absent if the token has one.
    ///
    /// # Errors
    ///
    /// `forbidden` if the token has another name.
    pub(super) fn check_name(&self, name: Option<&UserName>) -> Result<Option<UserName>, Problem> {
        let fixed = self.token.as_ref().and_then(|token| token.name.as_ref());
        match (fixed, name) {
            (Some(fixed), Some(name)) if fixed != name => Err(Problem::new(
                ProblemCode::Forbidden,
                "the token fixes the name; send the same name, or none",
            )),
            (fixed, name) => Ok(name.or(fixed).cloned()),
        }
    }

    /// Until when a stream of the sender may last, and how it is banned. `None` on an
    /// open server, where no one has the right to moderate.
    pub(super) fn stream_access(&self) -> Option<StreamAccess> {
        let expires_at = self.token.as_ref().map(|token| token.expires_at);
        self.common
            .has_keys
            .then(|| StreamAccess::new(BanKey::of(&self.author(None)), expires_at))
    }

    /// Whether the token fixes the name.
    pub(super) fn is_verified(&self) -> bool {
        self.token
            .as_ref()
            .is_some_and(|token| token.name.is_some())
    }
}

fn banned() -> Problem {
    Problem::new(
        ProblemCode::Forbidden,
        "you are banned from this room for a time",
    )
}

/// The header `Edit-Key`.
pub(super) fn edit_key_of(headers: &HeaderMap) -> Result<Option<EditKey>, Problem> {
    let mut values = headers.get_all(EDIT_KEY).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(Problem::new(
            ProblemCode::InvalidEditKey,
            "Edit-Key is given twice; give it once",
        ));
    }
    let key = value
        .to_str()
        .ok()
        .and_then(|text| EditKey::parse(text).ok());
    key.map(Some)
        .ok_or_else(|| Problem::new(ProblemCode::InvalidEditKey, InvalidEditKey.to_string()))
}
