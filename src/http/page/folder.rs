//! A page of the operator's own: a folder whose files are served in place of the
//! embedded ones. Each request looks whether its file is still the same, so that
//! a reload shows an edit.
//!
//! A file is in memory while it is sent, once for all clients that take the same
//! version of it. The folder is its owner's: links in it are followed. No
//! request leads out of it.

use std::collections::HashMap;
use std::fs::Metadata;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};

use bytes::Bytes;
use percent_encoding::percent_decode_str;
use tokio::fs;
use tokio::sync::Mutex;

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
    /// What is being sent, by name. Held while a file is read, so that requests
    /// that come at the same time read it once.
    sent: Mutex<HashMap<String, Sent>>,
}

/// One version of a file that is, or was, being sent.
#[derive(Debug)]
struct Sent {
    version: Version,
    /// Gone when the last client has taken it.
    content: Weak<Content>,
}

/// What is sent of a file.
#[derive(Debug)]
struct Content {
    tag: String,
    bytes: Vec<u8>,
}

/// The bytes of a content, which is kept as long as they are.
#[derive(Debug)]
struct Shared(Arc<Content>);

impl AsRef<[u8]> for Shared {
    fn as_ref(&self) -> &[u8] {
        &self.0.bytes
    }
}

/// What changes when a file does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Version {
    bytes: u64,
    file: (u64, u64),
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Version {
    fn of(meta: &Metadata) -> Self {
        Self {
            bytes: meta.len(),
            file: (meta.dev(), meta.ino()),
            modified: (meta.mtime(), meta.mtime_nsec()),
            changed: (meta.ctime(), meta.ctime_nsec()),
        }
    }
}

impl Folder {
    /// # Errors
    ///
    /// If there is no page in it.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        std::fs::File::open(path.join("index.html"))?;
        Ok(Self {
            path: path.to_owned(),
            sent: Mutex::default(),
        })
    }

    pub(super) async fn page(&self, at: Place) -> io::Result<Reply> {
        let placed = |html: Vec<u8>| {
            let html = String::from_utf8(html).map_err(|_| {
                io::Error::new(io::ErrorKind::InvalidData, "index.html is not UTF-8")
            })?;
            Ok(place(&html, at, VERSION_OF_A_FOLDER).into_bytes())
        };
        // No file of the folder has such a name.
        let key = format!("/{at:?}");
        let content = self.content(&key, "index.html", placed).await?;
        Ok(reply("index.html", content))
    }

    /// `path` is `NAME` or `VERSION/NAME`, as it was sent.
    pub(super) async fn asset(&self, path: &str) -> io::Result<Option<Reply>> {
        let Some(name) = decoded(split_version(path).1) else {
            return Ok(None);
        };
        match self.content(&name, &name, Ok).await {
            Ok(content) => Ok(Some(reply(&name, content))),
            Err(error) if is_nothing(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// What is sent of the file `name`: what others are sent under the same
    /// `key`, or else what `make` makes of it.
    async fn content(
        &self,
        key: &str,
        name: &str,
        make: impl FnOnce(Vec<u8>) -> io::Result<Vec<u8>>,
    ) -> io::Result<Arc<Content>> {
        let path = self.path.join(name);
        let mut sent = self.sent.lock().await;
        let version = Version::of(&servable(&path).await?);
        let known = sent.get(key).filter(|sent| sent.version == version);
        if let Some(content) = known.and_then(|sent| sent.content.upgrade()) {
            return Ok(content);
        }
        let bytes = make(fs::read(path).await?)?;
        let content = Arc::new(Content {
            tag: tag(&bytes),
            bytes,
        });
        sent.retain(|_, sent| sent.content.strong_count() > 0);
        sent.insert(
            key.to_owned(),
            Sent {
                version,
                content: Arc::downgrade(&content),
            },
        );
        Ok(content)
    }
}

/// What the system knows of a file that may be sent.
async fn servable(path: &Path) -> io::Result<Metadata> {
    let meta = fs::metadata(path).await?;
    if !meta.is_file() {
        return Err(io::ErrorKind::NotFound.into());
    }
    if meta.len() > MAX_FILE_BYTES {
        let why = format!("{} bytes, where {MAX_FILE_BYTES} are the most", meta.len());
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, why));
    }
    Ok(meta)
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

fn reply(name: &str, content: Arc<Content>) -> Reply {
    Reply {
        content_type: content_type(name),
        tag: content.tag.clone(),
        encoding: Encoding::Identity,
        varies: false,
        keep: Keep::UntilAsked,
        bytes: Bytes::from_owner(Shared(content)),
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
