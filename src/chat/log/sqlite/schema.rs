//! The tables, and the numbers by which the file is known.
//!
//! `state` has one row: what every commit changes. `rooms` are written only when they
//! are new, forgotten, or lost entries: the rest of a room's state is that of its
//! newest entry. So a commit changes two pages, whatever the number of its rooms.
//!
//! The epoch of an entry is that of the generation in which its seq was assigned, so
//! `generations` has it, and not each entry.

use rusqlite::Connection;

/// `SSEC`.
pub(super) const APPLICATION_ID: i32 = 0x5353_4543;
/// The format that this version writes, and the newest that it reads.
pub(super) const FORMAT: i32 = 1;

/// The SQL that makes the table of entries.
pub(super) const ENTRIES: &str = "CREATE TABLE entries (
  seq INTEGER PRIMARY KEY,
  room INTEGER NOT NULL,
  kind INTEGER NOT NULL,        -- 0 message, 1 event of a program, 2 change
  change_of INTEGER,            -- a change: the seq of its message or event
  cost INTEGER NOT NULL,        -- bytes in memory, about
  assigned_at INTEGER NOT NULL, -- milliseconds since 1970
  number INTEGER NOT NULL,      -- of the room's next message before this entry
  counted INTEGER NOT NULL,     -- messages and events of the room before this entry
  deleted INTEGER NOT NULL,
  client_id TEXT,
  request BLOB,                 -- hash
  subject BLOB,                 -- hash
  edit_key BLOB,                -- hash
  address TEXT,
  event TEXT,                   -- an event of a program: its name
  created_at TEXT,              -- an event of a program: when it was published
  state TEXT NOT NULL,          -- JSON, or the payload of an event of a program
  reactions TEXT,               -- JSON: each emoji, owner (hash) and name
  checksum INTEGER NOT NULL
) STRICT";

/// Each table or index and the SQL that makes it.
const TABLES: [(&str, &str); 6] = [
    ("entries", ENTRIES),
    (
        "changes",
        "CREATE UNIQUE INDEX changes ON entries (change_of) WHERE change_of IS NOT NULL",
    ),
    (
        "rooms",
        "CREATE TABLE rooms (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  evicted_through INTEGER NOT NULL,
  number INTEGER NOT NULL,      -- of the room's next message
  counted INTEGER NOT NULL,     -- messages and events of the room so far
  from_start INTEGER NOT NULL,  -- whether these count from the room's first entry
  last_used INTEGER NOT NULL,   -- milliseconds since 1970
  bans INTEGER NOT NULL,
  forgotten INTEGER,            -- the place among the tombstones; 0 if dropped
  checksum INTEGER NOT NULL
) STRICT",
    ),
    (
        "bans",
        "CREATE TABLE bans (
  room INTEGER NOT NULL,
  author BLOB NOT NULL,         -- hash
  message TEXT NOT NULL,
  name TEXT,
  until INTEGER NOT NULL,       -- milliseconds since 1970
  checksum INTEGER NOT NULL,
  PRIMARY KEY (room, author)
) STRICT, WITHOUT ROWID",
    ),
    (
        "generations",
        "CREATE TABLE generations (
  place INTEGER PRIMARY KEY,
  epoch TEXT NOT NULL,
  ended INTEGER,                -- its last seq; NULL of the present one
  checksum INTEGER NOT NULL
) STRICT",
    ),
    (
        "state",
        "CREATE TABLE state (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  seq INTEGER NOT NULL,         -- the newest that was used
  dropped_through INTEGER NOT NULL,
  entries INTEGER NOT NULL,     -- how many are held, and a sum of their seqs
  entries_sum INTEGER NOT NULL,
  rooms INTEGER NOT NULL,       -- the same of the rows of rooms
  rooms_sum INTEGER NOT NULL,
  generations INTEGER NOT NULL,
  synced INTEGER NOT NULL,      -- whether each commit was synced
  closed INTEGER NOT NULL,      -- whether it was closed
  boot TEXT,                    -- the start of the machine on which it was last open
  checksum INTEGER NOT NULL
) STRICT",
    ),
];

/// Makes the tables of an empty file.
pub(super) fn create(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "application_id", APPLICATION_ID)?;
    connection.pragma_update(None, "user_version", FORMAT)?;
    for (_, sql) in TABLES {
        connection.execute_batch(sql)?;
    }
    Ok(())
}

/// The first table that is not there as it was made, if there is one. More tables than
/// these are ignored.
pub(super) fn missing(connection: &Connection) -> rusqlite::Result<Option<&'static str>> {
    let mut find = connection.prepare("SELECT sql FROM sqlite_schema WHERE name = ?1")?;
    for (name, sql) in TABLES {
        let mut rows = find.query([name])?;
        let is_there = match rows.next()? {
            Some(row) => row.get_ref(0)?.as_str().ok() == Some(sql),
            None => false,
        };
        if !is_there {
            return Ok(Some(name));
        }
    }
    Ok(None)
}
