//! A page of somebody's own: a folder whose files are served in place of the
//! embedded ones, read anew for each request, so that a reload shows an edit.
//!
//! The folder is its owner's: links in it are followed. No request leads out
//! of it.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use percent_encoding::percent_decode_str;
use tokio::fs;

use super::content_type::content_type;
use super::encoding::Encoding;
use super::marks::{Place, place};
use super::reply::{Keep, Reply};
use super::{VERSION_OF_A_FOLDER, split_version};

/// A file of a page is sent whole, from memory.
const MAX_FILE_BYTES: u64 = 16 << 20;

#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
}

impl Folder {
    /// # Errors
    ///
    /// If there is no page in it.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        std::fs::File::open(path.join("index.html"))?;
        Ok(Self {
            path: path.to_owned(),
        })
    }

    pub(super) async fn page(&self, at: Place) -> io::Result<Reply> {
        let html = String::from_utf8(self.read("index.html").await?)
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "index.html is not UTF-8"))?;
        Ok(reply(
            "index.html",
            place(&html, at, VERSION_OF_A_FOLDER).into_bytes(),
        ))
    }

    /// `path` is `NAME` or `VERSION/NAME`, as it was sent.
    pub(super) async fn asset(&self, path: &str) -> io::Result<Option<Reply>> {
        let Some(name) = decoded(split_version(path).1) else {
            return Ok(None);
        };
        match self.read(&name).await {
            Ok(bytes) => Ok(Some(reply(&name, bytes))),
            Err(error) if is_nothing(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        let path = self.path.join(name);
        let meta = fs::metadata(&path).await?;
        if !meta.is_file() {
            return Err(io::ErrorKind::NotFound.into());
        }
        if meta.len() > MAX_FILE_BYTES {
            let why = format!("{} bytes, where {MAX_FILE_BYTES} are the most", meta.len());
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, why));
        }
        fs::read(path).await
    }
}

/// There is no such file, in one of the ways in which systems say it.
fn is_nothing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::InvalidFilename
    )
}

/// A name below the folder; none that could mean anything else.
fn decoded(path: &str) -> Option<String> {
    let mut parts = Vec::new();
    for segment in path.split('/') {
        let name = percent_decode_str(segment).decode_utf8().ok()?;
        // Hidden files are nobody's business, `.` and `..` among them.
        let is_plain =
            !name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\\', '\0', ':']);
        parts.push(is_plain.then_some(name)?);
    }
    let name = parts.join("/");
    // The page has marks to be filled in, and an address of its own.
    (name != "index.html").then_some(name)
}

/// A hash that is the same for the same bytes, as long as the server runs.
pub(super) fn tag(bytes: &[u8]) -> String {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

fn reply(name: &str, bytes: Vec<u8>) -> Reply {
    Reply {
        content_type: content_type(name),
        tag: tag(&bytes),
        encoding: Encoding::Identity,
        varies: false,
        keep: Keep::UntilAsked,
        bytes: Bytes::from(bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_leads_out_of_the_folder() {
        for path in [
            "",
            "..",
            ".",
            "../x",
            "a/../x",
            "a//b",
            "/etc/passwd",
            "%2e%2e/x",
            "%2e%2e%2fx",
            "a%2fb",
            "a%5cb",
            "a\\b",
            "a%00",
            ".git/config",
            "a/.hidden",
            "%ff",
            "c:x",
            "index.html",
            "a/",
        ] {
            assert_eq!(decoded(path), None, "{path}");
        }
        assert_eq!(decoded("a/b.js").as_deref(), Some("a/b.js"));
        assert_eq!(decoded("%E9%A1%B5.js").as_deref(), Some("页.js"));
    }
}
