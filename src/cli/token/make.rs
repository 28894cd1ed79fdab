//! Makes a token. It is decoded again before it is printed, so that the server
//! does not refuse it for its claims or its length.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;

use super::args::{RightFlags, TokenArgs};
use super::output::print;
use crate::cli::exit::{CommandError, CommandResult, ExitKind};
use crate::tokens::{Right, SigningKey, UnverifiedToken};

#[derive(Serialize)]
struct NewClaims<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    iss: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    aud: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sub: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    iat: u64,
    exp: u64,
    rooms: BTreeMap<&'static str, &'a [String]>,
}

/// Prints a token, alone on its line.
pub(super) fn make(args: &TokenArgs) -> CommandResult {
    let [key] = &args.key[..] else {
        return Err(ExitKind::Usage.with_message("--key: a token is signed by one key"));
    };
    // `requires` of clap does not hold beside the flags of rights.
    if args.jwks.is_some() {
        return Err(ExitKind::Usage.with_message("--jwks: only --inspect takes it"));
    }
    let claims = claims(args)?;
    let failed =
        |why: &str| ExitKind::Failed.with_message(format_args!("--key: {}: {why}", key.display()));
    let key = SigningKey::read(key).map_err(|why| failed(&why))?;
    let token = key.sign(&claims).map_err(failed)?;
    UnverifiedToken::decode(&token)
        .and_then(|token| token.claimed())
        .map_err(|error| ExitKind::Failed.with_message(error))?;
    print(&format!("{token}\n"))
}

fn claims(args: &TokenArgs) -> Result<String, CommandError> {
    let rooms = args.rights.claim();
    if rooms.is_empty() {
        return Err(ExitKind::Usage.with_message(
            "no rights: use at least one of --read, --write, --events and --moderate",
        ));
    }
    let iat = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |time| time.as_secs());
    let claims = NewClaims {
        iss: args.issuer.as_deref(),
        aud: args.audience.as_deref(),
        sub: args.sub.as_deref(),
        name: args.name.as_ref().map(|name| name.as_str()),
        iat,
        exp: iat.saturating_add(args.valid_for.0.as_secs()),
        rooms,
    };
    serde_json::to_string(&claims).map_err(|error| ExitKind::Failed.with_message(error))
}

impl RightFlags {
    /// The claim `rooms`: only rights that are given.
    fn claim(&self) -> BTreeMap<&'static str, &[String]> {
        let patterns = |right| match right {
            Right::Read => &self.read[..],
            Right::Write => &self.write,
            Right::Events => &self.events,
            Right::Moderate => &self.moderate,
        };
        let rights = Right::ALL
            .iter()
            .map(|right| (right.as_str(), patterns(*right)));
        rights
            .filter(|(_, patterns)| !patterns.is_empty())
            .collect()
    }
}
