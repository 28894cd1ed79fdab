//! What can be wrong. `by` is what observed it: a writer, a reader, a request for history.

use crate::event_id::Id;

/// A violation of the promises.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Violation {
    /// What can't be parsed, or stands where it may not.
    Invalid { by: String, what: String },
    /// An item that was never sent.
    Nowhere { by: String, id: Id },
    /// An item that differs from what was sent or shown.
    Altered { by: String, id: Id, what: String },
    /// An id of two entries.
    TwoMeanings { by: String, id: Id },
    /// One item under two ids.
    SaidTwice { by: String, first: Id, second: Id },
    /// A state that was replaced before, after an answer said so or an observer saw it.
    Undone { by: String, id: Id, what: String },
    /// An item that was answered or shown, and is not there any more.
    Gone { by: String, id: Id },
    /// A number of a room that does not follow the one before.
    Hole { by: String, id: Id },
    /// An id that is not after the one before.
    Order { by: String, id: Id },
    /// An item that a reader got again.
    Again { by: String, id: Id },
    /// An item that a reader did not get.
    Missed { by: String, id: Id },
    /// A reader's last state of an item is not the last one.
    Stale { by: String, id: Id },
    /// An announced loss.
    Gap {
        by: String,
        room: String,
        reason: String,
    },
    /// Another epoch than before.
    NewEpoch { by: String, epoch: String },
    /// A request that should have been done.
    Refused { by: String, what: String },
    /// A ban that does not hold, or holds after it was lifted.
    Ban { by: String, what: String },
}
