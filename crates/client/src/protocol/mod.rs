//! The protocol: ids, names, texts and messages as they go over the wire, and
//! the rules that each of them keeps.

mod backlog;
mod event_id;
mod message;
mod name;
mod printable;
#[cfg(any(feature = "properties", test))]
pub(crate) mod properties;
mod visible;

pub use backlog::Backlog;
pub use event_id::{Cursor, Epoch, EventId, NotAnEventId};
pub use message::{ClientId, InvalidClientId, InvalidText, Message, MessageText};
pub use name::{InvalidRoom, InvalidUserName, RoomName, UserName};
pub use printable::is_printable;
