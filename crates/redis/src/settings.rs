//! What a server has to know of the shared history.

use std::error::Error;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// How the shared history is reached and kept.
#[derive(Clone)]
pub struct Settings {
    /// Where Redis is, with a user and a password if need be, percent-encoded:
    ///
    /// - `redis://user:password@host:port`: a server, or any node of a cluster.
    /// - `redis+cluster://user:password@host:port,host:port`: some nodes of a cluster, any of
    ///   which may be gone. They need not be the ones that have the history.
    /// - `redis+sentinel://user:password@host:port,host:port/name`: Sentinels, and their name of
    ///   the master. The user and the password are the server's; those of the Sentinels follow as
    ///   `?sentinel_user=user&sentinel_password=password`.
    ///
    /// With `rediss` in place of `redis` each connection is encrypted, those to Sentinels
    /// included. `valkey` and `valkeys` are the same.
    pub url: String,
    /// The user of the server, in place of the URL's.
    pub user: Option<String>,
    /// The password of the server, in place of the URL's.
    pub password: Option<String>,
    /// The certificates (PEM) that servers and Sentinels are checked against if connections are
    /// encrypted, in place of the system's.
    pub ca_certificates: Option<Vec<u8>>,
    /// What all keys begin with, in braces.
    pub namespace: Namespace,
    /// The bounds of history.
    pub bounds: Bounds,
    /// The replicas that have to have an entry before its call is answered.
    pub replicas: Option<Replicas>,
    /// Connections over which calls are sent.
    pub connections: usize,
    /// The longest time of a call, and until a frozen server is noticed. With `replicas`, their
    /// time is added.
    pub timeout: Duration,
}

impl Settings {
    /// The longest wait for an answer: a batch of calls may end with one for replicas.
    pub(crate) fn longest_answer(&self) -> Duration {
        let within = self
            .replicas
            .map_or(Duration::ZERO, |replicas| replicas.within);
        self.timeout + within
    }

    /// How long Redis waits for an item. After as long the state of the history is read.
    pub(crate) fn longest_silence(&self) -> Duration {
        let longest = (self.timeout / 4).min(Duration::from_secs(1));
        // 0 would be for ever.
        longest.max(Duration::from_millis(1))
    }
}

/// The bounds of history in Redis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Most entries of a room.
    pub entries: usize,
    /// Most bytes of a room.
    pub bytes: usize,
    /// Most items of the log that carries entries to the nodes. One that falls behind by
    /// more has to load its rooms anew.
    pub log: usize,
    /// Most bytes of the log.
    pub log_bytes: usize,
}

/// The largest number that functions of Redis count exactly.
pub(crate) const MAX_EXACT: u64 = 1 << 53;

impl Bounds {
    /// As arguments of a function.
    pub(crate) fn arguments(self) -> [u64; 4] {
        let bounds = [self.entries, self.bytes, self.log, self.log_bytes];
        bounds.map(|bound| u64::try_from(bound).map_or(MAX_EXACT, |it| it.clamp(1, MAX_EXACT)))
    }
}

/// How many replicas have to have an entry, and how long that may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Replicas {
    /// Their number.
    pub count: u32,
    /// The longest wait.
    pub within: Duration,
}

/// The namespace of a history: 1 to 64 characters of `A-Z a-z 0-9 _ . : -`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Namespace(String);

/// The text is no namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotANamespace;

impl Namespace {
    /// The key of this name. Braces make all keys one hash slot.
    pub(crate) fn key(&self, name: &str) -> String {
        format!("{{{}}}:{name}", self.0)
    }
}

impl FromStr for Namespace {
    type Err = NotANamespace;

    fn from_str(text: &str) -> Result<Self, NotANamespace> {
        let is_valid = |byte: u8| byte.is_ascii_alphanumeric() || b"_.:-".contains(&byte);
        match (1..=64).contains(&text.len()) && text.bytes().all(is_valid) {
            true => Ok(Self(text.to_owned())),
            false => Err(NotANamespace),
        }
    }
}

impl fmt::Display for NotANamespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a namespace is 1 to 64 characters of A-Z a-z 0-9 _ . : -")
    }
}

impl Error for NotANamespace {}

impl fmt::Debug for Settings {
    /// Without what may have a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("namespace", &self.namespace)
            .field("bounds", &self.bounds)
            .field("replicas", &self.replicas)
            .field("connections", &self.connections)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn settings() -> Settings {
        Settings {
            url: "redis://:secret@127.0.0.1".to_owned(),
            user: None,
            password: Some("secret".to_owned()),
            ca_certificates: None,
            namespace: Namespace("a".to_owned()),
            bounds: Bounds {
                entries: 1,
                bytes: 1,
                log: 1,
                log_bytes: 1,
            },
            replicas: None,
            connections: 1,
            timeout: Duration::from_secs(1),
        }
    }

    #[test]
    fn a_namespace_is_in_braces_and_has_none() {
        let namespace: Namespace = "chat-1.eu".parse().unwrap();
        assert_eq!(namespace.key("log"), "{chat-1.eu}:log");
        let long = "x".repeat(65);
        for text in ["", "a{b", "a}b", "a b", "\u{e4}", &long] {
            assert_eq!(text.parse::<Namespace>(), Err(NotANamespace), "{text}");
        }
    }

    #[test]
    fn a_password_is_not_printed() {
        assert!(!format!("{:?}", settings()).contains("secret"));
    }
}
