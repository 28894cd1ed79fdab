//! A deletion erases the text from the disk, too.

use std::path::{Path, PathBuf};

use crate::ledger::Violation;
use crate::notes::Notes;

/// In no file is a text of what was deleted.
pub(crate) fn check_erased(folder: &Path, notes: &Notes) {
    for file in files(folder) {
        let bytes = std::fs::read(&file).unwrap();
        let mut ledger = notes.ledger();
        for label in labels(&bytes) {
            if ledger.is_deleted(label) {
                let by = file.display().to_string();
                let what = format!("it has the text of {label}, which is deleted");
                ledger.violate(Violation::Invalid { by, what });
            }
        }
    }
}

/// All files in a folder and below it.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => files.extend(self::files(&path)),
            false => files.push(path),
        }
    }
    files
}

/// The client ids of all texts in these bytes: a text is `Ada-12 v0 ...`.
fn labels(bytes: &[u8]) -> impl Iterator<Item = &str> {
    let ends = bytes.windows(2).enumerate();
    let ends = ends
        .filter(|(_, window)| *window == b" v")
        .map(|(at, _)| at);
    ends.filter_map(move |end| {
        let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'-';
        let length = bytes[..end]
            .iter()
            .rev()
            .take_while(|byte| is_part(byte))
            .count();
        std::str::from_utf8(&bytes[end - length..end]).ok()
    })
}
