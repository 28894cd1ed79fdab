mod damage;
mod erasure;
mod generation;
mod growth;
mod import_lines;
mod model;
mod opening;
mod other_programs;
mod restoring;
mod scale;
mod transfer;
mod wal_damage;

use std::time::SystemTime;

use super::connection::connect;
use super::folder::{FILE, StoreFolder};
use super::machine::Machine;
use super::open_error::OpenError;
use super::store::read;
use super::{SqliteStore, StoreOptions};
use crate::chat::entry::Entry;
use crate::chat::log::restored::Restored;
use crate::chat::rooms::HubLimits;
use crate::chat::subscribe_options::EventForm;
use crate::config::SyncMode;
use crate::test_folder::TestFolder;

impl TestFolder {
    fn open(&self) -> (SqliteStore, Restored) {
        SqliteStore::open(self.path(), &options()).unwrap()
    }

    /// What a start finds, without a start.
    fn peek(&self) -> Result<Restored, OpenError> {
        self.peek_with(&options())
    }

    fn peek_with(&self, options: &StoreOptions) -> Result<Restored, OpenError> {
        let folder = StoreFolder::open(self.path())?;
        assert!(folder.has_store());
        let found = connect(&folder.path(FILE)).and_then(|connection| read(&connection, options));
        folder.leave();
        found.map(|loaded| loaded.restored)
    }
}

fn options() -> StoreOptions {
    StoreOptions {
        sync: SyncMode::Full,
        check: false,
        new_generation: false,
        limits: HubLimits::default(),
    }
}

fn machine(boot: &str) -> Machine {
    Machine {
        boot: Some(boot.to_owned()),
        now: SystemTime::now(),
    }
}

/// All that can be known of an entry.
fn shown(entry: &Entry) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let author = entry.author();
    let hash =
        |hash: Option<crate::chat::author::Fingerprint>| hash.map(|hash| hash.as_bytes().to_vec());
    format!(
        "{} {} {:?} {:?} {:?} {:?} {} {} {:?} {:?} {:?} {:?} {:?} {}",
        entry.id(),
        entry.at(),
        entry.kind(),
        entry.place(),
        text(entry.event(EventForm::Raw).chunk()),
        text(entry.event(EventForm::Json).chunk()),
        text(&entry.json()),
        text(&entry.json_for_sender()),
        entry.retry_key().map(|key| key.client_id.clone()),
        entry
            .retry_key()
            .map(|key| key.request.fingerprint().as_bytes().to_vec()),
        (hash(author.subject), hash(author.edit_key)),
        author.address,
        entry.reactions(),
        entry.cost(),
    )
}

/// All that can be known of what was restored, but the times of use.
fn contents(restored: &Restored) -> Vec<String> {
    let mut contents = vec![format!(
        "{:?} {} {}",
        restored.generations, restored.seq, restored.dropped_through
    )];
    let forgotten = restored.forgotten.iter();
    contents.extend(forgotten.map(|(room, tombstone)| format!("{room:?} {tombstone:?}")));
    let mut rooms: Vec<_> = restored.rooms.iter().collect();
    rooms.sort_by_key(|room| &room.name);
    for room in rooms {
        let mut bans: Vec<_> = room.bans.iter().map(|(_, ban)| ban.message).collect();
        bans.sort_by_key(|message| message.seq);
        contents.push(format!(
            "{:?} {} {:?} {} {bans:?}",
            room.name, room.evicted_through, room.next, room.is_counted_from_start
        ));
        contents.extend(room.entries.iter().map(shown));
    }
    contents
}
