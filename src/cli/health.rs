//! `sse-chat health`: one line and an exit code, for a container's health check.

use std::io::Write as _;
use std::time::Duration;

use clap::Args;

use super::exit::{End, Outcome};
use super::remote::Remote;
use crate::client::Error;

/// How long it may take over all.
const DEADLINE: Duration = Duration::from_secs(3);

const EXAMPLES: &str = "\
Exits with 0 when the server answers ok within 3 s, and with 1 whatever else happens.

Examples:
  sse-chat health                          does the server on this machine live?
  sse-chat health --ready                  and does it want work, or is it shutting down?
  HEALTHCHECK CMD [\"sse-chat\", \"health\"]   in a Dockerfile
";

/// The flags of `sse-chat health`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Health {
    #[command(flatten)]
    remote: Remote,

    /// Ask whether it wants more work: not while it is shutting down
    #[arg(long)]
    ready: bool,
}

impl Health {
    /// Asks once.
    pub(super) async fn run(self) -> Outcome {
        let path = if self.ready { "/readyz" } else { "/healthz" };
        let asked = self.remote.url().to_string() + path;
        let client = self
            .remote
            .client()
            .map_err(|failure| failure.ending_in(End::Failed))?;
        let probe = async {
            match self.ready {
                true => client.readiness().await,
                false => client.health().await,
            }
        };
        match tokio::time::timeout(DEADLINE, probe).await {
            Ok(Ok(())) => {
                // A health check reads the exit code; the line is for people.
                let _ = writeln!(std::io::stdout(), "{asked}: ok");
                Ok(())
            }
            Ok(Err(error @ Error::Refused(_))) => {
                Err(End::Failed.because(format_args!("{asked}: {error}")))
            }
            // The others say where.
            Ok(Err(error)) => Err(End::Failed.because(error)),
            Err(_) => Err(End::Failed.because(format_args!(
                "{asked}: no answer within {} s",
                DEADLINE.as_secs()
            ))),
        }
    }
}
