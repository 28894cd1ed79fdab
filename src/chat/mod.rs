//! The product: rooms, messages, history, and streams that go on where they
//! were. No HTTP, no sockets, no command line.
//!
//! [`Hub::publish`] is the only way in. [`Subscription`] and [`Feed`] are the way
//! out: history first, then what happens live.

mod delivery;
mod feed;
mod forgotten_rooms;
mod history;
mod hub;
mod membership;
mod message;
mod presence;
#[cfg(any(fuzzing, test))]
pub(crate) mod properties;
mod replay;
mod replay_budget;
mod request_hash;
mod resume;
mod room;
mod room_key;
mod rooms;
mod subscription;
#[cfg(test)]
mod test_reader;
mod totals;

pub use delivery::{Delivery, Gap, GapReason, HelloRoom, StreamHello};
pub use feed::{Envelope, Feed, Lagged, Large, MAX_INLINE_BYTES, Marker, RoomEvent};
pub use hub::{HistoryPage, HistoryQuery, Hub, RoomSummary};
pub use membership::{Membership, StayGuard};
pub use message::{Draft, Frame};
pub use presence::{MAX_LISTED_MEMBERS, Member, Snapshot};
pub use replay_budget::{ReplayBucket, ReplayBudget};
pub use resume::{InvalidRoomList, RoomList, SubscribeOptions};
pub use room_key::RoomKey;
pub use rooms::{Due, HubLimits, PublishError, Published, SubscribeError, TooManyRooms};
pub use subscription::{LiveFrom, Progress, Subscription};
pub use totals::Totals;
