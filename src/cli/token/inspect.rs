//! Shows what is in a token, and whether it is valid. Its texts are foreign, so
//! that none is printed as it is.

use std::fmt::Write as _;
use std::io::{self, Read as _};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::Timestamp;

use super::args::TokenArgs;
use super::output::print;
use crate::cli::exit::{CommandError, CommandResult, ExitKind};
use crate::cli::key_set;
use crate::cli::terminal::escape_json;
use crate::cli::values::Time;
use crate::config::{JwksLocation, TokenSettings};
use crate::tokens::{
    LOAD_TIMEOUT, MAX_TOKEN_BYTES, Right, Token, TokenError, UnverifiedToken, Verifier,
};

/// Prints header, claims and rights; fails if the token is refused.
pub(super) async fn inspect(mut args: TokenArgs) -> CommandResult {
    let token = match args.inspect.take() {
        Some(token) if token != "-" => token,
        _ => read_token().map_err(|error| ExitKind::Failed.with_message(error))?,
    };
    let has_keys = !args.key.is_empty() || args.jwks.is_some();
    if !has_keys && (args.issuer.is_some() || args.audience.is_some()) {
        return Err(ExitKind::Usage.with_message("--issuer and --audience need --key or --jwks"));
    }
    let refused =
        |error: TokenError| ExitKind::Refused.with_message(format_args!("refused: {error}"));
    let unverified = UnverifiedToken::decode(token.trim()).map_err(refused)?;
    let now = SystemTime::now();
    let claimed = unverified.claimed();
    print(&describe(
        &unverified,
        claimed.as_ref().ok(),
        unix_seconds(now),
    ))?;
    if has_keys {
        let verifier = verifier(args).await?;
        verifier.verify(token.trim(), now).map_err(refused)?;
        return print("valid: its signature is one of the given keys\n");
    }
    claimed
        .and_then(|token| token.check_time(unix_seconds(now)))
        .map_err(refused)?;
    print("not checked: the signature, without --key and --jwks\n")
}

fn read_token() -> io::Result<String> {
    let mut token = String::new();
    // White space around it, and more than is allowed, which refuses it.
    let most = 2 * MAX_TOKEN_BYTES as u64;
    io::stdin().take(most).read_to_string(&mut token)?;
    Ok(token)
}

async fn verifier(args: TokenArgs) -> Result<Verifier, CommandError> {
    let settings = TokenSettings {
        keys: args.key,
        jwks: args.jwks,
        issuer: args.issuer,
        audience: args.audience,
        anonymous: None,
    };
    let verifier = Verifier::new(&settings).map_err(|error| {
        let flag = error.flag.replace("--token-key", "--key");
        ExitKind::Failed.with_message(format_args!("{flag}: {}", error.why))
    })?;
    if let Some(location @ JwksLocation::Url(_)) = &settings.jwks {
        let failed =
            |kind: ExitKind, why: &str| kind.with_message(format_args!("--jwks {location}: {why}"));
        let loaded = tokio::time::timeout(LOAD_TIMEOUT, key_set::load(location.clone())).await;
        let text = loaded
            .map_err(|_| failed(ExitKind::Unreachable, "no answer in time"))?
            .map_err(|why| failed(ExitKind::Unreachable, &why))?;
        verifier
            .set_jwks(&text)
            .map_err(|why| failed(ExitKind::Failed, why))?;
    }
    Ok(verifier)
}

/// The rows of a token; without the last ones if its claims are invalid.
fn describe(unverified: &UnverifiedToken, claimed: Option<&Token>, now: u64) -> String {
    let mut rows = String::new();
    let mut row = |name: &str, value: &str| {
        // Writing to a `String` does not fail.
        let _ = writeln!(rows, "{name:<9} {value}");
    };
    let text = |text: &[u8]| escape_json(&String::from_utf8_lossy(text));
    row("header", &text(&unverified.header));
    row("claims", &text(&unverified.claims));
    let Some(token) = claimed else {
        return rows;
    };
    row("expires", &time(token.expires_at, now));
    if let Some(name) = &token.name {
        row("name", name.as_str());
    }
    if let Some(subject) = &token.subject {
        row("sub", &escape_json(subject.sub()));
    }
    for right in Right::ALL {
        let patterns = token.rights.patterns(right).join(", ");
        let patterns = if patterns.is_empty() {
            "no rooms"
        } else {
            &patterns
        };
        row(right.as_str(), patterns);
    }
    rows
}

fn time(seconds: u64, now: u64) -> String {
    let time = i64::try_from(seconds).ok();
    let time = time.and_then(|seconds| Timestamp::from_second(seconds).ok());
    let time = time.map_or_else(|| seconds.to_string(), |time| time.to_string());
    let far = Time(Duration::from_secs(seconds.abs_diff(now)));
    match now < seconds {
        true => format!("{time}, in {far}"),
        false => format!("{time}, {far} ago"),
    }
}

fn unix_seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH)
        .map_or(0, |time| time.as_secs())
}
