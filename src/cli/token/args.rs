//! The flags of `sse-chat token`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::cli::values::{Time, parse_time};
use crate::config::JwksLocation;
use crate::protocol::UserName;
use crate::tokens::is_room_pattern;

const EXAMPLES: &str = "\
A pattern is a room, a prefix of rooms with * at its end, or * for all rooms.

A token is valid until it expires; nothing withdraws it before but a change of the key.
--inspect exits with 0 if the token is valid as far as it was checked, and with 4 if not.
Give it the token on standard input: arguments are seen by other users of the machine.

Examples:
  (umask 077; sse-chat token --new-key > key)           a secret for --token-key
  sse-chat token --key key --write lobby --name Alice   a token for an hour
  sse-chat token --key key --read '*' --for 30d         one that reads all rooms
  sse-chat token --inspect < token                      what is in it
  sse-chat token --inspect --key key < token            and whether it is valid
";

/// The flags of `sse-chat token`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct TokenArgs {
    /// Key that signs: a secret for HS256, or a private key in PEM. With --inspect, a secret or
    /// public key to check the token with; repeat or use commas
    #[arg(long, value_name = "FILE", value_delimiter = ',', required_unless_present_any = ["inspect", "new_key"])]
    pub(super) key: Vec<PathBuf>,

    #[command(flatten)]
    pub(super) rights: RightFlags,

    /// Only name that may be used with the token
    #[arg(long, value_name = "NAME", value_parser = UserName::parse)]
    pub(super) name: Option<UserName>,

    /// Person or program that the token is for (sub), 1 to 256 bytes
    #[arg(long, value_name = "TEXT", value_parser = parse_sub)]
    pub(super) sub: Option<String>,

    /// Time until it expires
    #[arg(long = "for", value_name = "TIME", value_parser = parse_validity, default_value = "1h")]
    pub(super) valid_for: Time,

    /// Issuer (iss) of the token; with --inspect, the one that it must have
    #[arg(long, value_name = "TEXT")]
    pub(super) issuer: Option<String>,

    /// Audience (aud) of the token; with --inspect, the one that it must have
    #[arg(long, value_name = "TEXT")]
    pub(super) audience: Option<String>,

    /// Show what is in a token; without TOKEN or with - it is read from standard input
    #[arg(long, value_name = "TOKEN", num_args = 0..=1, default_missing_value = "-",
          conflicts_with_all = ["read", "write", "events", "moderate", "name", "sub", "valid_for"])]
    pub(super) inspect: Option<String>,

    /// File or URL with a JSON Web Key Set, to check the token with
    #[arg(long, value_name = "FILE|URL")]
    pub(super) jwks: Option<JwksLocation>,

    /// Print a new secret for --key and for the server's --token-key
    #[arg(long, exclusive = true)]
    pub(super) new_key: bool,
}

/// The rights of a new token.
#[derive(Debug, Args)]
pub(super) struct RightFlags {
    /// Rooms to read; repeat or use commas
    #[arg(long, value_name = "PATTERN", value_delimiter = ',', value_parser = parse_pattern)]
    pub(super) read: Vec<String>,

    /// Rooms to publish messages to, and to read; repeat or use commas
    #[arg(long, value_name = "PATTERN", value_delimiter = ',', value_parser = parse_pattern)]
    pub(super) write: Vec<String>,

    /// Rooms to publish events to; repeat or use commas
    #[arg(long, value_name = "PATTERN", value_delimiter = ',', value_parser = parse_pattern)]
    pub(super) events: Vec<String>,

    /// Rooms in which to delete messages of others; repeat or use commas
    #[arg(long, value_name = "PATTERN", value_delimiter = ',', value_parser = parse_pattern)]
    pub(super) moderate: Vec<String>,
}

fn parse_pattern(text: &str) -> Result<String, String> {
    match is_room_pattern(text) {
        true => Ok(text.to_owned()),
        false => Err("not a room, a prefix of rooms with * at its end, or *".to_owned()),
    }
}

fn parse_sub(text: &str) -> Result<String, String> {
    match (1..=256).contains(&text.len()) {
        true => Ok(text.to_owned()),
        false => Err("must have 1 to 256 bytes".to_owned()),
    }
}

fn parse_validity(text: &str) -> Result<Time, String> {
    let time = parse_time(text)?;
    match time.0 >= Duration::from_secs(1) {
        true => Ok(time),
        false => Err("must be at least 1s".to_owned()),
    }
}
