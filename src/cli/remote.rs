//! The server that a client's command talks to: its address, the client with its
//! token, and the exit code of each client error.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use clap::Args;

use super::exit::{CommandError, ExitKind};
use super::token_file::{TokenFile, TokenFileFlags};
use super::transport::TransportFlags;
use crate::client::{AccessToken, Client, Error, ServerUrl};
use crate::config::{self, Listen, Scheme};

/// The flags for the server's address and the connection to it.
#[derive(Debug, Args)]
pub(super) struct RemoteFlags {
    /// URL of the server
    #[arg(
        long,
        env = "SSE_CHAT_URL",
        value_name = "URL",
        default_value_t = local_server(std::env::var("SSE_CHAT_LISTEN").ok().as_deref())
    )]
    url: ServerUrl,

    #[command(flatten)]
    transport: TransportFlags,
}

impl RemoteFlags {
    pub(super) fn url(&self) -> &ServerUrl {
        &self.url
    }

    pub(super) fn client(&self) -> Result<Client, CommandError> {
        let options = self.transport.options(&self.url)?;
        Client::with_options(self.url.clone(), &options).map_err(|error| client_error(&error))
    }
}

/// The flags of a command that may need a token.
#[derive(Debug, Args)]
pub(super) struct ClientFlags {
    #[command(flatten)]
    remote: RemoteFlags,

    #[command(flatten)]
    token: TokenFileFlags,
}

impl ClientFlags {
    pub(super) fn connect(self) -> Result<Remote, CommandError> {
        let client = self.remote.client()?;
        client.set_token(self.token.token()?);
        Ok(Remote {
            client,
            token_file: self.token.file(),
        })
    }
}

/// A client, and the file with its token.
#[derive(Debug, Clone)]
pub(super) struct Remote {
    pub(super) client: Client,
    token_file: TokenFile,
}

impl Remote {
    /// Reads the token again. Returns whether it is another one than `used`.
    ///
    /// # Errors
    ///
    /// A line about a file that has no token.
    pub(super) fn renew_token(&self, used: Option<&AccessToken>) -> Result<bool, String> {
        self.token_file.renew(&self.client)?;
        Ok(self.client.token().as_ref() != used)
    }
}

/// The error of a command whose request failed.
pub(super) fn client_error(error: &Error) -> CommandError {
    let hint = match error {
        Error::Untrusted(_) => "; --ca FILE names its root",
        _ => "",
    };
    exit_kind(error).with_message(format_args!("{error}{hint}"))
}

fn exit_kind(error: &Error) -> ExitKind {
    match error {
        Error::Refused(_) => ExitKind::Refused,
        _ => ExitKind::Unreachable,
    }
}

/// The address that a browser on this machine can open: loopback in place of
/// "all addresses".
pub(super) fn reachable(mut address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    address
}

/// The server on this machine whose `SSE_CHAT_LISTEN` is `listen`: inside a
/// container the client sees the server's environment. The URL has an address
/// where one is known, because an image without `/etc/hosts` can't resolve
/// `localhost`. A listener in clear is preferred, since no certificate has the
/// address. An invalid value is ignored here: the server reports it.
fn local_server(listen: Option<&str>) -> ServerUrl {
    let listeners: Vec<Listen> = listen
        .into_iter()
        .flat_map(|all| all.split(','))
        .map_while(|one| one.parse().ok())
        .collect();
    let clear = listeners.iter().find(|one| one.scheme == Scheme::Http);
    let Listen { endpoint, scheme } = clear
        .or(listeners.first())
        .filter(|listen| listen.endpoint.port() != 0)
        .cloned()
        .unwrap_or(config::DEFAULT_LISTEN.into());
    let address = endpoint
        .known_addresses()
        .and_then(|all| all.first().copied());
    let url = match address {
        Some(address) => format!("{scheme}://{}", reachable(address)),
        None => format!("{scheme}://{endpoint}"),
    };
    url.parse().expect("an endpoint makes a URL")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_addresses_are_reached_over_loopback() {
        for (address, url) in [
            ("0.0.0.0:80", "127.0.0.1:80"),
            ("[::]:80", "[::1]:80"),
            ("10.0.0.1:80", "10.0.0.1:80"),
        ] {
            assert_eq!(reachable(address.parse().unwrap()).to_string(), url);
        }
    }

    #[test]
    fn the_default_url_is_that_of_the_server_with_the_same_environment() {
        for (listen, url) in [
            (None, "http://127.0.0.1:8080"),
            (Some("0.0.0.0:9000"), "http://127.0.0.1:9000"),
            (Some("[::]:9000,10.0.0.1:80"), "http://[::1]:9000"),
            (Some("10.0.0.1:80"), "http://10.0.0.1:80"),
            (Some("127.0.0.1:0"), "http://127.0.0.1:8080"),
            (Some(":9000"), "http://127.0.0.1:9000"),
            (Some("localhost:9000"), "http://127.0.0.1:9000"),
            (Some("chat.example:9000"), "http://chat.example:9000"),
            (Some("http://127.0.0.1:9000"), "http://127.0.0.1:9000"),
            (Some("https://chat.example:443"), "https://chat.example:443"),
            (Some("https://:443,:80"), "http://127.0.0.1:80"),
            (Some("nonsense"), "http://127.0.0.1:8080"),
            (Some(""), "http://127.0.0.1:8080"),
        ] {
            assert_eq!(local_server(listen).to_string(), url, "{listen:?}");
        }
    }
}
