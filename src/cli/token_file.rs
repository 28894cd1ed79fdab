//! The token that a client's command sends: from a file, or from `SSE_CHAT_TOKEN`.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use clap::Args;

use super::exit::{CommandError, ExitKind};
use crate::client::{AccessToken, Client, Error, InvalidAccessToken};

/// The variable with a token. It is no argument's: arguments and their values are
/// shown in help and in the list of processes.
const TOKEN_VARIABLE: &str = "SSE_CHAT_TOKEN";
/// The most bytes of a token that are read; a server accepts fewer.
const MAX_TOKEN_BYTES: u64 = 64 << 10;

/// The flag for the token.
#[derive(Debug, Args)]
pub(super) struct TokenFileFlags {
    /// File with the token to send; send and tail read it again when the token expires. Without
    /// it the token is the value of SSE_CHAT_TOKEN, if that is set
    #[arg(long, env = "SSE_CHAT_TOKEN_FILE", value_name = "FILE")]
    token_file: Option<PathBuf>,
}

/// Where the present token of a client was read, and a later one may be.
#[derive(Debug, Clone)]
pub(super) struct TokenFile(Option<PathBuf>);

impl TokenFileFlags {
    /// The token; `None` if there is neither a file nor a variable with one.
    pub(super) fn token(&self) -> Result<Option<AccessToken>, CommandError> {
        if let Some(path) = &self.token_file {
            return read(path)
                .map(Some)
                .map_err(|why| ExitKind::Usage.with_message(format_args!("--token-file: {why}")));
        }
        let Some(token) = std::env::var_os(TOKEN_VARIABLE) else {
            return Ok(None);
        };
        let token = token.to_string_lossy();
        if token.trim().is_empty() {
            return Ok(None);
        }
        token
            .parse()
            .map(Some)
            .map_err(|why| ExitKind::Usage.with_message(format_args!("{TOKEN_VARIABLE}: {why}")))
    }

    /// The file, for a token that expires.
    pub(super) fn file(self) -> TokenFile {
        TokenFile(self.token_file)
    }
}

impl TokenFile {
    /// Reads the file again, for `client`.
    ///
    /// # Errors
    ///
    /// A line about a file that has no token.
    pub(super) fn renew(&self, client: &Client) -> Result<(), String> {
        // A pipe has nothing more, or blocks.
        if let Some(path) = self.0.as_ref().filter(|path| path.is_file()) {
            client.set_token(Some(read(path)?));
        }
        Ok(())
    }
}

/// Whether another token may be accepted instead.
pub(super) fn is_token_refused(error: &Error) -> bool {
    matches!(error, Error::Refused(refusal) if refusal.status == 401)
}

fn read(path: &Path) -> Result<AccessToken, String> {
    let name = path.display();
    let text = read_text(path).map_err(|error| format!("{name}: {error}"))?;
    text.parse()
        .map_err(|error: InvalidAccessToken| format!("{name}: {error}"))
}

fn read_text(path: &Path) -> io::Result<String> {
    let mut text = Vec::new();
    File::open(path)?
        .take(MAX_TOKEN_BYTES)
        .read_to_end(&mut text)?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}
