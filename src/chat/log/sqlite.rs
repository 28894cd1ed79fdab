//! The store in a file of SQLite: what history holds, and no more. It takes records and
//! gives them back at the start; of the hub and of time it knows nothing.
//!
//! `store` opens it and writes transactions, `writer` what is in one, `load` reads all,
//! `reader` single entries.

mod backup;
mod ban_rows;
mod bounded;
mod check;
mod checksum;
mod connection;
mod entry_row;
mod export;
mod folder;
mod generation_rows;
mod import;
mod import_lines;
mod load;
mod loading_room;
mod machine;
mod open_error;
mod open_files;
mod reader;
mod reading_lock;
mod room_row;
mod schema;
mod scrub;
mod state_row;
mod store;
mod store_error;
mod stored_rooms;
#[cfg(test)]
mod tests;
mod time;
mod transfer;
mod values;
mod wal_scan;
mod wal_sync;
mod writer;

pub(in crate::chat) use backup::{BackupError, backup};
pub(in crate::chat) use export::export;
pub(in crate::chat) use folder::{free_bytes, stored_bytes};
pub(in crate::chat) use import::import;
pub(in crate::chat) use reader::SqliteReader;
pub(in crate::chat) use store::{SqliteStore, StoreOptions};
pub(in crate::chat) use transfer::TransferError;
