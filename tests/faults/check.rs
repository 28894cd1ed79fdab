//! The checker: a pure function from what was written down to what is wrong
//! with it. It holds for any faults whatever, since it knows nothing of them.
//!
//! `ledger` holds against each other what was sent, answered and seen by
//! anybody; `walk` goes along with one reader. It stands on the protocol
//! alone, and shares no code with the server or its client.

mod ledger;
#[cfg(test)]
mod tests;
mod walk;

use crate::record::{Id, Record};
use ledger::Ledger;
use walk::Walk;

/// Something that may not be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wrong {
    /// A reader saw what no stream of ours has.
    Odd { reader: String, what: String },
    /// Nobody sent this message, or it was asked for by nobody.
    Nowhere(Id),
    /// It is not what was sent.
    Altered(Id),
    /// Two messages have one id, or one message has two faces.
    TwoFaces(Id),
    /// Two messages of one life of the server have one number in their room.
    NumberTwice { room: String, number: u64 },
    /// Numbers of a room do not go up with the ids.
    NumberOrder { room: String, number: u64 },
    /// One life of the server said it twice.
    SaidTwice { client_id: String },
    /// A writer's messages stand in another order than it sent them.
    WriterOrder { writer: String, n: u64 },
    /// A message came after one that follows it in the same stream.
    IdOrder { reader: String, id: String },
    /// A reader got it again.
    Again { reader: String, id: Id },
    /// Numbers go up by more than one, and no gap says so.
    Hole { reader: String, id: Id, after: u64 },
    /// The epoch is another one, and no gap says so.
    SilentRestart { reader: String, id: Id },
    /// A gap that does not fit what came before and after it.
    BadGap { reader: String, what: String },
    /// A stream goes on from somewhere else than its reader had got to.
    BadHello { reader: String, cursor: String },
    /// It was answered, and a reader neither saw it nor was told of a gap.
    Lost { reader: String, id: Id },
    /// A reader that stayed does not know the last words.
    NotThere { reader: String, room: String },
}

/// All that is wrong with a record.
pub(crate) fn check(record: &Record) -> Vec<Wrong> {
    let ledger = Ledger::of(record);
    let mut wrongs = ledger.wrongs();
    for reading in &record.readings {
        let walk = Walk::along(reading);
        wrongs.extend(walk.wrongs(reading, &ledger, &record.last_words));
    }
    wrongs
}
