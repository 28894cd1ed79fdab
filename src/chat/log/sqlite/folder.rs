//! The folder of a store: its files, the lock that keeps other processes out, and an
//! empty store. Until a store is accepted, nothing in the folder is changed for good.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};

use super::open_error::OpenError;
use super::schema::{self, APPLICATION_ID, FORMAT};
use super::state_row::{RunMark, StateRow};
use super::{generation_rows, open_error};
use crate::chat::generations::Generations;

/// The store.
pub(super) const FILE: &str = "history.sqlite3";
/// What SQLite has not moved into the file yet.
pub(super) const WAL: &str = "history.sqlite3-wal";
/// SQLite's index of that, which it makes anew.
const SHM: &str = "history.sqlite3-shm";
/// A store that is not complete.
const NEW: &str = "history.sqlite3.new";
/// Locked while a process has the store open.
const LOCK: &str = "history.lock";

/// The bytes of a database's header, and where it has numbers of four bytes.
const HEADER_BYTES: usize = 100;
const MAGIC: &[u8] = b"SQLite format 3\0";
const USER_VERSION_AT: usize = 60;
const APPLICATION_ID_AT: usize = 68;

/// A folder that no other process has open.
#[derive(Debug)]
pub(super) struct StoreFolder {
    dir: PathBuf,
    has_store: bool,
    /// Files that were not there before.
    made: Vec<&'static str>,
    /// Unlocked when it is closed.
    _lock: File,
}

impl StoreFolder {
    /// Makes the folder unless it is there, and locks it.
    pub(super) fn open(dir: &Path) -> Result<Self, OpenError> {
        make_folder(dir)?;
        // Nothing is touched of a store that can't be opened.
        has_store(dir)?;
        let path = |name: &&str| !dir.join(name).exists();
        let made = [WAL, SHM, LOCK].into_iter().filter(path).collect();
        let lock = lock(&dir.join(LOCK))?;
        Ok(Self {
            // Another process may have made one meanwhile.
            has_store: has_store(dir)?,
            dir: dir.to_owned(),
            made,
            _lock: lock,
        })
    }

    /// Whether there is a store.
    pub(super) fn has_store(&self) -> bool {
        self.has_store
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// Makes an empty store. It is there with all its tables, or not at all.
    pub(super) fn create_store(&self, generations: &Generations) -> Result<(), OpenError> {
        let made = make_store(&self.dir, |new| write_empty_store(new, generations));
        if made.is_err() {
            self.leave();
        }
        made
    }

    /// Makes the names of the folder's files durable.
    pub(super) fn sync(&self) -> io::Result<()> {
        File::open(&self.dir)?.sync_all()
    }

    /// Removes the files that were not there before; the store was not accepted.
    pub(super) fn leave(&self) {
        for name in &self.made {
            let path = self.path(name);
            let is_empty = fs::metadata(&path).is_ok_and(|file| file.len() == 0);
            if *name == SHM || is_empty {
                // A file more does no harm.
                let _ = fs::remove_file(path);
            }
        }
    }
}

/// Makes a folder for this user alone, unless it is there.
pub(super) fn make_folder(dir: &Path) -> Result<(), OpenError> {
    match fs::metadata(dir) {
        Ok(found) if found.is_dir() => return Ok(()),
        Ok(_) => return Err(OpenError::NotAFolder),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
            return Err(OpenError::NotAFolder);
        }
        Err(error) => return Err(OpenError::Access(error)),
    }
    let mut builder = DirBuilder::new();
    let made = builder.recursive(true).mode(0o700).create(dir);
    made.map_err(OpenError::Access)?;
    match dir.parent().map(File::open) {
        // The parent of `history` is the empty path.
        Some(Ok(parent)) => parent.sync_all().map_err(OpenError::Access),
        _ => Ok(()),
    }
}

/// Does `make` in a folder, which is made if it is missing. If that fails, no folder is
/// left that was not there before.
pub(super) fn in_folder<T, E: From<OpenError>>(
    dir: &Path,
    make: impl FnOnce() -> Result<T, E>,
) -> Result<T, E> {
    let folders = dir.ancestors().take_while(|folder| !folder.exists());
    let missing: Vec<_> = folders.collect();
    let made = make_folder(dir).map_err(E::from).and_then(|()| make());
    if made.is_err() {
        // One that is not empty stays, with those above it.
        let _ = missing.into_iter().try_for_each(fs::remove_dir);
    }
    made
}

