//! The product: rooms, messages, history, and streams that resume. No HTTP, no
//! sockets, no command line.
//!
//! [`Hub::publish`] adds messages. A [`Subscription`] delivers history until its
//! reader is live; from then on the fan-out workers deliver events of the hub's
//! channel.

mod author;
mod backoff;
mod bans;
mod change;
mod change_number;
mod channel;
mod custom_encoding;
mod delivery;
mod draft;
mod entry;
mod entry_mark;
mod errors;
mod evicted_marks;
mod feed;
mod forgotten_rooms;
mod generations;
mod held_batch;
mod history;
mod history_page;
mod history_size;
mod hub;
mod hub_generation;
mod hub_presence;
#[cfg(test)]
mod hub_saved;
mod hub_shared;
mod hub_staleness;
mod hub_stored;
mod hub_subscribe;
#[cfg_attr(
    not(feature = "data"),
    expect(dead_code, reason = "only a store takes records")
)]
mod log;
mod member;
mod member_outbox;
mod membership;
mod node_name;
mod older_entries;
#[cfg_attr(not(feature = "data"), path = "no_store.rs")]
mod open_store;
mod place;
mod presence;
#[cfg(any(fuzzing, test))]
pub(crate) mod properties;
mod published;
mod reactions;
mod reader_profile;
mod ready_queue;
mod remote_snapshot;
mod replay;
mod replay_budget;
mod resume;
mod room;
mod room_event;
mod room_key;
mod rooms;
#[cfg_attr(not(feature = "redis"), path = "no_shared.rs")]
mod shared;
mod shared_totals;
mod staleness;
#[cfg(test)]
#[cfg(feature = "data")]
mod stepped_committer;
#[cfg(feature = "data")]
mod store_copies;
mod store_read;
mod store_totals;
mod stored_entries;
mod stored_history;
mod subscribe_options;
mod subscription;
#[cfg(test)]
mod test_reader;
pub(crate) mod timestamp;
mod totals;

pub use author::{Author, Fingerprint};
pub use bans::{Ban, BanError};
pub use change::{Change, ChangeError, Requester};
pub use delivery::{Delivery, Gap, GapReason, HelloRoom, StreamHello};
pub use draft::{Draft, DraftContent, DraftMessage};
pub use entry::Entry;
#[cfg(feature = "tokens")]
pub(crate) use errors::TicketError;
pub use errors::{
    HistoryUnavailable, PublishError, RoomLimitReached, RoomLoadError, SubscribeError,
};
pub use history_page::{HistoryPage, HistoryQuery};
pub use hub::{Hub, RoomSummary};
pub use log::StoreError;
pub(crate) use log::reading::ReadBytes;
pub use member::Member;
pub use place::{EntryKind, Place};
pub use presence::Snapshot;
pub use published::{Commit, Published};
pub use rooms::HubLimits;
#[cfg(feature = "redis")]
pub(crate) use shared::{Followed, MemberExchange, SharedFollower};
#[cfg(feature = "data")]
pub use store_copies::{CopyError, back_up, export, import};
pub(crate) use store_totals::LoadedHistory;
pub use store_totals::StoreTotals;
pub use stored_history::StoredHistory;
pub use subscribe_options::{EventForm, InvalidRoomList, RoomList, SubscribeOptions};
pub use subscription::{LiveFrom, Progress, Subscription};
pub use totals::Totals;

// Public for benches/publish.rs only.
#[doc(hidden)]
pub use feed::{Feed, Lagged};
#[doc(hidden)]
pub use room_event::Envelope;

pub(crate) use bans::BanKey;
#[cfg(test)]
pub(crate) use generations::CursorPlace;
pub(crate) use membership::Membership;
pub(crate) use reader_profile::MemberGuard;
pub(crate) use reader_profile::StreamAccess;
pub(crate) use replay_budget::{ReplayBucket, ReplayBudget};
#[cfg(test)]
pub(crate) use room_event::MAX_INLINE_BYTES;
pub(crate) use room_event::RoomEvent;
pub(crate) use room_key::RoomKey;
pub(crate) use rooms::RemainingWork;
#[cfg(test)]
pub(crate) use rooms::SavedRooms;
pub(crate) use staleness::Staleness;
#[cfg(test)]
#[cfg(feature = "data")]
pub(crate) use stepped_committer::SteppedCommitter;
pub(crate) use subscribe_options::StreamFormat;
pub(crate) use subscription::{EXPIRING_SECONDS, TokenExpiry};
