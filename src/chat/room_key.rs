//! A short key for a room, for workers that handle many rooms.

/// Identifies a room between the hub and the fan-out workers. It is never used
/// again, not even for a later room of the same name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) struct RoomKey(pub(super) u64);
