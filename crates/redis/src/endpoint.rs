//! Where the server is: at an address, at that of some node of a cluster, or where a Sentinel says
//! that it is.

use redis::{
    Client, ConnectionAddr, ConnectionInfo, ErrorKind, IntoConnectionInfo as _, ProtocolVersion,
    RedisError, TlsCertificates,
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
    /// One of these nodes of a cluster has it, or knows which one has it.
    Cluster(Vec<ConnectionInfo>),
    /// Sentinels say where.
    Sentinels {
        /// The Sentinels, with their own user and password.
        sentinels: Vec<ConnectionInfo>,
        /// Their name of the master.
        name: String,
        /// The master, at an address that is replaced.
        master: ConnectionInfo,
    },
}

impl Endpoint {
    /// The endpoint of a URL as [`Settings::url`] describes it.
    pub(crate) fn of(settings: &Settings) -> Result<Self, ConnectError> {
        let url = settings.url.as_str();
        let parts = url.split_once("://");
        let parts = parts.and_then(|(scheme, rest)| Some((scheme.split_once('+')?, rest)));
        match parts {
            Some(((scheme, "cluster"), rest)) => Self::cluster(scheme, rest, settings),
            Some(((scheme, "sentinel"), rest)) => Self::sentinels(scheme, rest, settings),
            _ => Ok(Self::Server(server(url, settings)?)),
        }
    }

    /// `user:password@host:port,host:port`.
    fn cluster(scheme: &str, rest: &str, settings: &Settings) -> Result<Self, ConnectError> {
        let (login, rest) = split_login(rest);
        let (hosts, path) = rest.split_once('/').unwrap_or((rest, ""));
        let node = |host| server(&format!("{scheme}://{login}{host}/{path}"), settings);
        let nodes = hosts.split(',').map(node).collect::<Result<_, _>>()?;
        Ok(Self::Cluster(nodes))
    }

    /// `user:password@host:port,host:port/name?sentinel_user=user&sentinel_password=password`.
    fn sentinels(scheme: &str, rest: &str, settings: &Settings) -> Result<Self, ConnectError> {
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (login, rest) = split_login(rest);
        let missing = || invalid("the master's name is missing behind the /");
        let (hosts, name) = rest.split_once('/').ok_or_else(missing)?;
        if name.is_empty() {
            return Err(missing());
        }
        let own_login = sentinel_login(query)?;
        let sentinel = |host| sentinel(scheme, &own_login, host, settings);
        Ok(Self::Sentinels {
            sentinels: hosts.split(',').map(sentinel).collect::<Result<_, _>>()?,
            name: name.to_owned(),
            master: server(&format!("{scheme}://{login}localhost"), settings)?,
        })
    }
}

fn invalid(why: &str) -> ConnectError {
    ConnectError::Url(why.to_owned())
}

/// The user and the password with their `@`, if there are any, and what follows them.
fn split_login(rest: &str) -> (&str, &str) {
    rest.split_at(rest.rfind('@').map_or(0, |at| at + 1))
}

/// The user and the password of Sentinels, as they stand before a host.
fn sentinel_login(query: &str) -> Result<String, ConnectError> {
    let (mut user, mut password) = ("", None);
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        match pair.split_once('=') {
            Some((_, value)) if value.contains([':', '/', '?', '#', '@']) => {
                return Err(invalid(
                    "a Sentinel's user and password are percent-encoded",
                ));
            }
            Some(("sentinel_user", value)) => user = value,
            Some(("sentinel_password", value)) => password = Some(value),
            _ => {
                return Err(invalid(
                    "only sentinel_user and sentinel_password may stand behind the ?",
                ));
            }
        }
    }
    let password = password.map_or_else(String::new, |password| format!(":{password}"));
    match user.is_empty() && password.is_empty() {
        true => Ok(String::new()),
        false => Ok(format!("{user}{password}@")),
    }
}

fn sentinel(
    scheme: &str,
    login: &str,
    host: &str,
    settings: &Settings,
) -> Result<ConnectionInfo, ConnectError> {
    let info = address(&format!("{scheme}://{login}{host}"), settings)?;
    let (name, port) = match info.addr() {
        ConnectionAddr::Tcp(host, port) | ConnectionAddr::TcpTls { host, port, .. } => {
            (host.clone(), *port)
        }
        _ => return Err(invalid("a Sentinel has a host and a port")),
    };
    let is_given = host.ends_with(&format!(":{port}"));
    Ok(match is_given {
        true => info,
        false => at(&info, &name, SENTINEL_PORT),
    })
}

