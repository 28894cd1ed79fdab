//! Whether the files of an open store are still in its folder. SQLite and the system go on
//! with files that were removed or replaced, and all that is written to them is lost.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// Files of a folder as they were when the store was opened.
#[derive(Debug)]
pub(super) struct OpenFiles {
    dir: PathBuf,
    files: Vec<(&'static str, FileIdentity)>,
}

/// What no two files have in common at one time.
#[derive(Debug, PartialEq, Eq)]
struct FileIdentity {
    device: u64,
    inode: u64,
}

impl OpenFiles {
    /// The files in `dir` with these names, which are open.
    pub(super) fn find(dir: &Path, names: &[&'static str]) -> io::Result<Self> {
        let files = names
            .iter()
            .map(|name| Ok((*name, FileIdentity::of(&dir.join(name))?)));
        Ok(Self {
            dir: dir.to_owned(),
            files: files.collect::<io::Result<_>>()?,
        })
    }

    /// The name of a file that was removed or replaced. No file is opened: to close it
    /// would drop the locks that SQLite has on it.
    pub(super) fn replaced(&self) -> Option<&'static str> {
        let mut files = self.files.iter();
        let replaced = files.find(|(name, identity)| {
            let found = FileIdentity::of(&self.dir.join(name));
            !found.is_ok_and(|found| found == *identity)
        });
        replaced.map(|(name, _)| *name)
    }
}

impl FileIdentity {
    fn of(path: &Path) -> io::Result<Self> {
        let found = fs::symlink_metadata(path)?;
        Ok(Self {
            device: found.dev(),
            inode: found.ino(),
        })
    }
}
