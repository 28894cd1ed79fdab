//! The short name of a room, for those who hear from many.

/// What a room is called between the hub and those who read from it: short, and
/// never given to another room, not even to a later one of the same name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct RoomKey(pub(super) u64);