/// Whether there is a store, by the header of its file.
pub(super) fn has_store(dir: &Path) -> Result<bool, OpenError> {
    check_kinds(dir)?;
    let file = match File::open(dir.join(FILE)) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return match dir.join(WAL).exists() {
                true => Err(OpenError::Damaged(format!(
                    "{FILE} is missing, {WAL} is not"
                ))),
                false => Ok(false),
            };
        }
        Err(error) => return Err(OpenError::Access(error)),
    };
    let mut header = Vec::new();
    let read = file.take(HEADER_BYTES as u64).read_to_end(&mut header);
    read.map_err(OpenError::Access)?;
    check_header(&header).map(|()| true)
}

/// The open of a named pipe would wait, and that of a link would make files elsewhere.
fn check_kinds(dir: &Path) -> Result<(), OpenError> {
    for name in [FILE, WAL, SHM, LOCK] {
        match fs::symlink_metadata(dir.join(name)) {
            Ok(found) if found.is_file() => {}
            Ok(_) => return Err(OpenError::NotAFile(name)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(OpenError::Access(error)),
        }
    }
    Ok(())
}

fn check_header(header: &[u8]) -> Result<(), OpenError> {
    if header.len() < HEADER_BYTES {
        return Err(OpenError::Damaged(format!("{FILE} is cut off")));
    }
    let number = |at: usize| {
        let bytes = header[at..at + 4].try_into().unwrap_or_default();
        i32::from_be_bytes(bytes)
    };
    if !header.starts_with(MAGIC) || number(APPLICATION_ID_AT) != APPLICATION_ID {
        return Err(OpenError::Foreign);
    }
    match number(USER_VERSION_AT) {
        FORMAT => Ok(()),
        format if format > FORMAT => Err(OpenError::Newer { format }),
        _ => Err(OpenError::Foreign),
    }
}

/// Makes a file for this user alone, fills it by `write`, which is given its path, and then
/// gives it the name of the store. So a store is whole, or it is not there.
pub(super) fn make_store(
    dir: &Path,
    write: impl FnOnce(&Path) -> Result<(), OpenError>,
) -> Result<(), OpenError> {
    let new = dir.join(NEW);
    let empty = remove(&new).and_then(|()| create(&new));
    let made = empty.map_err(OpenError::Access).and_then(|()| {
        write(&new)?;
        let synced = File::open(&new).and_then(|file| file.sync_all());
        let moved = synced.and_then(|()| fs::rename(&new, dir.join(FILE)));
        let synced = moved.and_then(|()| File::open(dir)?.sync_all());
        synced.map_err(OpenError::Access)
    });
    if made.is_err() {
        // It is removed by the next try.
        let _ = remove(&new);
    }
    made
}

/// Makes an empty file. SQLite gives the files beside it the same permissions.
fn create(path: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    let created = options.write(true).create_new(true).mode(0o600).open(path);
    created.map(drop)
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn lock(path: &Path) -> Result<File, OpenError> {
    let mut options = OpenOptions::new();
    let options = options.write(true).create(true).truncate(false).mode(0o600);
    let file = options.open(path).map_err(OpenError::Access)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse),
        Err(TryLockError::Error(error)) => Err(OpenError::Access(error)),
    }
}

fn write_empty_store(path: &Path, generations: &Generations) -> Result<(), OpenError> {
    fill_store(path, |connection| {
        let state = StateRow {
            generations: generation_rows::write(connection, generations)?,
            run: RunMark {
                is_synced: true,
                is_closed: true,
                boot: None,
            },
            ..StateRow::default()
        };
        Ok(state.write(connection)?)
    })
}

/// Makes the tables of a store in an empty file, and writes to it by `fill`.
pub(super) fn fill_store(
    path: &Path,
    fill: impl FnOnce(&Connection) -> Result<(), OpenError>,
) -> Result<(), OpenError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags)?;
    // It is synced before it gets its name.
    connection.execute_batch("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF")?;
    let transaction = connection.transaction()?;
    schema::create(&transaction)?;
    fill(&transaction)?;
    transaction.commit()?;
    connection.execute_batch("PRAGMA journal_mode = WAL")?;
    let closed = connection.close();
    closed.map_err(|(_, error)| OpenError::Failed(open_error::one_line(&error)))
}

/// The bytes of the store in a folder.
pub(in crate::chat) fn stored_bytes(dir: &Path) -> u64 {
    let bytes = |name| dir.join(name).metadata().map_or(0, |file| file.len());
    bytes(FILE) + bytes(WAL)
}

/// The bytes that are free for this process on the file system of a folder.
pub(in crate::chat) fn free_bytes(dir: &Path) -> io::Result<u64> {
    let found = rustix::fs::statvfs(dir)?;
    Ok(found.f_bavail.saturating_mul(found.f_frsize))
}
