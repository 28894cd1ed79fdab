//! Members over nodes. Each node leases its place and says which names join and leave rooms
//! there. The members of a node whose lease is over leave all at once.

use std::time::Duration;

use crate::calls::{CallError, SharedLog, done, millis};
use crate::value::{BadAnswer, Parts, parse, unknown};

/// Most changes of one call: the next may wait for as long as they take.
const MAX_CHANGES: usize = 200;

/// A name joins or leaves a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemberChange<'a> {
    /// The room.
    pub room: &'a str,
    /// The name.
    pub name: &'a str,
    /// Whether it joins.
    pub joins: bool,
}

/// Whether a node has its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lease {
    /// Until the lease is over.
    Held,
    /// Its lease was over, and its members have left. It goes on as a new node.
    Over,
}

/// The members of a room at all nodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomMembers {
    /// The number of the newest change, as of which this is.
    pub as_of: u64,
    /// Each node with the names at it.
    pub nodes: Vec<(String, Vec<String>)>,
}

/// A change of members at one node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PresenceItem {
    /// Names join and leave a room.
    Changed {
        /// The node.
        node: String,
        /// The room.
        room: String,
        /// The names, each with whether it joins.
        names: Vec<(String, bool)>,
    },
    /// All members of this node leave.
    Left {
        /// The node.
        node: String,
    },
}

impl SharedLog {
    /// Renews the lease of a node; a new one is begun by it. Call it thrice as often as the
    /// lease is long: it also ends the leases of nodes that are gone.
    ///
    /// # Errors
    ///
    /// [`CallError`] if there is no answer.
    pub async fn renew_lease(
        &self,
        node: &str,
        lease: Duration,
        is_new: bool,
    ) -> Result<Lease, CallError> {
        let mut command = self.command("lease");
        command.arg(node).arg(millis(lease)).arg(u8::from(is_new));
        held(self.call(command).await)
    }

    /// Ends the lease of a node.
    ///
    /// # Errors
    ///
    /// [`CallError`] if there is no answer.
    pub async fn leave(&self, node: &str) -> Result<(), CallError> {
        let mut command = self.command("leave");
        command.arg(node);
        done(self.call(command).await?).map(drop)
    }

    /// Names join and leave rooms at a node. They are sent in parts.
    ///
    /// # Errors
    ///
    /// [`CallError`] if there is no answer; a part of the changes may have been made.
    pub async fn change_members(
        &self,
        node: &str,
        changes: &[MemberChange<'_>],
    ) -> Result<Lease, CallError> {
        for part in changes.chunks(MAX_CHANGES) {
            let mut command = self.command("members");
            command.arg(node);
            for change in part {
                let sign = if change.joins { "+" } else { "-" };
                command.arg(change.room).arg(sign).arg(change.name);
            }
            if held(self.call(command).await)? == Lease::Over {
                return Ok(Lease::Over);
            }
        }
        Ok(Lease::Held)
    }

    /// The members of a room at all nodes.
    ///
    /// # Errors
    ///
    /// [`CallError`] if there is no answer.
    pub async fn members_of(&self, room: &str) -> Result<RoomMembers, CallError> {
        let mut command = self.command("members_of");
        command.arg(room);
        let mut parts = done(self.call(command).await?)?;
        let as_of = parts.next()?;
        let mut stored = parts.next_parts()?;
        let mut nodes = Vec::new();
        while !stored.is_empty() {
            nodes.push((stored.next()?, stored.next()?));
        }
        Ok(RoomMembers { as_of, nodes })
    }
}

fn held(answer: Result<redis::Value, CallError>) -> Result<Lease, CallError> {
    match done(answer?) {
        Ok(_) => Ok(Lease::Held),
        Err(CallError::NoLease) => Ok(Lease::Over),
        Err(error) => Err(error),
    }
}

impl PresenceItem {
    /// An item of the stream of presence, and its number.
    pub(crate) fn read(mut parts: Parts) -> Result<(u64, Self), BadAnswer> {
        let id: String = parts.next()?;
        let number = parse(id.strip_suffix("-0").unwrap_or(&id))?;
        let fields: Vec<(String, String)> = parts.next()?;
        let (mut node, mut room, mut names) = (None, None, Vec::new());
        for (field, value) in fields {
            match field.as_str() {
                "n" => node = Some(value),
                "r" => room = Some(value),
                "j" => names.push((value, true)),
                "l" => names.push((value, false)),
                other => return Err(unknown(other)),
            }
        }
        let node = node.ok_or_else(|| unknown("presence without a node"))?;
        Ok((
            number,
            match room {
                Some(room) => Self::Changed { node, room, names },
                None => Self::Left { node },
            },
        ))
    }
}
