//! Readers over TLS: parked sessions of rustls.

use std::cell::{RefCell, RefMut};
use std::io::{Read as _, Write as _};

use proptest::prelude::*;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::{PrivatePkcs8KeyDer, ServerName};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection,
    SupportedProtocolVersion,
};

use super::super::tls_socket::TlsSocket;
use super::promises::{WireClient, Workers};
use super::wire::Wire;
use super::*;
use crate::promises::{cases, play, proptest_config};
use crate::protocol::Cursor;
use crate::server::tls::MAX_RECORD_BYTES;

const VERSIONS: [&SupportedProtocolVersion; 2] = [&rustls::version::TLS12, &rustls::version::TLS13];
/// The most bytes of a record: its text, its head, and what encryption adds
/// (RFC 8446, section 5.2).
const RECORD_BYTES: usize = MAX_RECORD_BYTES + 5 + 256;
/// The same of the first record of a session.
const FIRST_RECORD_BYTES: usize = 2 * 1024 + 5 + 256;

/// The configurations of a server with a certificate for `localhost`, and of a client
/// that trusts it.
#[derive(Clone)]
struct Configs(Arc<ServerConfig>, Arc<ClientConfig>);

impl Configs {
    fn of(version: &'static SupportedProtocolVersion) -> Self {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let certificate = made.cert.der().clone();
        let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
        let mut roots = RootCertStore::empty();
        roots.add(certificate.clone()).unwrap();
        let provider = Arc::new(default_provider());
        let server = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[version])
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key.into())
            .unwrap();
        let client = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        Self(Arc::new(server), Arc::new(client))
    }

    /// Both ends of a session after its handshake.
    fn session(&self) -> (ServerConnection, ClientConnection) {
        let mut server = ServerConnection::new(Arc::clone(&self.0)).unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let mut client = ClientConnection::new(Arc::clone(&self.1), name).unwrap();
        while server.is_handshaking() || client.is_handshaking() || server.wants_write() {
            let mut wire = Vec::new();
            while client.write_tls(&mut wire).unwrap() > 0 {}
            while !wire.is_empty() {
                let read = server.read_tls(&mut wire.as_slice()).unwrap();
                wire.drain(..read);
                server.process_new_packets().unwrap();
            }
            while server.write_tls(&mut wire).unwrap() > 0 {}
            while !wire.is_empty() {
                let read = client.read_tls(&mut wire.as_slice()).unwrap();
                wire.drain(..read);
                client.process_new_packets().unwrap();
            }
        }
        (server, client)
    }
}

/// A client at the other end of a wire with ciphertext.
struct TlsClient {
    session: ClientConnection,
    wire: Rc<RefCell<Wire>>,
    /// Reads what is decrypted.
    plain: FakeClient,
    /// The server has closed its side of the session.
    is_closed: bool,
}

impl TlsClient {
    /// The text of the whole chunks since the last call.
    fn text(&mut self) -> Vec<u8> {
        let mut taken = std::mem::take(&mut self.wire.borrow_mut().taken);
        while !taken.is_empty() {
            let read = self.session.read_tls(&mut taken.as_slice()).unwrap();
            taken.drain(..read);
            let state = self.session.process_new_packets().unwrap();
            self.is_closed |= state.peer_has_closed();
            let mut plain = vec![0; state.plaintext_bytes_to_read()];
            self.session.reader().read_exact(&mut plain).unwrap();
            self.plain.wire.borrow_mut().taken.extend(plain);
        }
        self.plain.text()
    }

    /// Sends what the session has to send.
    fn send(&mut self) {
        let mut wire = self.wire.borrow_mut();
        while self.session.wants_write() {
            self.session.write_tls(&mut wire.sent).unwrap();
        }
    }
}

type TlsWorker = TestWorker<TlsSocket<FakeSocket>>;

fn add(
    worker: &mut TlsWorker,
    configs: &Configs,
    subscription: Subscription,
) -> (usize, TlsClient) {
    let (server, session) = configs.session();
    let plain = FakeClient::default();
    let wire = Rc::new(RefCell::new(Wire::default()));
    let token = worker.readers.next_token();
    let handoff = handoff_of(&worker.app, subscription);
    let socket = TlsSocket::new(FakeSocket(Rc::clone(&wire)), server);
    worker.add_socket(socket, handoff);
    let client = TlsClient {
        session,
        wire,
        plain,
        is_closed: false,
    };
    (token, client)
}

/// A worker with one live reader of room `a` whose socket takes everything.
fn live(version: &'static SupportedProtocolVersion) -> (TlsWorker, usize, TlsClient) {
    let app = Arc::new(App::new(Config::default()).unwrap());
    let mut worker = TlsWorker::of(&app);
    let subscription = subscribe(&app, &["a"], None);
    let (token, mut client) = add(&mut worker, &Configs::of(version), subscription);
    client.wire.borrow_mut().room = usize::MAX;
    worker.work();
    let hello = String::from_utf8(client.text()).unwrap();
    assert!(hello.contains("event: hello\n"));
    client.wire.borrow_mut().writes = 0;
    (worker, token, client)
}

