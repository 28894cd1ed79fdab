//! Properties of the address, host and origin checks for any headers.

use std::net::{IpAddr, SocketAddr};

use hyper::header::{HOST, HeaderMap, HeaderValue, ORIGIN};
use hyper::{Request, Uri};

use super::caller::Caller;
use super::host::{check_host, is_allowed};
use super::origin::Origins;
use crate::config::{Access, ForwardedHeader, Origin};

/// The client is the rightmost address that is no trusted proxy's, whatever
/// stands left of it and in the other header. The first byte selects the header
/// and the peer; each line is one of the header's.
pub fn forwarded(bytes: &[u8]) {
    let Some(chain) = Chain::of(bytes) else {
        return;
    };
    let peer = chain.peer.to_canonical();
    let client = chain.client("", "", "");
    assert_eq!(client, client.to_canonical());
    assert_eq!(chain.client("", "", "6.6.6.6, for=6.6.6.6"), client);
    if !is_trusted(peer) {
        assert_eq!(client, peer, "an untrusted address was believed");
        return;
    }
    if !is_trusted(client) {
        let forged = chain.hop("6.6.6.6");
        assert_eq!(
            chain.client(&forged, "", ""),
            client,
            "an untrusted address was believed"
        );
    }
    let appended = chain.client("", &chain.hop("1.2.3.4"), "");
    assert_eq!(
        appended,
        address("1.2.3.4"),
        "an untrusted address was believed"
    );
    if client != peer && chain.hops() < 30 {
        assert_eq!(chain.client("", &chain.hop("10.0.0.2"), ""), client);
    }
}

/// The header of a chain of proxies, or a forged one.
struct Chain<'a> {
    header: ForwardedHeader,
    peer: IpAddr,
    lines: Vec<&'a [u8]>,
}

impl<'a> Chain<'a> {
    fn of(bytes: &'a [u8]) -> Option<Self> {
        let (choice, lines) = bytes.split_first()?;
        let peers = ["10.0.0.1", "::ffff:10.0.0.1", "2001:db8:ff::1", "192.0.2.9"];
        Some(Self {
            header: match choice & 1 {
                0 => ForwardedHeader::XForwardedFor,
                _ => ForwardedHeader::Forwarded,
            },
            peer: address(peers[usize::from(choice >> 1) % peers.len()]),
            lines: lines.split(|&byte| byte == b'\n').collect(),
        })
    }

    /// The client address with one line before the others, one after, and a line
    /// of the header that is not read.
    fn client(&self, before: &str, after: &str, other: &str) -> IpAddr {
        let (read, unread) = match self.header {
            ForwardedHeader::XForwardedFor => ("x-forwarded-for", "forwarded"),
            ForwardedHeader::Forwarded => ("forwarded", "x-forwarded-for"),
        };
        let mut headers = HeaderMap::new();
        let mut add = |name, line: &[u8]| match HeaderValue::from_bytes(line) {
            Ok(value) if !line.is_empty() => drop(headers.append(name, value)),
            _ => {}
        };
        add(unread, other.as_bytes());
        add(read, before.as_bytes());
        self.lines.iter().for_each(|line| add(read, line));
        add(read, after.as_bytes());
        let socket = SocketAddr::new(self.peer, 1);
        Caller::new(socket, socket, None).client(&headers, &self.access())
    }

    fn access(&self) -> Access {
        let trusted = ["10.0.0.0/8", "2001:db8:ff::/48"];
        Access {
            trusted_proxies: trusted.map(|net| net.parse().expect("a network")).to_vec(),
            forwarded_header: self.header,
            ..Access::default()
        }
    }

    /// The entry that a proxy appends for its client `address`.
    fn hop(&self, address: &str) -> String {
        match self.header {
            ForwardedHeader::XForwardedFor => address.to_owned(),
            ForwardedHeader::Forwarded => format!("proto=https;for={address}"),
        }
    }

    /// An upper bound of the hops in it.
    fn hops(&self) -> usize {
        let commas = |line: &&[u8]| line.iter().filter(|&&byte| byte == b',').count();
        self.lines.len() + self.lines.iter().map(commas).sum::<usize>()
    }
}

fn address(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

/// Whether it is in the trusted networks above.
fn is_trusted(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(ip) => ip.octets()[0] == 10,
        IpAddr::V6(ip) => ip.segments()[..3] == [0x2001, 0xdb8, 0xff],
    }
}

