//! The product: rooms, messages, history, and streams that go on where they
//! were. No HTTP, no sockets, no command line.
//!
//! [`Hub::publish`] is the only way in, [`Subscription`] the only way out.

mod delivery;
mod event_id;
mod forgotten;
mod history;
mod hub;
mod membership;
mod message;
mod name;
mod outlet;
mod presence;
mod printable;
#[cfg(any(fuzzing, test))]
pub(crate) mod properties;
mod replay;
mod replay_budget;
mod request_hash;
mod room;
mod room_key;
mod rooms;
mod start;
mod subscription;
mod totals;
mod visible;

pub use delivery::{Delivery, Gap, GapReason, Hello, HelloRoom};
pub use event_id::{Cursor, Epoch, EventId, NotAnEventId};
pub use hub::{Hub, Page, PageOf, RoomSummary};
pub use membership::{Membership, StayGuard};
pub use message::{ClientId, Draft, Frame, InvalidClientId, InvalidText, Message, MessageText};
pub use name::{InvalidRoom, InvalidUserName, RoomName, UserName};
pub use outlet::{Lagged, Live, News, Outlet, OutletBounds};
pub use presence::{MAX_LISTED_MEMBERS, Member, Snapshot};
pub use printable::is_printable;
pub use replay_budget::{ReplayBucket, ReplayBudget};
pub use room_key::RoomKey;
pub use rooms::{Limits, NotPublished, Published, TooMany, TooManyRooms};
pub use start::{Backlog, InvalidRoomList, RoomList, Subscribe};
pub use subscription::{LiveFrom, Progress, Subscription};
pub use totals::Totals;