fn numbers_of(client: &mut TlsClient) -> Vec<usize> {
    numbers(&String::from_utf8(client.text()).unwrap())
}

#[test]
fn ready_events_are_one_record_and_one_write() {
    for version in VERSIONS {
        let (mut worker, _, mut client) = live(version);
        // The first records are small.
        let long = "x".repeat(10_000);
        (1..=2).for_each(|n| publish(&worker.app, "a", &format!("n {n} {long}")));
        worker.work();
        assert_eq!(numbers_of(&mut client), [1, 2]);
        client.wire.borrow_mut().writes = 0;
        (3..=50).for_each(|n| publish(&worker.app, "a", &format!("n {n}")));
        worker.work();
        assert_eq!(client.wire.borrow().writes, 1);
        assert_eq!(records(&client.wire.borrow().taken).len(), 1);
        assert_eq!(numbers_of(&mut client), (3..=50).collect::<Vec<_>>());
    }
}

/// The lengths of the records in `bytes`.
fn records(mut bytes: &[u8]) -> Vec<usize> {
    let mut lengths = Vec::new();
    while let &[_, _, _, high, low, ..] = bytes {
        lengths.push(5 + usize::from(u16::from_be_bytes([high, low])));
        bytes = &bytes[*lengths.last().unwrap()..];
    }
    lengths
}

#[test]
fn a_replay_begins_with_small_records_that_grow_and_needs_no_more_writes() {
    for version in VERSIONS {
        let app = Arc::new(App::new(Config::default()).unwrap());
        let long = "x".repeat(1000);
        (1..=60).for_each(|n| publish(&app, "a", &format!("n {n} {long}")));
        let mut worker = TlsWorker::of(&app);
        let (_, mut client) = add(&mut worker, &Configs::of(version), from_the_start(&app));
        client.wire.borrow_mut().room = usize::MAX;
        worker.work();
        let wire = Rc::clone(&client.wire);
        let lengths = records(&wire.borrow().taken);
        assert!(lengths[0] <= FIRST_RECORD_BYTES, "{lengths:?}");
        let grows = |pair: &[usize]| pair[1] <= 2 * pair[0];
        assert!(lengths[..4].windows(2).all(grows), "{lengths:?}");
        let largest = *lengths.iter().max().unwrap();
        assert!(
            (MAX_RECORD_BYTES..RECORD_BYTES).contains(&largest),
            "{lengths:?}"
        );
        // The first write has four records.
        assert_eq!(wire.borrow().writes + 3, lengths.len());
        assert_eq!(numbers_of(&mut client), (1..=60).collect::<Vec<_>>());
    }
}

#[test]
fn a_reader_that_is_always_cut_within_the_length_of_a_record_gets_everything() {
    let app = Arc::new(App::new(Config::default()).unwrap());
    (1..=200).for_each(|n| publish(&app, "a", &format!("n {n}")));
    let configs = Configs::of(&rustls::version::TLS13);
    let mut worker = TlsWorker::of(&app);
    let (mut seen, mut cursor) = (Vec::new(), None);
    for _ in 0..40 {
        let options = SubscribeOptions {
            backlog: Backlog::All,
            cursor,
            ..SubscribeOptions::to(RoomName::parse("a").unwrap())
        };
        let subscription = app.hub.subscribe(options).unwrap();
        let (token, mut client) = add(&mut worker, &configs, subscription);
        client.wire.borrow_mut().room = 3000;
        worker.work();
        let text = String::from_utf8(client.text()).unwrap();
        seen.extend(numbers(&text));
        let mut id = text.lines().filter_map(|line| line.strip_prefix("id: "));
        cursor = id.next_back().map(|id| Cursor::parse(id.as_bytes()));
        client.wire.borrow_mut().is_closed = true;
        worker.readers.readable(token);
    }
    assert_eq!(seen, (1..=200).collect::<Vec<_>>());
}

#[test]
fn a_session_has_at_most_one_record_that_its_socket_has_not_taken() {
    for version in VERSIONS {
        let (mut worker, token, mut client) = live(version);
        client.wire.borrow_mut().room = 100;
        let long = "x".repeat(3000);
        for n in 1..=40 {
            publish(&worker.app, "a", &format!("n {n} {long}"));
            worker.work();
        }
        assert_eq!(numbers_of(&mut client), [0; 0]);
        client.wire.borrow_mut().room = usize::MAX;
        worker.readers.writable(token);
        worker.work();
        assert_eq!(numbers_of(&mut client), (1..=40).collect::<Vec<_>>());
        let largest = client.wire.borrow().largest;
        assert!(largest <= RECORD_BYTES, "{largest} bytes in one write");
    }
}

