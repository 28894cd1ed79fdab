//! The chain of client addresses in `X-Forwarded-For` or `Forwarded`. Each proxy
//! appends the address of its own client, so only the entries of trusted proxies
//! count, and the chain is read from the right.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use hyper::header::{FORWARDED, HeaderMap, HeaderName, HeaderValue};

use crate::config::{Access, ForwardedHeader};

pub(super) const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// The most entries that are read; no real chain is longer.
const MAX_HOPS: usize = 32;

/// The client address behind `peer`: the first address from the right that is no
/// trusted proxy's. Where the chain ends or is malformed, it is the last address
/// read. But a malformed chain never makes a client of this machine, which is not
/// limited. Nor does a loopback address that a remote proxy wrote: it means the
/// proxy itself.
pub(super) fn client_address(peer: IpAddr, headers: &HeaderMap, access: &Access) -> IpAddr {
    let mut client = peer;
    for hop in hops(headers, access.forwarded_header).take(MAX_HOPS) {
        if !access.trusts(client) {
            break;
        }
        let is_possible = |before: &IpAddr| client.is_loopback() || !before.is_loopback();
        let Some(before) = hop.map(|hop| hop.to_canonical()).filter(is_possible) else {
            return match client.is_loopback() {
                true => Ipv4Addr::UNSPECIFIED.into(),
                false => client,
            };
        };
        client = before;
    }
    client
}

/// The name of the header.
pub(super) fn name_of(header: ForwardedHeader) -> HeaderName {
    match header {
        ForwardedHeader::XForwardedFor => X_FORWARDED_FOR,
        ForwardedHeader::Forwarded => FORWARDED,
    }
}

/// The chain from the right, over all lines of the header; `None` for an entry
/// that is no address.
fn hops(
    headers: &HeaderMap,
    header: ForwardedHeader,
) -> impl Iterator<Item = Option<IpAddr>> + use<'_> {
    let read: fn(&str) -> Option<IpAddr> = match header {
        ForwardedHeader::XForwardedFor => address_of,
        ForwardedHeader::Forwarded => forwarded_for,
    };
    let lines: Vec<&HeaderValue> = headers.get_all(name_of(header)).iter().collect();
    lines.into_iter().rev().flat_map(move |line| {
        // As bytes: a client's entry may not be UTF-8, and must not hide those of
        // the proxies after it.
        let hops = line.as_bytes().rsplit(|&byte| byte == b',');
        hops.map(move |hop| read(std::str::from_utf8(hop).ok()?.trim()))
    })
}

/// The `for` of one element of `Forwarded`: `for=192.0.2.1;proto=http` or
/// `for="[2001:db8::1]:4711"` (RFC 7239, section 4).
///
/// A proxy may quote client input, such as the host, so quoted text is never read
/// as a pair. A comma within quotes has split the element, so an element with an
/// open quote is malformed, and so is one with an escape or with two `for`s.
fn forwarded_for(element: &str) -> Option<IpAddr> {
    let mut is_quoted = false;
    let mut found = None;
    for pair in element.split(|letter| {
        is_quoted ^= letter == '"';
        letter == ';' && !is_quoted
    }) {
        let (name, value) = pair.split_once('=').unwrap_or_default();
        if name.trim().eq_ignore_ascii_case("for") && found.replace(value.trim()).is_some() {
            return None;
        }
    }
    if is_quoted || element.contains('\\') {
        return None;
    }
    let value = found?;
    let bare = value
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    address_of(bare.unwrap_or(value))
}

