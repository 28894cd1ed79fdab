//! Verifies tokens: form, header, signature, claims, in this order. Nothing of a
//! token is used before its signature is right, except which key to try.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{SystemTime, UNIX_EPOCH};

use tokio::time::timeout;

use super::cache::{TokenCache, TokenHash};
use super::claims::ExpectedClaims;
use super::error::TokenError;
use super::header::Header;
use super::jwks::{JwksKey, MAX_JWKS_BYTES, Secrets, parse_jwks};
use super::key::Key;
use super::key_file::{read, read_key};
use super::key_set::KeySet;
use super::parts::{Parts, check_length};
use super::refresh::{LOAD_TIMEOUT, Refresh};
use super::token::Token;
use crate::config::{BadSetting, JwksLocation, TokenSettings};

/// Verifies tokens by the keys of [`TokenSettings`]. Clones share keys and cache.
/// `Debug` shows no keys.
///
/// Verified tokens are cached, at most 4,096, until they expire or a key changes.
#[derive(Clone)]
pub struct Verifier {
    shared: Arc<Shared>,
}

struct Shared {
    settings: TokenSettings,
    expected: ExpectedClaims,
    keys: RwLock<Arc<CurrentKeys>>,
    /// Held while keys change, so that two changes do not lose one.
    changing: Mutex<()>,
    cache: TokenCache,
    refresh: Refresh,
}

struct CurrentKeys {
    set: KeySet,
    generation: u64,
}

impl Verifier {
    /// Reads the keys of files. A key set at a URL is empty until
    /// [`keep_loading_jwks`](Self::keep_loading_jwks) has loaded it.
    ///
    /// # Errors
    ///
    /// The flag whose file can't be read or has no valid key, and why.
    pub fn new(settings: &TokenSettings) -> Result<Self, BadSetting> {
        let set = KeySet {
            files: read_files(settings)?,
            jwks: read_jwks(settings)?,
        };
        Ok(Self::with_keys(settings, set))
    }

    pub(super) fn with_keys(settings: &TokenSettings, set: KeySet) -> Self {
        Self {
            shared: Arc::new(Shared {
                settings: settings.clone(),
                expected: ExpectedClaims::new(settings),
                keys: RwLock::new(Arc::new(CurrentKeys { set, generation: 0 })),
                changing: Mutex::new(()),
                cache: TokenCache::new(),
                refresh: Refresh::new(),
            }),
        }
    }

    /// Verifies a token at a time, without leeway. It does not block.
    ///
    /// # Errors
    ///
    /// [`TokenError`] says why the token is refused.
    pub fn verify(&self, token: &str, now: SystemTime) -> Result<Arc<Token>, TokenError> {
        check_length(token)?;
        let (now, hash) = (unix_seconds(now), TokenHash::of(token));
        if let Some(verified) = self.shared.cache.get(hash) {
            return match verified.check_time(now) {
                Ok(()) => Ok(verified),
                Err(error) => {
                    self.shared.cache.remove(hash);
                    Err(error)
                }
            };
        }
        let keys = self.keys();
        let verified = self.shared.expected.verify(token, &keys.set)?;
        verified.check_time(now)?;
        let verified = Arc::new(Token {
            generation: keys.generation,
            ..verified
        });
        let cached = Arc::clone(&verified);
        self.shared
            .cache
            .insert(keys.generation, hash, cached, token.len());
        Ok(verified)
    }

    /// [`verify`](Self::verify); if the token's key is unknown, it waits for the key
    /// set to be loaded again, where that is due, and tries once more. It waits for
    /// [`LOAD_TIMEOUT`] at most.
    ///
    /// # Errors
    ///
    /// As of `verify`.
    pub async fn verify_with_refresh(
        &self,
        token: &str,
        now: SystemTime,
    ) -> Result<Arc<Token>, TokenError> {
        match self.verify(token, now) {
            Err(TokenError::UnknownKey) if self.shared.refresh.wait().await => {
                self.verify(token, now)
            }
            result => result,
        }
    }

    /// A number that grows with each change of keys. What was verified before is
    /// to be verified again.
    pub fn generation(&self) -> u64 {
        self.keys().generation
    }

    /// Whether a token was verified with the present keys. If not, its text is to be
    /// verified again: its key may have been removed.
    pub fn is_current(&self, token: &Token) -> bool {
        token.generation == self.generation()
    }

    /// Reads the files of `--token-key` again, and blocks while it reads. The task
    /// that keeps loading the key set loads it again as well, soon.
    ///
    /// # Errors
    ///
    /// The first file that can't be used, and why. Then the present keys stay.
    pub fn reload(&self) -> Result<(), BadSetting> {
        self.shared.refresh.force();
        let files = read_files(&self.shared.settings)?;
        self.change_keys(|set| set.files = files);
        Ok(())
    }