#[test]
fn encrypted_bytes_count_as_written_and_are_flushed_before_the_reader_is_live_again() {
    for version in VERSIONS {
        let (mut worker, token, mut client) = live(version);
        client.wire.borrow_mut().room = 10;
        publish(&worker.app, "a", "n 1");
        worker.work();
        assert_eq!(numbers_of(&mut client), [0; 0]);
        for room in [0, 1, 20] {
            client.wire.borrow_mut().room = room;
            worker.readers.writable(token);
            worker.work();
        }
        publish(&worker.app, "a", "n 2");
        worker.work();
        client.wire.borrow_mut().room = usize::MAX;
        worker.readers.writable(token);
        worker.work();
        publish(&worker.app, "a", "n 3");
        worker.work();
        assert_eq!(numbers_of(&mut client), [1, 2, 3]);
    }
}

#[test]
fn a_ping_that_is_encrypted_is_not_sent_again() {
    for version in VERSIONS {
        let (mut worker, token, mut client) = live(version);
        client.wire.borrow_mut().room = 10;
        worker.tick(worker.app.config.ping);
        worker.work();
        assert!(client.text().is_empty());
        client.wire.borrow_mut().room = usize::MAX;
        worker.readers.writable(token);
        worker.work();
        let text = String::from_utf8(client.text()).unwrap();
        assert_eq!(text.matches("event: ping\n").count(), 1, "{text}");
    }
}

#[test]
fn a_reader_whose_ciphertext_is_not_taken_stalls() {
    let (mut worker, _, client) = live(&rustls::version::TLS13);
    client.wire.borrow_mut().room = 10;
    publish(&worker.app, "a", "n 1");
    worker.work();
    let stall = worker.app.config.limits.stall;
    worker.now += stall / 2;
    worker.readers.tick(worker.now);
    worker.work();
    assert!(!client.wire.borrow().is_dropped);
    worker.now += stall / 2;
    worker.readers.tick(worker.now);
    assert!(client.wire.borrow().is_dropped);
    assert!(client.wire.borrow().is_abandoned);
}

#[test]
fn a_stream_ends_with_its_last_chunk_and_a_closed_session() {
    for version in VERSIONS {
        let (mut worker, _, mut client) = live(version);
        worker.app.draining.begin(Duration::ZERO);
        worker.tick(Duration::ZERO);
        worker.work();
        let text = String::from_utf8(client.text()).unwrap();
        assert!(text.contains("event: bye\n"), "{text}");
        assert!(client.plain.is_at_end);
        assert!(client.is_closed, "with close_notify");
        assert!(client.wire.borrow().is_finished);
    }
}

#[test]
fn a_client_that_closes_its_session_is_gone() {
    for version in VERSIONS {
        let (mut worker, token, mut client) = live(version);
        client.session.send_close_notify();
        client.send();
        worker.readers.readable(token);
        assert!(client.wire.borrow().is_dropped);
    }
}

#[test]
fn a_client_may_ask_for_new_keys() {
    let (mut worker, token, mut client) = live(&rustls::version::TLS13);
    client.session.refresh_traffic_keys().unwrap();
    client.send();
    worker.readers.readable(token);
    assert!(!client.wire.borrow().is_dropped);
    // They come with the next data.
    publish(&worker.app, "a", "n 1");
    worker.work();
    assert_eq!(numbers_of(&mut client), [1]);
}

#[test]
fn data_after_the_request_is_discarded_up_to_a_bound() {
    for version in VERSIONS {
        let (mut worker, token, mut client) = live(version);
        let mut send = |pieces| {
            for _ in 0..pieces {
                client.session.writer().write_all(&[b'x'; 1000]).unwrap();
                client.send();
                worker.readers.readable(token);
                if client.wire.borrow().is_dropped {
                    return true;
                }
            }
            false
        };
        assert!(!send(60));
        assert!(send(10), "more than 64 KiB");
    }
}

#[test]
fn bytes_that_are_no_record_end_the_stream_with_an_alert() {
    for version in VERSIONS {
        let (mut worker, token, client) = live(version);
        client.wire.borrow_mut().sent = b"GET / HTTP/1.1\r\n\r\n".to_vec();
        worker.readers.readable(token);
        assert!(client.wire.borrow().is_dropped);
        assert!(!client.wire.borrow().taken.is_empty(), "the alert");
    }
}

impl WireClient for TlsClient {
    type Socket = TlsSocket<FakeSocket>;
    type Shared = Configs;

    fn shared() -> Configs {
        Configs::of(&rustls::version::TLS13)
    }

    fn add(worker: &mut TlsWorker, configs: &Configs, subscription: Subscription) -> (usize, Self) {
        add(worker, configs, subscription)
    }

    fn wire(&self) -> RefMut<'_, Wire> {
        self.wire.borrow_mut()
    }

    fn text(&mut self) -> Vec<u8> {
        self.text()
    }

    fn send_bytes(&mut self, bytes: &[u8]) {
        self.session.writer().write_all(bytes).unwrap();
        self.send();
    }
}

proptest! {
    #![proptest_config(proptest_config())]

    #[test]
    fn every_message_is_seen_once_in_order_or_lies_in_a_gap_over_tls(case in cases()) {
        play::<Workers<TlsClient>>(&case);
    }
}
