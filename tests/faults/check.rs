//! The checker: a pure function from a record to its violations of the protocol,
//! independent of the faults.
//!
//! `ledger` compares sent, acknowledged and seen messages of all clients; `walk`
//! follows one reader, and has the states that it shows. It shares no code with the server or its client.

mod ledger;
#[cfg(test)]
mod tests;
mod walk;

use crate::event_id::Id;
use crate::record::Record;
use ledger::Ledger;
use walk::Walk;

/// A violation of the protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Violation {
    /// Invalid data in a stream.
    Invalid { reader: String, what: String },
    /// A message that was not sent, or not subscribed to.
    Nowhere(Id),
    /// A message that differs from the sent one.
    Altered(Id),
    /// Two messages with one id, or two versions of one message.
    TwoFaces(Id),
    /// Two messages of one epoch with the same number in their room.
    NumberTwice { room: String, number: u64 },
    /// Message numbers of a room that do not increase with the ids.
    NumberOrder { room: String, number: u64 },
    /// A message published twice in one epoch.
    SaidTwice { client_id: String },
    /// Messages of a writer in another order than sent.
    WriterOrder { writer: String, n: u64 },
    /// A message after a later one in the same stream.
    IdOrder { reader: String, id: String },
    /// A message delivered again to one reader.
    Again { reader: String, id: Id },
    /// Missing numbers without a gap event.
    Hole { reader: String, id: Id, after: u64 },
    /// A new epoch without a gap event.
    SilentRestart { reader: String, id: Id },
    /// A gap event that does not match the messages around it.
    BadGap { reader: String, what: String },
    /// A stream resumed at another position than requested.
    BadHello { reader: String, cursor: String },
    /// An acknowledged message that a reader neither saw nor got a gap event for.
    Lost { reader: String, id: Id },
    /// A message that a staying reader shows in an earlier state than was
    /// acknowledged, without a gap event after it.
    Stale { reader: String, id: Id },
    /// A staying reader that has not seen the final messages.
    NotThere { reader: String, room: String },
}

/// All violations in a record.
pub(crate) fn check(record: &Record) -> Vec<Violation> {
    let ledger = Ledger::of(record);
    let mut violations = ledger.violations();
    for reading in &record.readings {
        let walk = Walk::along(reading, ledger.has_changes());
        violations.extend(walk.violations(reading, &ledger, &record.final_messages));
    }
    violations
}
