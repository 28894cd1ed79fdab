//! The server that a command talks to: its flag, and what its answers mean for
//! the exit code.

use clap::Args;

use super::exit::{End, Failure};
use super::serve::reachable;
use crate::client::{Client, Error, ServerUrl};
use crate::config::{self, Endpoint};

/// Where the server is.
#[derive(Debug, Args)]
pub(super) struct Remote {
    /// Where the server is
    #[arg(
        long,
        env = "SSE_CHAT_URL",
        value_name = "URL",
        default_value_t = local_server(std::env::var("SSE_CHAT_LISTEN").ok().as_deref())
    )]
    url: ServerUrl,
}

/// The server that `listen`, its own variable, starts on this machine: in a
/// container both see the same environment. The address needs no resolver, which
/// an image without `/etc/hosts` does not have. The server reports what can't be
/// understood.
fn local_server(listen: Option<&str>) -> ServerUrl {
    let first = listen.and_then(|endpoints| endpoints.split(',').next()?.parse::<Endpoint>().ok());
    let endpoint = first
        .filter(|endpoint| endpoint.port() != 0)
        .unwrap_or(Endpoint::Address(config::DEFAULT_LISTEN));
    let address = endpoint
        .known_addresses()
        .and_then(|all| all.first().copied());
    let url = match address {
        Some(address) => format!("http://{}", reachable(address)),
        None => format!("http://{endpoint}"),
    };
    url.parse().expect("an endpoint makes a URL")
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_url_it_is_the_server_that_the_environment_starts() {
        for (listen, url) in [
            (None, "http://127.0.0.1:8080"),
            (Some("0.0.0.0:9000"), "http://127.0.0.1:9000"),
            (Some("[::]:9000,10.0.0.1:80"), "http://[::1]:9000"),
            (Some("10.0.0.1:80"), "http://10.0.0.1:80"),
            (Some("127.0.0.1:0"), "http://127.0.0.1:8080"),
            (Some(":9000"), "http://127.0.0.1:9000"),
            (Some("localhost:9000"), "http://127.0.0.1:9000"),
            (Some("chat.example:9000"), "http://chat.example:9000"),
            (Some("nonsense"), "http://127.0.0.1:8080"),
            (Some(""), "http://127.0.0.1:8080"),
        ] {
            assert_eq!(local_server(listen).to_string(), url, "{listen:?}");
        }
    }
}
