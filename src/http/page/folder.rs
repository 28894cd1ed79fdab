//! The operator's own page (`--assets-dir`): a folder that replaces the embedded
//! files. Each request checks whether its file has changed, so that a reload
//! shows an edit.
//!
//! A file is in memory while it is sent, once for all clients of the same
//! version. The operator owns the folder, so links in it are followed. No request
//! path leads out of it.

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

use super::asset_response::{
    AssetResponse, Freshness, VERSION_OF_A_FOLDER, content_type, split_version,
};
use super::encoding::Encoding;
use super::template::{PagePath, fill_in};

/// The largest file: each is sent whole, from memory.
const MAX_FILE_BYTES: u64 = 16 << 20;

/// The folder and the contents that are being sent.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    /// By name. Locked while a file is read, so that concurrent requests read it
    /// once.
    cached: Mutex<HashMap<String, CachedFile>>,
}

/// A version of a file that is, or was, being sent.
#[derive(Debug)]
struct CachedFile {
    version: FileVersion,
    /// Dropped when the last client has received it.
    content: Weak<AssetContent>,
}

/// A file's bytes as they are sent.
#[derive(Debug)]
struct AssetContent {
    tag: String,
    bytes: Vec<u8>,
}

/// Lends a content's bytes to a response body, and keeps the content alive.
#[derive(Debug)]
struct AssetBytes(Arc<AssetContent>);

impl AsRef<[u8]> for AssetBytes {
    fn as_ref(&self) -> &[u8] {
        &self.0.bytes
    }
}

/// Metadata that differs between two versions of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct FileVersion {
    bytes: u64,
    file: (u64, u64),
    modified: (i64, i64),
    changed: (i64, i64),
}

impl FileVersion {
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
    /// If it has no `index.html`.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        std::fs::File::open(path.join("index.html"))?;
        Ok(Self {
            path: path.to_owned(),
            cached: Mutex::default(),
        })
    }

    pub(super) async fn page(&self, at: PagePath) -> io::Result<AssetResponse> {
        let filled_in = |html: Vec<u8>| {
            let html = String::from_utf8(html).map_err(|_| {
                io::Error::new(io::ErrorKind::InvalidData, "index.html is not UTF-8")
            })?;
            Ok(fill_in(&html, at, VERSION_OF_A_FOLDER).into_bytes())
        };
        // No file name begins with a slash.
        let key = format!("/{at:?}");
        let content = self.content(&key, "index.html", filled_in).await?;
        Ok(response("index.html", content))
    }

    /// `path` is `NAME` or `VERSION/NAME`, percent-encoded.
    pub(super) async fn asset(&self, path: &str) -> io::Result<Option<AssetResponse>> {
        let Some(name) = decode(split_version(path).1) else {
            return Ok(None);
        };
        match self.content(&name, &name, Ok).await {
            Ok(content) => Ok(Some(response(&name, content))),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The content of the file `name`, cached under `key`: the cached one if the
    /// file is unchanged, else its bytes as `make` converts them.
    async fn content(
        &self,
        key: &str,
        name: &str,
        make: impl FnOnce(Vec<u8>) -> io::Result<Vec<u8>>,
    ) -> io::Result<Arc<AssetContent>> {
        let path = self.path.join(name);
        let mut cached = self.cached.lock().await;
        let version = FileVersion::of(&servable(&path).await?);
        let known = cached.get(key).filter(|file| file.version == version);
        if let Some(content) = known.and_then(|file| file.content.upgrade()) {
            return Ok(content);
        }
        let bytes = make(fs::read(path).await?)?;
        let content = Arc::new(AssetContent {
            tag: tag(&bytes),
            bytes,
        });
        cached.retain(|_, file| file.content.strong_count() > 0);
        cached.insert(
            key.to_owned(),
            CachedFile {
                version,
                content: Arc::downgrade(&content),
            },
        );
        Ok(content)
    }
}

/// The metadata of a regular file of at most [`MAX_FILE_BYTES`].
async fn servable(path: &Path) -> io::Result<Metadata> {
    let meta = fs::metadata(path).await?;
    if !meta.is_file() {
        return Err(io::ErrorKind::NotFound.into());
    }
    if meta.len() > MAX_FILE_BYTES {
        let why = format!("{} bytes exceed the limit of {MAX_FILE_BYTES}", meta.len());
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, why));
    }
    Ok(meta)
}

/// Whether there is no such file.
fn is_missing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::InvalidFilename
    )
}

/// Decodes a path below the folder. `None` for names that leave the folder or
/// that file systems interpret.
fn decode(path: &str) -> Option<String> {
    let mut parts = Vec::new();
    for segment in path.split('/') {
        let name = percent_decode_str(segment).decode_utf8().ok()?;
        // Hidden files stay private; `.` and `..` are refused with them.
        let is_plain =
            !name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\\', '\0', ':']);
        parts.push(is_plain.then_some(name)?);
    }
    let name = parts.join("/");
    // The page's template is served at the page's own paths only.
    (name != "index.html").then_some(name)
}

/// A hash that is stable while the server runs.
pub(super) fn tag(bytes: &[u8]) -> String {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

fn response(name: &str, content: Arc<AssetContent>) -> AssetResponse {
    AssetResponse {
        content_type: content_type(name),
        tag: content.tag.clone(),
        encoding: Encoding::Identity,
        varies: false,
        freshness: Freshness::Revalidate,
        bytes: Bytes::from_owner(AssetBytes(content)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_path_leads_out_of_the_folder() {
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
            assert_eq!(decode(path), None, "{path}");
        }
        assert_eq!(decode("a/b.js").as_deref(), Some("a/b.js"));
        assert_eq!(decode("%E9%A1%B5.js").as_deref(), Some("页.js"));
    }
}