    /// Loads the key set now and whenever it is due: for a token with an unknown key
    /// at most once a minute, and every 15 minutes. `load` gets it from where it
    /// is; after [`LOAD_TIMEOUT`] it is dropped. When it fails, the present keys
    /// stay. Without a key set it returns at once, otherwise never.
    pub async fn keep_loading_jwks<L>(&self, load: impl Fn(JwksLocation) -> L)
    where
        L: Future<Output = Result<Vec<u8>, String>>,
    {
        let Some(location) = &self.shared.settings.jwks else {
            return;
        };
        let load = || async {
            let loaded = timeout(LOAD_TIMEOUT, load(location.clone())).await;
            let loaded = loaded.unwrap_or_else(|_| Err("no answer in time".to_owned()));
            match loaded.and_then(|text| self.set_jwks(&text).map_err(str::to_owned)) {
                Ok(()) => true,
                Err(why) => {
                    let keys = self.keys().set.jwks.as_ref().map_or(0, Vec::len);
                    tracing::warn!(keys, "--jwks {location}: {why}; the present keys stay");
                    false
                }
            }
        };
        self.shared.refresh.keep_loading(load).await;
    }

    /// Replaces the key set by a JSON Web Key Set (RFC 7517).
    ///
    /// # Errors
    ///
    /// What is wrong with it. Then the present keys stay.
    pub fn set_jwks(&self, text: &[u8]) -> Result<(), &'static str> {
        let Some(location) = &self.shared.settings.jwks else {
            return Err("there is no --jwks");
        };
        let keys = parse_jwks(text, secrets(location))?;
        self.change_keys(|set| set.jwks = Some(keys));
        Ok(())
    }

    /// The cache is emptied after the keys have changed, so that no token of the
    /// present keys is found in it afterwards.
    fn change_keys(&self, change: impl FnOnce(&mut KeySet)) {
        let _changing = self.shared.changing.lock();
        let keys = self.keys();
        let mut set = keys.set.clone();
        change(&mut set);
        if set.is_same(&keys.set) {
            return;
        }
        let generation = keys.generation + 1;
        let changed = Arc::new(CurrentKeys { set, generation });
        let current = &self.shared.keys;
        *current.write().unwrap_or_else(PoisonError::into_inner) = changed;
        self.shared.cache.clear(generation);
        tracing::info!(generation, "the keys of tokens have changed");
    }

    fn keys(&self) -> Arc<CurrentKeys> {
        let keys = self.shared.keys.read();
        Arc::clone(&keys.unwrap_or_else(PoisonError::into_inner))
    }
}

impl ExpectedClaims {
    fn verify(&self, token: &str, keys: &KeySet) -> Result<Token, TokenError> {
        let parts = Parts::split(token)?;
        let header = Header::parse(&parts.header)?;
        let key = keys.find(&header, parts.message, &parts.signature)?;
        self.parse(&parts.claims, key.id())
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier").finish_non_exhaustive()
    }
}

fn read_files(settings: &TokenSettings) -> Result<Vec<Key>, BadSetting> {
    let keys = settings.keys.iter().map(|path| {
        read_key(path).map_err(|why| BadSetting {
            flag: "--token-key",
            why: why.into(),
        })
    });
    keys.collect()
}

/// The keys of `--jwks FILE`; none yet of a URL.
fn read_jwks(settings: &TokenSettings) -> Result<Option<Vec<JwksKey>>, BadSetting> {
    let path = match &settings.jwks {
        None => return Ok(None),
        Some(JwksLocation::Url(_)) => return Ok(Some(Vec::new())),
        Some(JwksLocation::File(path)) => path,
    };
    let text = read(path, MAX_JWKS_BYTES as u64).map_err(|error| error.to_string());
    let keys = text.and_then(|text| parse_jwks(&text, Secrets::Allowed).map_err(str::to_owned));
    keys.map(Some).map_err(|why| BadSetting {
        flag: "--jwks",
        why: format!("{}: {why}", path.display()).into(),
    })
}

fn secrets(location: &JwksLocation) -> Secrets {
    match location {
        JwksLocation::File(_) => Secrets::Allowed,
        JwksLocation::Url(_) => Secrets::Refused,
    }
}

/// Seconds since 1970, rounded down; 0 for earlier times.
fn unix_seconds(now: SystemTime) -> u64 {
    now.duration_since(UNIX_EPOCH)
        .map_or(0, |time| time.as_secs())
}
