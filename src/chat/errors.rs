//! Why the hub refuses to publish a message or to begin a stream. HTTP status
//! codes and problem details are in `http`.

use std::error::Error;
use std::fmt;

/// The server has reached [`HubLimits::max_rooms`](super::HubLimits::max_rooms).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RoomLimitReached;

impl fmt::Display for RoomLimitReached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "the server has reached its limit of rooms; use an existing room, or try again later",
        )
    }
}

impl Error for RoomLimitReached {}

/// The store of history takes or gives nothing: too much waits for it, or it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HistoryUnavailable;

impl fmt::Display for HistoryUnavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "history can't be stored or read at present; try again, with the same client_id if \
             there was one",
        )
    }
}

impl Error for HistoryUnavailable {}

/// Why a draft was not published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PublishError {
    /// The message needs a new room, and there can be no more.
    RoomLimit(RoomLimitReached),
    /// The room's history holds a different request with the same client id.
    ClientIdReused,
    /// Nothing can be stored.
    HistoryUnavailable(HistoryUnavailable),
}

impl From<RoomLimitReached> for PublishError {
    fn from(error: RoomLimitReached) -> Self {
        Self::RoomLimit(error)
    }
}

impl From<HistoryUnavailable> for PublishError {
    fn from(error: HistoryUnavailable) -> Self {
        Self::HistoryUnavailable(error)
    }
}

impl fmt::Display for PublishError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RoomLimit(error) => error.fmt(f),
            Self::ClientIdReused => f.write_str(
                "this client_id stands for another message of the room; send this one with a new \
                 client_id",
            ),
            Self::HistoryUnavailable(error) => error.fmt(f),
        }
    }
}

impl Error for PublishError {}

/// Why a room of a history that several servers share can't be used here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RoomLoadError {
    /// This server can have no more rooms.
    RoomLimit(RoomLimitReached),
    /// The history is not reached.
    HistoryUnavailable(HistoryUnavailable),
}

impl From<RoomLimitReached> for RoomLoadError {
    fn from(error: RoomLimitReached) -> Self {
        Self::RoomLimit(error)
    }
}

impl From<HistoryUnavailable> for RoomLoadError {
    fn from(error: HistoryUnavailable) -> Self {
        Self::HistoryUnavailable(error)
    }
}

impl From<RoomLoadError> for PublishError {
    fn from(error: RoomLoadError) -> Self {
        match error {
            RoomLoadError::RoomLimit(error) => error.into(),
            RoomLoadError::HistoryUnavailable(error) => error.into(),
        }
    }
}

impl fmt::Display for RoomLoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RoomLimit(error) => error.fmt(f),
            Self::HistoryUnavailable(error) => error.fmt(f),
        }
    }
}

impl Error for RoomLoadError {}

/// Why a ticket of a shared history was not issued.
#[cfg(feature = "tokens")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TicketError {
    /// Too many wait to be used.
    #[cfg_attr(not(feature = "redis"), expect(dead_code, reason = "none is shared"))]
    TooMany,
    /// The history is not reached.
    HistoryUnavailable(HistoryUnavailable),
}

#[cfg(feature = "tokens")]
impl From<HistoryUnavailable> for TicketError {
    fn from(error: HistoryUnavailable) -> Self {
        Self::HistoryUnavailable(error)
    }
}

/// Why a stream was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubscribeError {
    /// The stream needs a new room, and there can be no more.
    RoomLimit(RoomLimitReached),
    /// The stream would add a member beyond
    /// [`HubLimits::max_members`](super::HubLimits::max_members).
    MemberLimit,
}

impl From<RoomLimitReached> for SubscribeError {
    fn from(error: RoomLimitReached) -> Self {
        Self::RoomLimit(error)
    }
}

impl fmt::Display for SubscribeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RoomLimit(error) => error.fmt(f),
            Self::MemberLimit => {
                f.write_str("the server has reached its limit of members; try again later")
            }
        }
    }
}

impl Error for SubscribeError {}
