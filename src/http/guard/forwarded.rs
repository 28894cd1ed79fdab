//! The chain of addresses that proxies write down. Each proxy adds, at the
//! right, whom it was asked by; so only what trusted ones wrote is true, and it
//! is read from the right.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use hyper::header::{FORWARDED, HeaderMap, HeaderName, HeaderValue};

use crate::config::{Access, ForwardedHeader};

pub(super) const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// A chain of more proxies than this is none that anybody has.
const MAX_HOPS: usize = 32;

/// Whom `peer` asks for: the first address from the right that is no trusted
/// proxy's. Where the chain breaks off, or can't be read, it is whoever was
/// found last; but one that can't be read never makes a client of this machine,
/// which is not limited. Nor can a proxy elsewhere have been asked by it: what it
/// calls so is itself.
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

/// What the header is called.
pub(super) fn name_of(header: ForwardedHeader) -> HeaderName {
    match header {
        ForwardedHeader::XForwardedFor => X_FORWARDED_FOR,
        ForwardedHeader::Forwarded => FORWARDED,
    }
}

/// The chain from the right, over all lines of the header; `None` for what is
/// no address.
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
        // As bytes: what the client wrote may be anything, and is not to hide
        // what a proxy wrote behind it.
        let hops = line.as_bytes().rsplit(|&byte| byte == b',');
        hops.map(move |hop| read(std::str::from_utf8(hop).ok()?.trim()))
    })
}

/// The `for` of one element of `Forwarded`: `for=192.0.2.1;proto=http` or
/// `for="[2001:db8::1]:4711"` (RFC 7239, section 4).
///
/// A proxy may quote what its client sent, such as the host. What stands in
/// quotes is never taken for a pair; and since a comma in them has split the
/// element, one in which a quote is not closed can't be read, nor one that
/// escapes something or says two things.
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

/// An address, with a port or without.
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
            // Nobody in front, or nobody who is trusted: it may say what it likes.
            ("192.0.2.9", &[][..], "192.0.2.9"),
            ("192.0.2.9", &["1.2.3.4"], "192.0.2.9"),
            ("10.0.0.1", &[], "10.0.0.1"),
            ("10.0.0.1", &["1.2.3.4"], "1.2.3.4"),
            ("::ffff:10.0.0.1", &["1.2.3.4"], "1.2.3.4"),
            // What stands left of the first stranger is what the stranger said.
            ("10.0.0.1", &["6.6.6.6, 1.2.3.4"], "1.2.3.4"),
            ("10.0.0.1", &["6.6.6.6, 1.2.3.4, 10.0.0.2"], "1.2.3.4"),
            ("10.0.0.1", &["6.6.6.6", "1.2.3.4"], "1.2.3.4"),
            ("10.0.0.1", &["6.6.6.6,1.2.3.4,2001:db8:ff::1"], "1.2.3.4"),
            // All are trusted: the farthest.
            ("10.0.0.1", &["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
            ("10.0.0.1", &["1.2.3.4:5678"], "1.2.3.4"),
            ("10.0.0.1", &["[2001:db8::1]:80"], "2001:db8::1"),
            ("10.0.0.1", &["2001:db8::1"], "2001:db8::1"),
            ("10.0.0.1", &["::ffff:1.2.3.4"], "1.2.3.4"),
            // What can't be read ends the chain.
            ("10.0.0.1", &[""], "10.0.0.1"),
            ("10.0.0.1", &["unknown"], "10.0.0.1"),
            ("10.0.0.1", &["1.2.3.4, garbage"], "10.0.0.1"),
            ("10.0.0.1", &["1.2.3.4, fe80::1%eth0"], "10.0.0.1"),
            ("10.0.0.1", &["1.2.3.4, garbage, 10.0.0.2"], "10.0.0.2"),
            ("10.0.0.1", &["1.2.3.4,"], "10.0.0.1"),
            ("10.0.0.1", &["1.2.3.4\u{e9}"], "10.0.0.1"),
            // Nobody on this machine has asked a proxy on another one.
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
            // What a client says of itself within what its proxy quotes.
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
            // A quote that the client left open hides nothing of its proxy's.
            (&["host=\"a, for=1.2.3.4"], "1.2.3.4"),
        ] {
            assert_eq!(of(lines), found, "{lines:?}");
        }
    }

    #[test]
    fn who_can_t_be_read_is_no_client_of_this_machine() {
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
        // Nobody is in front of whoever says nothing.
        assert_eq!(of("127.0.0.1", &[]), "127.0.0.1");
        assert_eq!(of("127.0.0.1", &["127.0.0.2"]), "127.0.0.2");
    }
}
