//! A bounded cache of verified tokens, by SHA-256 of their whole text: a signature
//! of RSA costs as much as publishing does. Expiry is not decided here.
//!
//! Two maps: a new token goes into the young one; when that is full, it becomes the
//! old one, and the old one is dropped. A token that is used moves to the young one.

use std::collections::HashMap;
use std::fmt;
use std::mem;
use std::sync::{Arc, Mutex, PoisonError};

use ring::digest::{SHA256, digest};

use super::token::Token;

/// Most tokens in the cache.
pub(super) const MAX_TOKENS: usize = 4096;
/// Most bytes of their texts. A parsed token with many rooms has up to 10 times the
/// bytes of its text.
pub(super) const MAX_TEXT_BYTES: usize = 4 << 20;

/// Verified tokens.
pub(super) struct TokenCache(Mutex<TokenGenerations>);

/// The place of a token in the cache.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct TokenHash([u8; 32]);

#[derive(Default)]
struct TokenGenerations {
    young: Tokens,
    old: Tokens,
    /// Grows with each change of keys.
    keys: u64,
}

#[derive(Default)]
struct Tokens {
    tokens: HashMap<TokenHash, CachedToken>,
    text_bytes: usize,
}

#[derive(Clone)]
struct CachedToken {
    token: Arc<Token>,
    text_bytes: usize,
}

impl TokenHash {
    pub(super) fn of(token: &str) -> Self {
        let mut hash = [0; 32];
        hash.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
        Self(hash)
    }
}

impl TokenCache {
    pub(super) fn new() -> Self {
        Self(Mutex::default())
    }

    pub(super) fn get(&self, hash: TokenHash) -> Option<Arc<Token>> {
        self.with(|cache| {
            if let Some(found) = cache.young.tokens.get(&hash) {
                return Some(Arc::clone(&found.token));
            }
            let found = cache.old.remove(hash)?;
            let token = Arc::clone(&found.token);
            cache.insert(hash, found);
            Some(token)
        })
    }

    /// Caches a token that was verified with the keys of `generation`. If these have
    /// changed since, nothing is cached.
    pub(super) fn insert(
        &self,
        generation: u64,
        hash: TokenHash,
        token: Arc<Token>,
        text_bytes: usize,
    ) {
        self.with(|cache| {
            if cache.keys == generation {
                cache.insert(hash, CachedToken { token, text_bytes });
            }
        });
    }

    /// Forgets a token, which has expired.
    pub(super) fn remove(&self, hash: TokenHash) {
        self.with(|cache| {
            cache.young.remove(hash);
            cache.old.remove(hash);
        });
    }

    /// Forgets all tokens: the keys are now those of `generation`.
    pub(super) fn clear(&self, generation: u64) {
        let dropped = self.with(|cache| {
            let keys = generation;
            mem::replace(
                cache,
                TokenGenerations {
                    keys,
                    ..TokenGenerations::default()
                },
            )
        });
        // Not under the lock.
        drop(dropped);
    }

    fn with<T>(&self, action: impl FnOnce(&mut TokenGenerations) -> T) -> T {
        action(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl TokenGenerations {
    fn insert(&mut self, hash: TokenHash, token: CachedToken) {
        let is_full = self.young.tokens.len() >= MAX_TOKENS / 2
            || self.young.text_bytes + token.text_bytes > MAX_TEXT_BYTES / 2;
        if is_full {
            self.old = mem::take(&mut self.young);
        }
        self.young.remove(hash);
        self.young.text_bytes += token.text_bytes;
        self.young.tokens.insert(hash, token);
    }
}

impl Tokens {
    fn remove(&mut self, hash: TokenHash) -> Option<CachedToken> {
        let removed = self.tokens.remove(&hash)?;
        self.text_bytes -= removed.text_bytes;
        Some(removed)
    }
}

impl fmt::Debug for TokenCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenCache(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tokens::rights::Rights;

    fn token() -> Arc<Token> {
        Arc::new(Token {
            expires_at: 1,
            name: None,
            subject: None,
            rights: Rights::default(),
            not_before: 0,
            generation: 0,
        })
    }

    fn size(cache: &TokenCache) -> (usize, usize) {
        cache.with(|cache| {
            let maps = [&cache.young, &cache.old];
            for map in maps {
                let tokens = map.tokens.values();
                let bytes = tokens.map(|token| token.text_bytes).sum::<usize>();
                assert_eq!(map.text_bytes, bytes);
            }
            let count = maps.map(|map| map.tokens.len()).iter().sum();
            (count, maps.map(|map| map.text_bytes).iter().sum())
        })
    }

    #[test]
    fn the_cache_is_bounded_by_tokens_and_by_bytes() {
        for (text_bytes, most) in [(1, MAX_TOKENS), (8192, MAX_TEXT_BYTES / 8192)] {
            let cache = TokenCache::new();
            let mut largest = 0;
            for number in 0..3 * most {
                let hash = TokenHash::of(&number.to_string());
                cache.insert(0, hash, token(), text_bytes);
                assert!(cache.get(hash).is_some());
                let (count, bytes) = size(&cache);
                assert!(bytes <= MAX_TEXT_BYTES, "{bytes}");
                largest = largest.max(count);
                if number > most {
                    break;
                }
            }
            assert_eq!(largest, most);
        }
    }

    #[test]
    fn a_token_that_is_used_stays() {
        let cache = TokenCache::new();
        let used = TokenHash::of("used");
        cache.insert(0, used, token(), 1);
        for number in 0..2 * MAX_TOKENS {
            cache.insert(0, TokenHash::of(&number.to_string()), token(), 1);
            if number % 1000 == 0 {
                assert!(cache.get(used).is_some(), "{number}");
            }
        }
        assert!(cache.get(TokenHash::of("0")).is_none());
    }

    #[test]
    fn a_change_of_keys_empties_the_cache_and_refuses_what_is_late() {
        let cache = TokenCache::new();
        let hash = TokenHash::of("a");
        cache.insert(0, hash, token(), 1);
        cache.clear(1);
        assert!(cache.get(hash).is_none());
        cache.insert(0, hash, token(), 1);
        assert!(cache.get(hash).is_none());
        cache.insert(1, hash, token(), 1);
        assert!(cache.get(hash).is_some());
        cache.remove(hash);
        assert!(cache.get(hash).is_none());
        assert_eq!(size(&cache), (0, 0));
    }
}
