//! The promises of a stream: a worker's readers against the plain model of
//! [`crate::promises`].

use std::cell::RefMut;
use std::collections::HashMap;

use proptest::prelude::*;

use super::pipes::{Pipes, take};
use super::wire::Wire;
use super::*;
use crate::promises::{TestTransport, cases, play, proptest_config};

/// Bytes that a socket takes while its client does not read.
const BUFFERED: usize = 500;

/// The client's end of a wire, in clear or with a TLS session.
pub(super) trait WireClient: Sized {
    type Socket: Socket;
    /// What all clients of a worker share.
    type Shared;

    fn shared() -> Self::Shared;

    /// Adds a stream to a worker. Returns its token and its client.
    fn add(
        worker: &mut TestWorker<Self::Socket>,
        shared: &Self::Shared,
        subscription: Subscription,
    ) -> (usize, Self);

    fn wire(&self) -> RefMut<'_, Wire>;

    /// The text of the whole chunks since the last call.
    fn text(&mut self) -> Vec<u8>;

    fn send_bytes(&mut self, bytes: &[u8]);
}

impl WireClient for FakeClient {
    type Socket = FakeSocket;
    type Shared = ();

    fn shared() -> Self::Shared {}

    fn add(worker: &mut TestWorker, (): &(), subscription: Subscription) -> (usize, Self) {
        worker.add(subscription)
    }

    fn wire(&self) -> RefMut<'_, Wire> {
        self.wire.borrow_mut()
    }

    fn text(&mut self) -> Vec<u8> {
        self.text()
    }

    fn send_bytes(&mut self, bytes: &[u8]) {
        self.wire().sent = bytes.to_vec();
    }
}

/// Streams that a worker writes to sockets which take any number of bytes.
pub(super) struct Workers<C: WireClient> {
    worker: TestWorker<C::Socket>,
    shared: C::Shared,
    clients: HashMap<usize, (usize, C)>,
    /// Clients that hung up, which the worker has not noticed yet.
    gone: Vec<(usize, C)>,
}

impl<C: WireClient> Workers<C> {
    /// Reports closed connections, as the poll does.
    fn notice(&mut self) {
        for (token, client) in self.gone.drain(..) {
            if !client.wire().is_dropped {
                self.worker.readers.readable(token);
            }
            assert!(client.wire().is_dropped);
        }
    }
}

impl<C: WireClient> TestTransport for Workers<C> {
    fn of(app: &Arc<App>) -> Self {
        Self {
            worker: TestWorker::of(app),
            shared: C::shared(),
            clients: HashMap::new(),
            gone: Vec::new(),
        }
    }

    fn open(&mut self, reader: usize, subscription: Subscription) {
        let client = C::add(&mut self.worker, &self.shared, subscription);
        self.clients.insert(reader, client);
    }

    fn close(&mut self, reader: usize) {
        if let Some(reader) = self.clients.remove(&reader) {
            reader.1.wire().is_closed = true;
            self.gone.push(reader);
        }
    }

    fn send_junk(&mut self, reader: usize) {
        let (token, client) = self.clients.get_mut(&reader).unwrap();
        if !client.wire().is_dropped {
            client.send_bytes(b"GET / HTTP/1.1");
            self.worker.readers.readable(*token);
            assert!(client.wire().sent.is_empty());
        }
    }

    fn work(&mut self) {
        self.worker.work_once();
        self.notice();
    }

    fn pass(&mut self, time: Duration) {
        self.notice();
        self.worker.tick(time);
    }

    fn has_ended(&self, reader: usize) -> bool {
        self.clients[&reader].1.wire().is_dropped
    }

    fn read(&mut self, reader: usize, most: usize) -> Vec<u8> {
        let (token, client) = self.clients.get_mut(&reader).unwrap();
        if client.wire().is_dropped {
            return client.text();
        }
        client.wire().room = most;
        self.worker.readers.writable(*token);
        match most {
            usize::MAX => self.worker.work(),
            _ => drop(self.worker.readers.catch_up(1, self.worker.now)),
        }
        // The kernel buffers some, so that a later write breaks off in an event, or
        // in a record.
        let room = client.wire().room.min(BUFFERED);
        client.wire().room = room;
        client.text()
    }
}

/// Streams that a worker writes into pipes, which hyper reads when it can write.
struct Bodies {
    pipes: Pipes,
    bodies: HashMap<usize, PipeBody>,
}

impl Bodies {
    /// Reads a body as hyper does, if hyper's own socket has room.
    fn poll_body(&mut self, reader: usize, most: usize) -> Vec<u8> {
        let body = self.bodies.get_mut(&reader).unwrap();
        match most {
            0 => Vec::new(),
            _ => take(body).and_then(Result::ok).unwrap_or_default(),
        }
    }
}

impl TestTransport for Bodies {
    fn of(app: &Arc<App>) -> Self {
        Self {
            pipes: Pipes::of(app),
            bodies: HashMap::new(),
        }
    }

    fn open(&mut self, reader: usize, subscription: Subscription) {
        self.bodies.insert(reader, self.pipes.open(subscription));
    }

    fn close(&mut self, reader: usize) {
        self.bodies.remove(&reader);
    }

    fn work(&mut self) {
        self.pipes.notice();
        self.pipes.worker.work_once();
    }

    fn pass(&mut self, time: Duration) {
        self.pipes.notice();
        self.pipes.worker.tick(time);
    }

    fn has_ended(&self, reader: usize) -> bool {
        self.bodies[&reader].has_end()
    }

    fn read(&mut self, reader: usize, most: usize) -> Vec<u8> {
        let mut read = self.poll_body(reader, most);
        self.pipes.notice();
        if most < usize::MAX {
            return read;
        }
        loop {
            let more = self.pipes.worker.work_once();
            let piece = self.poll_body(reader, most);
            if !more && piece.is_empty() {
                return read;
            }
            read.extend(piece);
            self.pipes.notice();
        }
    }
}

proptest! {
    #![proptest_config(proptest_config())]

    #[test]
    fn every_message_is_seen_once_in_order_or_lies_in_a_gap(case in cases()) {
        play::<Workers<FakeClient>>(&case);
    }

    #[test]
    fn every_message_is_seen_once_in_order_or_lies_in_a_gap_over_pipes(case in cases()) {
        play::<Bodies>(&case);
    }
}
