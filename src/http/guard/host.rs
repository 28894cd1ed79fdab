//! The host of a request, and whether it names this server.

use hyper::header::{HOST, HeaderValue};
use hyper::http::request;
use hyper::http::uri::Authority;
use hyper::{Request, Version};

use super::caller::Caller;
use crate::config::Access;

/// The Host is missing, repeated or malformed. The text states which.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct InvalidHost(pub(in super::super) &'static str);

/// Makes `:authority` the Host, which clients of HTTP/2 leave out (RFC 9113, section
/// 8.3.1).
pub(in super::super) fn adopt_authority(head: &mut request::Parts) {
    let authority = head.uri.authority().map(Authority::as_str);
    if head.version == Version::HTTP_2
        && !head.headers.contains_key(HOST)
        && let Some(Ok(host)) = authority.map(HeaderValue::from_str)
    {
        head.headers.insert(HOST, host);
    }
}

/// HTTP/1.1 has exactly one Host, and it is a host (RFC 9112, section 3.2).
pub(in super::super) fn check_host<B>(request: &Request<B>) -> Result<(), InvalidHost> {
    let mut hosts = request.headers().get_all(HOST).iter();
    let wrong = |detail: &'static str| Err(InvalidHost(detail));
    match (hosts.next(), hosts.next()) {
        (None, _) if request.version() == Version::HTTP_10 => Ok(()),
        (None, _) => wrong("the Host header is missing"),
        (Some(_), Some(_)) => wrong("there are two Host headers; send one"),
        (Some(host), None) if is_another(host, request) => {
            wrong("Host and :authority name different hosts; send one of them")
        }
        (Some(host), None) if host_of(host.as_bytes()).is_some() => Ok(()),
        (Some(_), None) => {
            wrong("the Host header is not a host like example.org or 127.0.0.1:8080")
        }
    }
}

/// Whether a request of HTTP/2 has another host in `:authority`. Over HTTP/1.1 the
/// target wins (RFC 9112, section 3.2.2).
fn is_another<B>(host: &HeaderValue, request: &Request<B>) -> bool {
    let authority = request.uri().authority().map(Authority::as_str);
    request.version() == Version::HTTP_2
        && authority.is_some_and(|authority| {
            let host = host.as_bytes();
            !authority.as_bytes().eq_ignore_ascii_case(host)
        })
}

/// Whether the host is a name of this server. By DNS rebinding a page of another
/// site can point its own name at this machine, and a browser takes it for the
/// same origin; only the name differs.
pub(crate) fn is_allowed<B>(caller: &Caller, request: &Request<B>, access: &Access) -> bool {
    if !caller.is_local && access.allowed_hosts.is_empty() {
        return true;
    }
    let is_known = |host: &str| {
        let host = host.to_ascii_lowercase();
        let host = host.strip_suffix('.').unwrap_or(&host);
        let is_own = |host: &str| {
            is_this_machine(host) || access.local_names.iter().any(|name| name == host)
        };
        caller.is_local && is_own(host)
            || access.allowed_hosts.iter().any(|allowed| allowed == host)
    };
    let in_headers = request.headers().get_all(HOST).iter().all(|host| {
        let host = host_of(host.as_bytes());
        host.is_some_and(|host| is_known(host.host()))
    });
    // An absolute target names the host again; both must be allowed.
    let in_target = request.uri().authority().map(Authority::host);
    in_headers && in_target.is_none_or(is_known)
}

fn is_this_machine(host: &str) -> bool {
    let address = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
    host == "localhost"
        || host.ends_with(".localhost")
        || address.is_ok_and(|address| address.to_canonical().is_loopback())
}

/// Parses a host with an optional port.
pub(in super::super) fn host_of(text: &[u8]) -> Option<Authority> {
    let authority = Authority::try_from(text).ok()?;
    let host = authority.host();
    // After the host there may be a colon and a port, which may be empty (RFC
    // 3986, section 3.2.3); before it no user.
    let rest = authority.as_str().strip_prefix(host)?;
    let is_alone = match rest.strip_prefix(':') {
        Some(port) => port.is_empty() || is_port(port),
        None => rest.is_empty(),
    };
    (!host.is_empty() && is_alone).then_some(authority)
}

fn is_port(port: &str) -> bool {
    port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_a_name_with_an_optional_port() {
        for host in ["a", "a:", "a:80", "[::1]", "[::1]:80", "a,b"] {
            assert!(host_of(host.as_bytes()).is_some(), "{host}");
        }
        for host in [
            "", ":80", "a:x", "a:65536", "u@a", "a@a", "[::1]80", "[::1", "a b",
        ] {
            assert!(host_of(host.as_bytes()).is_none(), "{host}");
        }
    }

    #[test]
    fn localhost_and_loopback_addresses_are_this_machine() {
        for host in [
            "localhost",
            "chat.localhost",
            "127.0.0.1",
            "127.9.9.9",
            "[::1]",
        ] {
            assert!(is_this_machine(host), "{host}");
        }
        for host in [
            "evil.example",
            "localhost.evil.example",
            "192.0.2.1",
            "[::2]",
            "",
        ] {
            assert!(!is_this_machine(host), "{host}");
        }
    }

    #[test]
    fn the_name_in_listen_is_accepted_at_loopback_addresses() {
        let access = Access {
            local_names: vec!["chat.test".to_owned()],
            allowed_hosts: vec!["chat.example".to_owned()],
            ..Access::default()
        };
        let allowed = |local: &str, host: &str| {
            let peer = "192.0.2.7:1000".parse().unwrap();
            let caller = Caller::new(peer, local.parse().unwrap(), None);
            let request = Request::builder().header(HOST, host).body(()).unwrap();
            is_allowed(&caller, &request, &access)
        };
        for local in ["127.0.1.1:80", "[::1]:80"] {
            for host in ["chat.test", "Chat.Test.:80", "chat.example", "localhost"] {
                assert!(allowed(local, host), "{local} {host}");
            }
            assert!(!allowed(local, "evil.example"), "{local}");
        }
        // At other addresses --allowed-host alone decides.
        assert!(allowed("192.0.2.1:80", "chat.example"));
        assert!(!allowed("192.0.2.1:80", "chat.test"));
    }
}
