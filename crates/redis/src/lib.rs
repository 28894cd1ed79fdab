//! A history in Redis or Valkey that several servers share.
//!
//! [`SharedLog`] calls the functions of `functions.lua`, which assign, deduplicate, bound
//! and change. [`Reader`] reads what they write, on a connection of its own: it is the
//! only way in which entries reach a server, its own ones included. What an entry
//! contains is not known here.

mod answer;
mod calls;
mod connect;
mod endpoint;
mod item;
mod library;
mod newest;
mod pool;
mod presence;
mod reader;
mod settings;
mod tickets;
mod value;

pub use answer::{Assigned, ChangeAnswer, Loaded, Opened, PublishAnswer};
pub use calls::{CallError, Change, NewEntry, RetryKey, SharedLog};
pub use connect::ConnectError;
pub use item::{Entry, EntryKind, Item, Place, StoredBan};
pub use presence::{Lease, MemberChange, PresenceItem, RoomMembers};
pub use reader::{ReadEvent, Reader};
pub use settings::{Bounds, Namespace, NotANamespace, Replicas, Settings};
