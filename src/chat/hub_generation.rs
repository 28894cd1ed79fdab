//! [`Hub::begin_generation`]: tests end the present generation while the hub runs. A
//! history in memory has one generation, that of `--data` begins another one only at a
//! start, and that of `--redis` follows Redis (`rooms::shared`).

use super::hub::Hub;
use super::log::restored::RestoredRoom;
use crate::protocol::Epoch;

impl Hub {
    /// Ends the present generation at seq `end`, which is shown, and begins the generation
    /// `next`: all entries after `end` are lost. Nothing waits to be durable meanwhile.
    ///
    /// `reloaded` has each room with entries after `end`, as the store has it up to `end`.
    /// Its history replaces that in memory, except for what that had evicted; readers,
    /// members and bans stay. A room that is missing in it is emptied, since a lost change
    /// may have replaced an earlier state: nothing announces that state to a client that
    /// returns behind the room's last entry. A forgotten room that is missing in it has
    /// the numbers of its lost messages behind it.
    ///
    /// A stream whose reader may have lost entries of its rooms gets a gap `restart` for
    /// each room, as a returning reader would, and then what follows `end`. The others
    /// lose nothing and get no gap. A live stream may get entries that were shown before
    /// this call until it gets the gap.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "a shared history does it with what it holds")
    )]
    pub(super) fn begin_generation(&self, end: u64, next: Epoch, reloaded: Vec<RestoredRoom>) {
        let before = self.lock().begin_generation(end, next, reloaded);
        // Large histories are freed without the lock.
        drop(before);
    }
}
