//! The protocol: ids, names, texts, messages and events as they go over the
//! wire, and the rules that each of them keeps. One type for both directions:
//! the server encodes it, a client decodes it.

mod backlog;
mod change;
mod control;
mod demo;
mod emoji;
mod event;
mod event_id;
mod event_name;
mod gap;
mod hello;
mod lenient;
mod message;
mod name;
mod open_enum;
mod pages;
mod presence;
mod printable;
mod problem;
#[cfg(any(feature = "properties", test))]
pub(crate) mod properties;
mod published_event;
mod reaction;
mod stale;
mod stream_request;
mod unicode;
mod visible;

pub use backlog::{Backlog, InvalidBacklog};
pub use change::{ChangedEntry, DeletedEntry, EDIT_KEY, EditKey, InvalidEditKey};
pub use control::{Busy, BusyReason, Bye, ByeReason, Close, CloseReason, Expiring, encode_ping};
pub use demo::{DEMO_FAILURE, DEMO_SUCCESS};
pub use emoji::{Emoji, InvalidEmoji};
pub use event::{MalformedEvent, ServerEvent};
pub use event_id::{Cursor, Epoch, EventId, NotAnEventId};
pub use event_name::EventName;
pub use gap::{Gap, GapReason};
pub use hello::{Hello, HelloRoom};
pub use message::{ClientId, InvalidClientId, InvalidText, Message, MessageText, PublishRequest};
pub use name::{InvalidRoom, InvalidUserName, RoomName, UserName};
pub use open_enum::{OpenEnum, UnknownName};
pub use pages::{MessagePage, RoomPage, RoomSummary};
pub use presence::{LeftMember, Member, MemberList, PresenceEvent};
pub use printable::is_printable;
pub use problem::{PROBLEM_JSON, ProblemCode, ProblemDetails};
pub use published_event::{
    CustomEvent, CustomEventName, EventPayload, EventReceipt, InvalidEventName, PayloadTooLarge,
    PublishedEvent,
};
pub use reaction::ReactionSummary;
pub use stale::{Stale, encode_fresh};
pub use stream_request::{
    BACKLOG_KEY, EVENT_STREAM, LAST_EVENT_ID, NAME_KEY, PRESENCE_KEY, ROOM_KEY, WAS_KEY,
};

#[cfg(test)]
use event::decode_one;
