//! The certificates of a server over time: their files are looked at every minute
//! and at SIGHUP, and loaded again when they have changed. A pair that can't be
//! used leaves the one before in service.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustls::crypto::CryptoProvider;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, interval_at};

use super::certificates::{Certificate, CertificateError};
use super::resolver::CertificateResolver;
use crate::config::TlsPair;

/// How often the files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// The certificates of a server.
#[derive(Debug)]
pub struct Certificates {
    /// A look holds it, so that two looks don't load the same files.
    pairs: Mutex<Vec<WatchedPair>>,
    provider: Arc<CryptoProvider>,
    resolver: Arc<CertificateResolver>,
    loaded: AtomicU64,
    failed: AtomicU64,
}

/// What a look at the files did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reloaded {
    /// The certificates that changed, and are served from now on.
    pub loaded: usize,
    /// Those whose files changed and can't be used; each is in the log.
    pub failed: usize,
}

/// A pair of files with the certificate that was last loaded from it.
#[derive(Debug)]
struct WatchedPair {
    pair: TlsPair,
    certificate: Certificate,
    /// The files when they were last read, in use or not.
    seen: PairStamp,
}

/// What changes with the files of a pair.
type PairStamp = [Option<FileStamp>; 2];

/// What changes with a file: also when it, or a symbolic link to it, is exchanged.
/// `None` if there is no file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct FileStamp {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    /// Of the owner and the permissions, too.
    changed: (i64, i64),
}

impl Certificates {
    /// Loads all pairs.
    pub(super) fn load(
        pairs: &[TlsPair],
        provider: Arc<CryptoProvider>,
    ) -> Result<Self, CertificateError> {
        let pairs: Vec<WatchedPair> = pairs
            .iter()
            .map(|pair| WatchedPair::load(pair, &provider))
            .collect::<Result<_, _>>()?;
        let resolver = CertificateResolver::new(pairs.iter().map(|pair| &pair.certificate));
        Ok(Self {
            pairs: Mutex::new(pairs),
            provider,
            resolver: Arc::new(resolver),
            loaded: AtomicU64::new(0),
            failed: AtomicU64::new(0),
        })
    }

    pub(super) fn resolver(&self) -> &Arc<CertificateResolver> {
        &self.resolver
    }

    /// Looks at all files, and serves what is new in them from the next handshake
    /// on. Open connections stay as they are. It reads files, so it blocks.
    pub fn reload(&self) -> Reloaded {
        let mut reloaded = Reloaded::default();
        let mut pairs = self.lock();
        for watched in pairs.iter_mut() {
            match watched.look(&self.provider) {
                None => {}
                Some(Ok(())) => reloaded.loaded += 1,
                Some(Err(error)) => {
                    tracing::error!("{error}; the present certificate stays");
                    reloaded.failed += 1;
                }
            }
        }
        if reloaded.loaded > 0 {
            self.resolver
                .replace(pairs.iter().map(|pair| &pair.certificate));
        }
        let add = |count: &AtomicU64, more: usize| {
            count.fetch_add(more as u64, Ordering::Relaxed);
        };
        add(&self.loaded, reloaded.loaded);
        add(&self.failed, reloaded.failed);
        reloaded
    }

    /// Looks at the files every minute; never returns.
    pub(crate) async fn keep_reloading(self: Arc<Self>) {
        let mut looks = interval_at(Instant::now() + LOOK_EVERY, LOOK_EVERY);
        loop {
            looks.tick().await;
            let certificates = Arc::clone(&self);
            if let Err(error) = spawn_blocking(move || certificates.reload()).await {
                tracing::error!(%error, "the certificates can't be looked at");
            }
        }
    }

    /// The first name of each certificate that is served, with its end in seconds
    /// since 1970: of two with the same name, the first to end.
    pub(crate) fn not_after(&self) -> BTreeMap<String, u64> {
        let mut ends = BTreeMap::new();
        for WatchedPair { certificate, .. } in self.lock().iter() {
            let end = certificate.not_after_seconds();
            let first = ends.entry(certificate.label.clone()).or_insert(end);
            *first = end.min(*first);
        }
        ends
    }

    /// How often changed files were loaded, and how often they could not be.
    pub(crate) fn reloads(&self) -> [(&'static str, u64); 2] {
        [("loaded", &self.loaded), ("failed", &self.failed)]
            .map(|(outcome, count)| (outcome, count.load(Ordering::Relaxed)))
    }

    fn lock(&self) -> MutexGuard<'_, Vec<WatchedPair>> {
        self.pairs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl WatchedPair {
    fn load(pair: &TlsPair, provider: &CryptoProvider) -> Result<Self, CertificateError> {
        // Before they are read: a change meanwhile is seen at the next look.
        let seen = stamp_of(pair);
        let certificate = Certificate::load(pair, provider)?;
        certificate.log();
        Ok(Self {
            pair: pair.clone(),
            certificate,
            seen,
        })
    }

    /// Loads the files if they are not those that were last read.
    fn look(&mut self, provider: &CryptoProvider) -> Option<Result<(), CertificateError>> {
        let stamp = stamp_of(&self.pair);
        if stamp == self.seen {
            return None;
        }
        self.seen = stamp;
        Some(Certificate::load(&self.pair, provider).map(|certificate| {
            certificate.log();
            self.certificate = certificate;
        }))
    }
}

fn stamp_of(pair: &TlsPair) -> PairStamp {
    [&pair.certificate, &pair.key].map(|path| FileStamp::of(path).ok())
}

impl FileStamp {
    fn of(path: &Path) -> io::Result<Self> {
        let file = fs::metadata(path)?;
        Ok(Self {
            device: file.dev(),
            inode: file.ino(),
            size: file.size(),
            modified: (file.mtime(), file.mtime_nsec()),
            changed: (file.ctime(), file.ctime_nsec()),
        })
    }
}

#[cfg(test)]
mod tests;