/// The server of a URL, with the settings' user, password and certificates.
fn server(url: &str, settings: &Settings) -> Result<ConnectionInfo, ConnectError> {
    let info = address(url, settings)?;
    let mut login = info.redis_settings().clone();
    if let Some(user) = &settings.user {
        login = login.set_username(user);
    }
    if let Some(password) = &settings.password {
        login = login.set_password(password);
    }
    Ok(info.set_redis_settings(login))
}

/// The server or Sentinel of a URL, with the settings' certificates.
fn address(url: &str, settings: &Settings) -> Result<ConnectionInfo, ConnectError> {
    let refused = |error: RedisError| match error.kind() {
        ErrorKind::InvalidClientConfig => {
            invalid("it has another form than redis://127.0.0.1:6379 or rediss://host:port")
        }
        _ => invalid(&error.to_string()),
    };
    let info = url.into_connection_info().map_err(refused)?;
    // Answers of RESP3 have other shapes.
    let login = info.redis_settings().clone();
    let info = info.set_redis_settings(login.set_protocol(ProtocolVersion::RESP2));
    match (&settings.ca_certificates, info.addr()) {
        (Some(certificates), ConnectionAddr::TcpTls { .. }) => {
            let certificates = TlsCertificates {
                client_tls: None,
                root_cert: Some(certificates.clone()),
            };
            let client = Client::build_with_tls(info, certificates).map_err(refused)?;
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

    fn addresses(infos: &[ConnectionInfo]) -> Vec<String> {
        infos.iter().map(|info| info.addr().to_string()).collect()
    }

    #[test]
    fn nodes_of_a_cluster_are_listed_with_one_login() {
        let endpoint = endpoint("rediss+cluster://ann:pass@one:1,two,[::1]:3/").unwrap();
        let Endpoint::Cluster(nodes) = endpoint else {
            panic!("{endpoint:?}");
        };
        assert_eq!(addresses(&nodes), ["one:1", "two:6379", "::1:3"]);
        for node in nodes {
            assert!(matches!(node.addr(), ConnectionAddr::TcpTls { .. }));
            assert_eq!(node.redis_settings().username(), Some("ann"));
            assert_eq!(node.redis_settings().password(), Some("pass"));
        }
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
        assert_eq!(addresses(&sentinels), ["one:1", "two:26379"]);
        for sentinel in sentinels {
            assert!(matches!(sentinel.addr(), ConnectionAddr::TcpTls { .. }));
            assert_eq!(sentinel.redis_settings().username(), None);
            assert_eq!(sentinel.redis_settings().password(), None);
        }
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
    fn a_sentinel_has_its_own_user_and_password() {
        for (query, user, password) in [
            ("sentinel_password=p%40%3A", None, Some("p@:")),
            ("sentinel_user=s&sentinel_password=p", Some("s"), Some("p")),
            ("", None, None),
        ] {
            let url = format!("redis+sentinel://ann:pass@one/chat?{query}");
            let settings = Settings {
                url,
                user: Some("bob".to_owned()),
                ..settings()
            };
            let Ok(Endpoint::Sentinels {
                sentinels, master, ..
            }) = Endpoint::of(&settings)
            else {
                panic!("it is valid");
            };
            let login = sentinels[0].redis_settings();
            assert_eq!((login.username(), login.password()), (user, password));
            assert_eq!(addresses(&sentinels), ["one:26379"]);
            assert_eq!(master.redis_settings().username(), Some("bob"));
        }
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
            "redis+sentinel://one/chat?sentinel_password=secret@two",
            "redis+sentinel://one/chat?sentinel_password=secret/",
            "redis+sentinel://one/chat?sentinel_user=a:secret",
            "redis+sentinel://one/chat?secret",
            "redis+sentinel://one/chat?password=secret",
            "redis+cluster://:secret@",
            "redis+cluster://:secret@one,,two",
            "redis+cluster://:secret@one:99999",
            "redis+other://:secret@one",
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
