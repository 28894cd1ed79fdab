//! Where the server is: at an address, or where a Sentinel says that it is.

use redis::{
    Client, ConnectionAddr, ConnectionInfo, IntoConnectionInfo as _, ProtocolVersion,
    RedisConnectionInfo, RedisError, TlsCertificates,
};

use crate::connect::ConnectError;
use crate::settings::Settings;

/// The port of a Sentinel, if none is given.
const SENTINEL_PORT: u16 = 26_379;

/// Where the server is.
#[derive(Debug, Clone)]
pub(crate) enum Endpoint {
    /// At this address.
    Server(ConnectionInfo),
    /// Sentinels say where.
    Sentinels {
        /// Their hosts and ports.
        sentinels: Vec<(String, u16)>,
        /// Their name of the master.
        name: String,
        /// The master, at an address that is replaced.
        master: ConnectionInfo,
    },
}

impl Endpoint {
    /// The endpoint of `redis://`, `rediss://`, `valkey://` or `valkeys://`, or of one of these
    /// with `+sentinel`: `redis+sentinel://user:password@host:port,host:port/name`.
    pub(crate) fn of(settings: &Settings) -> Result<Self, ConnectError> {
        let url = settings.url.as_str();
        let Some((scheme, rest)) = url.split_once("+sentinel://") else {
            return Ok(Self::Server(server(url, settings)?));
        };
        let (user, rest) = match rest.rsplit_once('@') {
            Some((user, rest)) => (format!("{user}@"), rest),
            None => (String::new(), rest),
        };
        let missing = || ConnectError::Url("the master's name is missing behind the /".to_owned());
        let (hosts, name) = rest.split_once('/').ok_or_else(missing)?;
        if name.is_empty() {
            return Err(missing());
        }
        let master = server(&format!("{scheme}://{user}localhost"), settings)?;
        let sentinel = |host: &str| {
            let info = server(&format!("redis://{host}"), settings)?;
            match info.addr() {
                ConnectionAddr::Tcp(name, port) => {
                    let is_given = host.ends_with(&format!(":{port}"));
                    Ok((name.clone(), if is_given { *port } else { SENTINEL_PORT }))
                }
                _ => Err(ConnectError::Url(
                    "a Sentinel has a host and a port".to_owned(),
                )),
            }
        };
        Ok(Self::Sentinels {
            sentinels: hosts.split(',').map(sentinel).collect::<Result<_, _>>()?,
            name: name.to_owned(),
            master,
        })
    }
}

/// The server of a URL, with the settings' user, password and certificates.
fn server(url: &str, settings: &Settings) -> Result<ConnectionInfo, ConnectError> {
    let invalid = |error: RedisError| ConnectError::Url(error.to_string());
    let info = url.into_connection_info().map_err(invalid)?;
    // Answers of RESP3 have other shapes.
    let login = info.redis_settings().clone();
    let mut login = login.set_protocol(ProtocolVersion::RESP2);
    if let Some(user) = &settings.user {
        login = login.set_username(user);
    }
    if let Some(password) = &settings.password {
        login = login.set_password(password);
    }
    let info = info.set_redis_settings(login);
    match (&settings.ca_certificates, info.addr()) {
        (Some(certificates), ConnectionAddr::TcpTls { .. }) => {
            let certificates = TlsCertificates {
                client_tls: None,
                root_cert: Some(certificates.clone()),
            };
            let client = Client::build_with_tls(info, certificates).map_err(invalid)?;
            Ok(client.get_connection_info().clone())
        }
        _ => Ok(info),
    }
}

/// The same server at another address. An empty host is the present one.
pub(crate) fn at(info: &ConnectionInfo, new_host: &str, new_port: u16) -> ConnectionInfo {
    let new_host = match (new_host, info.addr()) {
        ("", ConnectionAddr::Tcp(host, _) | ConnectionAddr::TcpTls { host, .. }) => host,
        (host, _) => host,
    };
    let addr = match info.addr().clone() {
        ConnectionAddr::TcpTls {
            insecure,
            tls_params,
            ..
        } => ConnectionAddr::TcpTls {
            host: new_host.to_owned(),
            port: new_port,
            insecure,
            tls_params,
        },
        _ => ConnectionAddr::Tcp(new_host.to_owned(), new_port),
    };
    info.clone().set_addr(addr)
}

/// A Sentinel. It gets no user and no password: those are the server's.
pub(crate) fn sentinel(host: &str, port: u16) -> Result<ConnectionInfo, RedisError> {
    let addr = ConnectionAddr::Tcp(host.to_owned(), port);
    let info = addr.into_connection_info()?;
    Ok(info.set_redis_settings(RedisConnectionInfo::default()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::tests::settings;

    fn endpoint(url: &str) -> Result<Endpoint, String> {
        let settings = Settings {
            url: url.to_owned(),
            password: None,
            ..settings()
        };
        Endpoint::of(&settings).map_err(|error| error.to_string())
    }

    #[test]
    fn sentinels_are_listed_with_the_name_of_the_master() {
        let endpoint = endpoint("rediss+sentinel://ann:pass@one:1,two/chat").unwrap();
        let Endpoint::Sentinels {
            sentinels,
            name,
            master,
        } = endpoint
        else {
            panic!("{endpoint:?}");
        };
        assert_eq!(
            sentinels,
            [("one".to_owned(), 1), ("two".to_owned(), 26_379)]
        );
        assert_eq!(name, "chat");
        assert!(matches!(master.addr(), ConnectionAddr::TcpTls { .. }));
        assert_eq!(master.redis_settings().username(), Some("ann"));
        let moved = at(&master, "three", 3);
        assert!(
            matches!(moved.addr(), ConnectionAddr::TcpTls { host, port: 3, .. } if host == "three")
        );
        assert_eq!(moved.redis_settings().password(), Some("pass"));
    }

    #[test]
    fn a_user_and_a_password_apart_win() {
        let settings = Settings {
            url: "redis://ann:pass@host".to_owned(),
            user: Some("bob".to_owned()),
            password: Some("other".to_owned()),
            ..settings()
        };
        let Ok(Endpoint::Server(info)) = Endpoint::of(&settings) else {
            panic!("it is valid");
        };
        assert_eq!(info.redis_settings().username(), Some("bob"));
        assert_eq!(info.redis_settings().password(), Some("other"));
    }

    #[test]
    fn a_url_of_another_form_is_refused_without_its_password() {
        for url in [
            "",
            "http://:secret@x",
            "redis+sentinel://:secret@one",
            "redis+sentinel://:secret@one/",
            "redis+sentinel://:secret@one:99999/chat",
            "redis://:secret@x:99999",
            "redis://:secret@x/no-number",
        ] {
            let error = endpoint(url).map(drop).unwrap_err();
            assert!(
                error.starts_with("the URL of Redis is not valid: "),
                "{error}"
            );
            assert!(
                !error.contains("secret") && !error.contains('\n'),
                "{error}"
            );
        }
    }
}