/// An accepted `Host` is a host with an optional port. On a loopback listener it
/// is a name of this machine or an allowed one. The first line is the target, the
/// second the header.
pub fn host(bytes: &[u8]) {
    let mut lines = bytes.splitn(2, |&byte| byte == b'\n');
    let (Some(target), Some(host)) = (lines.next(), lines.next()) else {
        return;
    };
    let (Ok(uri), Ok(value)) = (Uri::try_from(target), HeaderValue::from_bytes(host)) else {
        return;
    };
    let mut request = Request::new(());
    *request.uri_mut() = uri;
    request.headers_mut().insert(HOST, value);
    if check_host(&request).is_err() {
        return;
    }
    let text = std::str::from_utf8(host).expect("a host is ASCII");
    let (name, port) = name_and_port(text);
    assert!(
        !name.is_empty() && !name.contains(['@', '/', '?', '#', ' ']),
        "{text}"
    );
    assert!(port.is_empty() || port.parse::<u16>().is_ok(), "{text}");
    let access = Access {
        allowed_hosts: vec!["chat.example".to_owned()],
        ..Access::default()
    };
    let loopback = SocketAddr::new(address("127.0.0.1"), 80);
    if is_allowed(&Caller::new(loopback, loopback, None), &request, &access) {
        assert!(is_known(name), "{text}");
        let named = request.uri().authority().map(|authority| authority.host());
        assert!(named.is_none_or(is_known), "{named:?}");
    }
}

/// Splits at a colon outside of brackets.
fn name_and_port(host: &str) -> (&str, &str) {
    match host.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') => (name, port),
        _ => (host, ""),
    }
}

fn is_known(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let name = name.strip_suffix('.').unwrap_or(&name);
    let bare = name.trim_matches(['[', ']']);
    let is_loopback = bare
        .parse::<IpAddr>()
        .is_ok_and(|ip| ip.to_canonical().is_loopback());
    ["localhost", "chat.example"].contains(&name) || name.ends_with(".localhost") || is_loopback
}

/// A page that may write, read or open a stream has the request's host or an
/// allowed origin, and a response names no other origin. The first line is the
/// `Host`, each other one an `Origin`.
pub fn origin(bytes: &[u8]) {
    let mut lines = bytes.split(|&byte| byte == b'\n');
    let mut headers = HeaderMap::new();
    let names = std::iter::once(HOST).chain(std::iter::repeat(ORIGIN));
    for (name, line) in names.zip(&mut lines) {
        let Ok(value) = HeaderValue::from_bytes(line) else {
            return;
        };
        headers.append(name, value);
    }
    let allowed = Origin::parse("https://app.example").expect("an origin");
    let origins = Origins::new(&Access {
        allowed_origins: vec![allowed.clone()],
        ..Access::default()
    });
    let pages: Vec<&HeaderValue> = headers.get_all(ORIGIN).iter().collect();
    let is_allowed = matches!(pages[..], [page] if page == allowed.as_str());
    let is_own = !pages.is_empty() && pages.iter().all(|page| is_of(page, &headers));
    let may_write = origins.check_write(&headers).is_ok();
    if may_write {
        assert!(pages.is_empty() || is_allowed || is_own, "{headers:?}");
    }
    assert_eq!(origins.check_read(&headers).is_ok(), may_write);
    assert_eq!(origins.check_stream(&headers, || true).is_ok(), may_write);
    let mut answer = HeaderMap::new();
    origins.grant(&headers).apply(&mut answer);
    let named = answer.get("access-control-allow-origin");
    assert_eq!(named.is_some(), is_allowed);
    assert!(named.is_none_or(|named| named == allowed.as_str()));
}

/// Whether origin and host are equal, but for the scheme, case and a default
/// port.
fn is_of(page: &HeaderValue, headers: &HeaderMap) -> bool {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).to_ascii_lowercase();
    let (page, host) = (text(page), headers.get(HOST).map(text).unwrap_or_default());
    let Some((scheme, page)) = page.split_once("://") else {
        return false;
    };
    let page = page.split(['/', '?', '#']).next().unwrap_or(page);
    let own_port = if scheme == "https" { "443" } else { "80" };
    let whole = |host: &str| {
        let (name, port) = name_and_port(host);
        let port = if port.is_empty() { own_port } else { port };
        (name.to_owned(), port.parse::<u16>().ok())
    };
    ["http", "https"].contains(&scheme) && whole(page) == whole(&host)
}
