//! `sse-chat health`: one request, one line and an exit code, for a container's
//! health check.

use std::io::Write as _;
use std::time::{Duration, SystemTime};

use clap::Args;
use jiff::Timestamp;

use super::exit::{CommandResult, ExitKind};
use super::remote::{RemoteFlags, client_error};
use crate::client::{Client, Error};

/// The time limit, over all.
const DEADLINE: Duration = Duration::from_secs(3);

/// A certificate that ends within this time should have been renewed: certbot and
/// lego do it 30 days before.
const RENEWAL_IS_LATE: Duration = Duration::from_secs(14 * 86_400);

const EXAMPLES: &str = "\
Exits with 0 if the server answers ok within 3 s, and with 1 otherwise. A certificate that ends
within 14 days is a warning on standard error.

Examples:
  sse-chat health                          is the local server up?
  sse-chat health --ready                  is it up and not shutting down?
  HEALTHCHECK CMD [\"sse-chat\", \"health\"]   in a Dockerfile
";

/// The flags of `sse-chat health`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct HealthArgs {
    #[command(flatten)]
    remote: RemoteFlags,

    /// Also fail while the server is shutting down
    #[arg(long)]
    ready: bool,
}

impl HealthArgs {
    /// Sends one request.
    pub(super) async fn run(self) -> CommandResult {
        let path = if self.ready { "/readyz" } else { "/healthz" };
        let url = self.remote.url().to_string() + path;
        let client = self
            .remote
            .client()
            .map_err(|error| error.with_kind(ExitKind::Failed))?;
        let probe = async {
            match self.ready {
                true => client.readiness().await,
                false => client.health().await,
            }
        };
        match tokio::time::timeout(DEADLINE, probe).await {
            Ok(Ok(())) => {
                // Health checks read the exit code; a failed print changes nothing.
                let _ = writeln!(std::io::stdout(), "{url}: ok");
                if let Some(warning) = certificate_warning(&client, SystemTime::now()) {
                    let _ = writeln!(std::io::stderr(), "sse-chat: {url}: {warning}");
                }
                Ok(())
            }
            Ok(Err(error @ Error::Refused(_))) => {
                Err(ExitKind::Failed.with_message(format_args!("{url}: {error}")))
            }
            // All other errors name the server.
            Ok(Err(error)) => Err(client_error(&error).with_kind(ExitKind::Failed)),
            Err(_) => Err(ExitKind::Failed.with_message(format_args!(
                "{url}: no answer within {} s",
                DEADLINE.as_secs()
            ))),
        }
    }
}

/// A line about the server's certificate, if it ends soon.
fn certificate_warning(client: &Client, now: SystemTime) -> Option<String> {
    let not_after = client.certificate_not_after()?;
    if not_after > now + RENEWAL_IS_LATE {
        return None;
    }
    let time = Timestamp::try_from(not_after).ok()?;
    Some(match not_after > now {
        true => format!("warning: the certificate ends at {time}; renew it"),
        false => format!("warning: the certificate has ended at {time}; renew it"),
    })
}
