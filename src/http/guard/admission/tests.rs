use std::num::NonZeroU32;

use super::*;

fn admission(change: impl FnOnce(&mut Limits)) -> Arc<Admission> {
    let mut limits = Limits::default();
    change(&mut limits);
    Admission::new(limits)
}

fn address(last: u8) -> IpAddr {
    IpAddr::from([192, 0, 2, last])
}

fn refused(permit: &Result<ConnectionPermit, Refused>) -> Option<Refused> {
    permit.as_ref().unwrap().refused
}

#[test]
fn beyond_the_limit_a_few_connections_get_an_answer_and_others_are_closed() {
    let admission = admission(|limits| limits.max_connections = 2);
    let access = Access::default();
    let connect = |last| admission.connect(address(last), &access);
    let mut here: Vec<_> = (0..2).map(connect).collect();
    assert!(here.iter().all(|permit| refused(permit).is_none()));
    here.extend((0..MAX_REFUSED).map(|last| connect(last as u8 + 2)));
    assert!(
        here[2..]
            .iter()
            .all(|permit| refused(permit) == Some(Refused::Full))
    );
    assert_eq!(connect(99).unwrap_err(), Refused::Full);
    assert_eq!(admission.connections(), 2 + MAX_REFUSED);
    // A freed place goes to the next connection, even while refused connections
    // are still open.
    drop(here.remove(0));
    assert_eq!(refused(&connect(99)), None);
    drop(here);
    assert_eq!(admission.connections(), 0);
    assert!(admission.lock().is_empty());
}

#[test]
fn an_address_has_its_share_of_connections_and_no_more() {
    let admission = admission(|limits| limits.max_connections_per_address = 1);
    let access = Access {
        trusted_proxies: vec!["10.0.0.0/8".parse().unwrap()],
        ..Access::default()
    };
    let connect = |peer: IpAddr| admission.connect(peer, &access);
    let mut here: Vec<_> = (0..=MAX_REFUSED_PER_ADDRESS)
        .map(|_| connect(address(1)))
        .collect();
    assert_eq!(refused(&here[0]), None);
    assert!(
        here[1..]
            .iter()
            .all(|permit| refused(permit) == Some(Refused::Address))
    );
    assert_eq!(connect(address(1)).unwrap_err(), Refused::Address);
    assert_eq!(refused(&connect(address(2))), None);
    // This machine and a trusted proxy have no limit.
    for peer in ["127.0.0.1", "::1", "::ffff:127.0.0.1", "10.0.0.1"] {
        here.extend((0..9).map(|_| connect(peer.parse().unwrap())));
    }
    assert!(here[5..].iter().all(|permit| refused(permit).is_none()));
    drop(here);
    assert!(admission.lock().is_empty());
}

#[test]
fn one_address_takes_only_a_few_of_the_refused_connections() {
    let admission = admission(|limits| limits.max_connections = 1);
    let access = Access::default();
    let connect = |peer: &str| admission.connect(peer.parse().unwrap(), &access);
    let mut here = vec![connect("192.0.2.1").unwrap()];
    for _ in 0..MAX_REFUSED_PER_ADDRESS {
        here.push(connect("192.0.2.1").unwrap());
    }
    assert_eq!(connect("192.0.2.1").unwrap_err(), Refused::Full);
    assert_eq!(refused(&connect("192.0.2.2")), Some(Refused::Full));
    // Some refused connections are reserved for this machine.
    for host in 2..62u8 {
        here.push(connect(&format!("198.51.100.{host}")).unwrap());
    }
    assert!(connect("192.0.2.3").is_err());
    assert_eq!(refused(&connect("127.0.0.1")), Some(Refused::Full));
    drop(here);
    assert!(admission.lock().is_empty());
}

#[test]
fn the_rooms_of_an_address_are_limited_over_its_streams() {
    let admission = admission(|limits| limits.max_rooms_per_address = 100);
    let begin = |rooms| admission.stream(address(1), rooms);
    let most = begin(60).unwrap();
    assert_eq!(begin(41).unwrap_err(), Refused::Address);
    let rest = begin(40).unwrap();
    drop(most);
    assert!(begin(60).is_ok());
    drop(rest);
    assert!(begin(101).is_err());
    assert!(admission.lock().is_empty());
}

#[test]
fn requests_through_proxies_are_limited_like_connections() {
    let admission = admission(|limits| limits.max_connections_per_address = 2);
    let ask = |client: &str| admission.request(client.parse().unwrap());
    let first = ask("192.0.2.1").unwrap();
    let second = ask("192.0.2.1").unwrap();
    assert_eq!(ask("192.0.2.1").unwrap_err(), Refused::Address);
    assert!(ask("192.0.2.2").unwrap().is_some());
    drop(first);
    let third = ask("192.0.2.1").unwrap();
    assert!((0..9).all(|_| ask("127.0.0.1").unwrap().is_none()));
    drop((second, third));
    assert!(admission.lock().is_empty());
}