/// An address, with or without a port.
fn address_of(text: &str) -> Option<IpAddr> {
    let bare = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(text);
    bare.parse()
        .ok()
        .or_else(|| text.parse::<SocketAddr>().ok().map(|socket| socket.ip()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(peer: &str, header: ForwardedHeader, lines: &[&str]) -> String {
        let access = Access {
            trusted_proxies: vec![
                "10.0.0.0/8".parse().unwrap(),
                "2001:db8:ff::/48".parse().unwrap(),
            ],
            forwarded_header: header,
            ..Access::default()
        };
        let mut headers = HeaderMap::new();
        for line in lines {
            let value = HeaderValue::from_bytes(line.as_bytes()).unwrap();
            let other = match header {
                ForwardedHeader::XForwardedFor => FORWARDED,
                ForwardedHeader::Forwarded => X_FORWARDED_FOR,
            };
            let name = match header {
                ForwardedHeader::XForwardedFor => X_FORWARDED_FOR,
                ForwardedHeader::Forwarded => FORWARDED,
            };
            headers.append(name, value);
            headers.append(other, HeaderValue::from_static("6.6.6.6"));
        }
        client_address(peer.parse().unwrap(), &headers, &access).to_string()
    }

    #[test]
    fn the_chain_is_read_from_the_right_through_trusted_proxies() {
        let of = |peer, lines: &[&str]| client(peer, ForwardedHeader::XForwardedFor, lines);
        for (peer, lines, found) in [
            // No proxy, or an untrusted one, whose header is ignored.
            ("192.0.2.9", &[][..], "192.0.2.9"),
            ("192.0.2.9", &["1.2.3.4"], "192.0.2.9"),
            ("10.0.0.1", &[], "10.0.0.1"),
            ("10.0.0.1", &["1.2.3.4"], "1.2.3.4"),
            ("::ffff:10.0.0.1", &["1.2.3.4"], "1.2.3.4"),
            // The header as the client sent it stands left of the client's address.
            ("10.0.0.1", &["6.6.6.6, 1.2.3.4"], "1.2.3.4"),
            ("10.0.0.1", &["6.6.6.6, 1.2.3.4, 10.0.0.2"], "1.2.3.4"),
            ("10.0.0.1", &["6.6.6.6", "1.2.3.4"], "1.2.3.4"),
            ("10.0.0.1", &["6.6.6.6,1.2.3.4,2001:db8:ff::1"], "1.2.3.4"),
            // Every entry is a trusted proxy: the leftmost.
            ("10.0.0.1", &["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
            ("10.0.0.1", &["1.2.3.4:5678"], "1.2.3.4"),
            ("10.0.0.1", &["[2001:db8::1]:80"], "2001:db8::1"),
            ("10.0.0.1", &["2001:db8::1"], "2001:db8::1"),
            ("10.0.0.1", &["::ffff:1.2.3.4"], "1.2.3.4"),
            // A malformed entry ends the chain.
            ("10.0.0.1", &[""], "10.0.0.1"),
            ("10.0.0.1", &["unknown"], "10.0.0.1"),
            ("10.0.0.1", &["1.2.3.4, garbage"], "10.0.0.1"),
            ("10.0.0.1", &["1.2.3.4, fe80::1%eth0"], "10.0.0.1"),
            ("10.0.0.1", &["1.2.3.4, garbage, 10.0.0.2"], "10.0.0.2"),
            ("10.0.0.1", &["1.2.3.4,"], "10.0.0.1"),
            ("10.0.0.1", &["1.2.3.4\u{e9}"], "10.0.0.1"),
            // A remote proxy has no client on this machine.
            ("10.0.0.1", &["127.0.0.1"], "10.0.0.1"),
            ("10.0.0.1", &["::ffff:127.0.0.1, 10.0.0.2"], "10.0.0.2"),
            ("10.0.0.1", &["1.2.3.4, 127.0.0.1"], "10.0.0.1"),
            ("10.0.0.1", &["\u{e9}, 1.2.3.4"], "1.2.3.4"),
        ] {
            assert_eq!(of(peer, lines), found, "{peer} {lines:?}");
        }
        let long = vec!["10.0.0.2"; 1000].join(",");
        assert_eq!(of("10.0.0.1", &[&long]), "10.0.0.2");
    }

    #[test]
    fn the_standard_header_is_read_in_the_same_way() {
        let of = |lines: &[&str]| client("10.0.0.1", ForwardedHeader::Forwarded, lines);
        for (lines, found) in [
            (&["for=1.2.3.4"][..], "1.2.3.4"),
            (&["proto=http;For=\"1.2.3.4:80\";by=10.0.0.1"], "1.2.3.4"),
            (&["for=\"[2001:db8::1]:4711\""], "2001:db8::1"),
            (&["for=6.6.6.6, for=1.2.3.4, for=10.0.0.2"], "1.2.3.4"),
            (&["for=unknown"], "10.0.0.1"),
            (&["for=_hidden, for=10.0.0.2"], "10.0.0.2"),
            (&["for=\"a,b\""], "10.0.0.1"),
            (&["proto=http"], "10.0.0.1"),
            // A client's input in a string that its proxy quotes.
            (
                &["proto=http;host=\"a;for=6.6.6.6;x\";for=1.2.3.4"],
                "1.2.3.4",
            ),
            (&["for=1.2.3.4;host=\"a;for=6.6.6.6\""], "1.2.3.4"),
            (&["for=1.2.3.4;host=\"a,for=6.6.6.6\""], "10.0.0.1"),
            (&["for=1.2.3.4;host=\"a,for=6.6.6.6;x=\""], "10.0.0.1"),
            (&["for=6.6.6.6\""], "10.0.0.1"),
            (&["for=\"6.6.6.6"], "10.0.0.1"),
            (&["for=6.6.6.6;for=1.2.3.4"], "10.0.0.1"),
            (&["for=1.2.3.4;host=\"a\\\",for=6.6.6.6\""], "10.0.0.1"),
            // A quote that the client left open hides no entry of its proxy.
            (&["host=\"a, for=1.2.3.4"], "1.2.3.4"),
        ] {
            assert_eq!(of(lines), found, "{lines:?}");
        }
    }

    #[test]
    fn a_malformed_chain_is_no_client_of_this_machine() {
        let of = |peer: &str, lines: &[&str]| {
            let access = Access {
                trusted_proxies: vec!["127.0.0.0/8".parse().unwrap()],
                ..Access::default()
            };
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(X_FORWARDED_FOR, line.parse().unwrap());
            }
            client_address(peer.parse().unwrap(), &headers, &access).to_string()
        };
        assert_eq!(of("127.0.0.1", &["unknown"]), "0.0.0.0");
        assert_eq!(of("127.0.0.1", &["x, 127.0.0.2"]), "0.0.0.0");
        // Without the header the peer itself is the client.
        assert_eq!(of("127.0.0.1", &[]), "127.0.0.1");
        assert_eq!(of("127.0.0.1", &["127.0.0.2"]), "127.0.0.2");
    }
}
