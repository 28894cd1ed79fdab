mod damage;
mod erasure;
mod generation;
mod model;
mod opening;
mod restoring;
mod scale;
mod transfer;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
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

/// A folder that is removed on drop.
struct TestFolder(PathBuf);

impl TestFolder {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("sse-chat-store-{}-{number}", std::process::id());
        // Where a sync takes no time, if there is such a place.
        let memory = Path::new("/dev/shm");
        let path = match memory.is_dir() {
            true => memory.join(name),
            false => std::env::temp_dir().join(name),
        };
        let _ = fs::remove_dir_all(&path);
        Self(path)
    }

    /// A folder on a disk.
    fn on_disk() -> Self {
        let Self(path) = &Self::new();
        let path = std::env::temp_dir().join(path.file_name().unwrap());
        let _ = fs::remove_dir_all(&path);
        Self(path)
    }

    fn path(&self) -> &Path {
        &self.0
    }

    /// The folder as `kill -9` leaves it.
    fn copy(&self) -> Self {
        let copy = Self::new();
        fs::create_dir(copy.path()).unwrap();
        for (name, bytes) in self.files() {
            fs::write(copy.path().join(name), bytes).unwrap();
        }
        copy
    }

    /// All files with their contents, by name.
    fn files(&self) -> Vec<(String, Vec<u8>)> {
        let files = fs::read_dir(&self.0).unwrap().map(|file| {
            let file = file.unwrap();
            let name = file.file_name().into_string().unwrap();
            (name, fs::read(file.path()).unwrap())
        });
        let mut files: Vec<_> = files.collect();
        files.sort();
        files
    }

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

impl Drop for TestFolder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
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