#[test]
fn streams_are_counted_apart_from_connections() {
    let admission = admission(|limits| limits.max_streams_per_address = 2);
    let begin = |client: &str| admission.stream(client.parse().unwrap(), 1);
    let first = begin("2001:db8::1").unwrap();
    let _second = begin("2001:db8::2").unwrap();
    assert_eq!(begin("2001:db8::3").unwrap_err(), Refused::Address);
    let _third = begin("2001:db8:0:1::1").unwrap();
    drop(first);
    assert!(begin("2001:db8::3").is_ok());
    let unlimited: Vec<_> = (0..9).map(|_| begin("127.0.0.1").unwrap()).collect();
    assert!(unlimited.iter().all(|permit| permit.network.is_none()));
}

/// Limits with a factor of 2 for a /56, and 3 for a /48.
fn nested(change: impl FnOnce(&mut Limits)) -> Arc<Admission> {
    admission(|limits| {
        limits.ipv6_56_factor = NonZeroU32::new(2).unwrap();
        limits.ipv6_48_factor = NonZeroU32::new(3).unwrap();
        change(limits);
    })
}

/// How many of five tries succeed from each of these: an address, two others of
/// its /56, two others of its /48, and one elsewhere.
fn places<P>(mut place: impl FnMut(IpAddr) -> Option<P>) -> (Vec<usize>, Vec<P>) {
    let addresses = [
        "2001:db8:1:2300::1",
        "2001:db8:1:2301::1",
        "2001:db8:1:2302::1",
        "2001:db8:1:4500::1",
        "2001:db8:1:6700::1",
        "2001:db8:2::1",
    ];
    let mut all = Vec::new();
    let counts = addresses.map(|address| {
        let permits = (0..5).map_while(|_| place(address.parse().unwrap()));
        let before = all.len();
        all.extend(permits);
        all.len() - before
    });
    (counts.to_vec(), all)
}

#[test]
fn a_slash_56_and_a_slash_48_have_a_multiple_of_an_address_s_share() {
    let expected = [2, 2, 0, 2, 0, 2];
    let access = Access::default();

    let admission = nested(|limits| limits.max_connections_per_address = 2);
    let connect = |peer| {
        let permit = admission.connect(peer, &access).ok()?;
        permit.refused.is_none().then_some(permit)
    };
    let (connections, permits) = places(connect);
    assert_eq!(connections, expected);
    let (requests, others) = places(|client| admission.request(client).ok());
    assert_eq!(requests, expected);
    drop((permits, others));
    assert!(admission.lock().is_empty());

    let admission = nested(|limits| limits.max_streams_per_address = 2);
    let (streams, permits) = places(|client| admission.stream(client, 1).ok());
    assert_eq!(streams, expected);
    drop(permits);
    let admission = nested(|limits| limits.max_rooms_per_address = 21);
    let (streams, permits) = places(|client| admission.stream(client, 10).ok());
    assert_eq!(streams, expected);
    drop(permits);
    assert!(admission.lock().is_empty());
}

#[test]
fn by_default_one_slash_56_leaves_most_connections_to_others() {
    let admission = Admission::new(Limits::default());
    let access = Access::default();
    let site = 0x2001_0db8_0001_2300_u64;
    let connect = |host: u64| {
        let address = u128::from(site + host % 256) << 64;
        admission.connect(IpAddr::from(address.to_be_bytes()), &access)
    };
    let permits: Vec<_> = (0..10_000).filter_map(|host| connect(host).ok()).collect();
    let served = permits.iter().filter(|permit| permit.refused.is_none());
    assert_eq!(served.count(), 800);
    assert!(admission.connections() <= 816);
}

#[test]
fn an_address_of_a_full_slash_56_charges_nothing_to_its_slash_48() {
    let admission = nested(|limits| limits.max_streams_per_address = 1);
    let begin = |client: &str| admission.stream(client.parse().unwrap(), 1);
    let here = [begin("2001:db8:1:2300::1"), begin("2001:db8:1:2301::1")];
    for host in 2..99 {
        assert!(begin(&format!("2001:db8:1:23{host:02x}::1")).is_err());
    }
    assert!(begin("2001:db8:1:4500::1").is_ok());
    drop(here);
    assert!(admission.lock().is_empty());
}

#[test]
fn all_streams_together_have_a_limit_this_machine_included() {
    let admission = admission(|limits| limits.max_streams = 2);
    let begin = |client: &str| admission.stream(client.parse().unwrap(), 1);
    let first = begin("127.0.0.1").unwrap();
    let second = begin("192.0.2.1").unwrap();
    for client in ["127.0.0.1", "192.0.2.1", "192.0.2.2"] {
        assert_eq!(begin(client).err(), Some(Refused::Full));
    }
    drop((first, second));
    let again = ["192.0.2.1", "192.0.2.2"].map(|client| begin(client).unwrap());
    drop(again);
    assert!(admission.lock().is_empty());
}

#[test]
fn the_rooms_of_a_named_stream_are_counted_for_longer_than_the_stream() {
    let admission = admission(|limits| {
        limits.max_streams_per_address = 1;
        limits.max_rooms_per_address = 3;
    });
    let begin = |rooms| admission.stream(address(1), rooms);
    let mut stream = begin(2).unwrap();
    let rooms = stream.split_rooms();
    drop(stream);
    assert_eq!(begin(2).unwrap_err(), Refused::Address);
    drop(begin(1).unwrap());
    drop(rooms);
    assert!(begin(3).is_ok());
    assert!(admission.lock().is_empty());
}
