//! The flags of [`TokenSettings`]: keys of tokens, and what is permitted without
//! one.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::config::{Anonymous, JwksLocation, TokenSettings};

/// Keys of tokens and what they must claim.
#[derive(Debug, Args)]
#[command(next_help_heading = "Tokens")]
pub(super) struct TokenFlags {
    /// File with a key of tokens: a secret for HS256, or a public key in PEM; repeat or use commas.
    /// With a key, requests need a token
    ///
    /// A secret is all bytes of the file without a line ending at its end, at least 32. A public
    /// key is of RSA (RS256), P-256 (ES256) or Ed25519 (EdDSA).
    #[arg(
        long,
        env = "SSE_CHAT_TOKEN_KEY",
        value_name = "FILE",
        value_delimiter = ','
    )]
    token_key: Vec<PathBuf>,

    /// File or URL with a JSON Web Key Set of keys of tokens
    ///
    /// Loaded again every 15 minutes, and when a token names an unknown key, at most once a
    /// minute. The last keys stay while it can't be loaded. Use https, unless the network between
    /// is trusted.
    #[arg(long, env = "SSE_CHAT_JWKS", value_name = "FILE|URL")]
    jwks: Option<JwksLocation>,

    /// Issuer (iss) that a token must have
    #[arg(long, env = "SSE_CHAT_TOKEN_ISSUER", value_name = "TEXT")]
    token_issuer: Option<String>,

    /// Audience (aud) that a token must have
    #[arg(long, env = "SSE_CHAT_TOKEN_AUDIENCE", value_name = "TEXT")]
    token_audience: Option<String>,

    /// What requests without a token may do [default: none if there is a key]
    #[arg(long, env = "SSE_CHAT_ANONYMOUS", value_name = "RIGHT", value_enum)]
    anonymous: Option<AnonymousRight>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum AnonymousRight {
    /// Nothing
    None,
    /// Read all rooms
    Read,
    /// Read all rooms, and publish messages
    Write,
}

impl From<TokenFlags> for TokenSettings {
    fn from(flags: TokenFlags) -> Self {
        Self {
            keys: flags.token_key,
            jwks: flags.jwks,
            issuer: flags.token_issuer,
            audience: flags.token_audience,
            anonymous: flags.anonymous.map(|right| match right {
                AnonymousRight::None => Anonymous::None,
                AnonymousRight::Read => Anonymous::Read,
                AnonymousRight::Write => Anonymous::Write,
            }),
        }
    }
}
