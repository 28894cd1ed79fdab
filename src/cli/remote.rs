//! The server that a command talks to: its flag, and what its answers mean for
//! the exit code.

use clap::Args;

use super::exit::{End, Failure};
use crate::client::{Client, Error, ServerUrl};

/// Where the server is.
#[derive(Debug, Args)]
pub(super) struct Remote {
    /// Where the server is
    #[arg(
        long,
        env = "SSE_CHAT_URL",
        value_name = "URL",
        default_value = "http://127.0.0.1:8080"
    )]
    url: ServerUrl,
}

impl Remote {
    pub(super) fn url(&self) -> &ServerUrl {
        &self.url
    }

    pub(super) fn client(&self) -> Result<Client, Failure> {
        Client::new(self.url.clone()).map_err(|error| failure(&error))
    }
}

/// How a command ends that got this instead of what it wanted.
pub(super) fn failure(error: &Error) -> Failure {
    end_of(error).because(error)
}

pub(super) fn end_of(error: &Error) -> End {
    match error {
        Error::Refused(_) => End::Refused,
        _ => End::Unreachable,
    }
}
