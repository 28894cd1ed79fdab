//! The promises of a stream: a worker's readers against the plain model of
//! [`crate::promises`].

use std::collections::HashMap;

use proptest::prelude::*;

use super::pipes::{Pipes, take};
use super::*;
use crate::promises::{TestTransport, config, play, reader_options, steps};

/// Bytes that a socket takes while its client does not read.
pub(super) const BUFFERED: usize = 500;

/// Streams that a worker writes to sockets which take any number of bytes.
struct Workers {
    worker: TestWorker,
    clients: HashMap<usize, (usize, FakeClient)>,
    /// Clients that hung up, which the worker has not noticed yet.
    gone: Vec<(usize, FakeClient)>,
}

impl Workers {
    /// Reports closed connections, as the poll does.
    fn notice(&mut self) {
        for (token, client) in self.gone.drain(..) {
            if !client.wire.borrow().is_dropped {
                self.worker.readers.readable(token);
            }
            assert!(client.wire.borrow().is_dropped);
        }
    }
}

impl TestTransport for Workers {
    fn of(app: &Arc<App>) -> Self {
        Self {
            worker: TestWorker::of(app),
            clients: HashMap::new(),
            gone: Vec::new(),
        }
    }

    fn open(&mut self, reader: usize, subscription: Subscription) {
        self.clients.insert(reader, self.worker.add(subscription));
    }

    fn close(&mut self, reader: usize) {
        if let Some(reader) = self.clients.remove(&reader) {
            reader.1.wire.borrow_mut().is_closed = true;
            self.gone.push(reader);
        }
    }

    fn send_junk(&mut self, reader: usize) {
        let (token, client) = &self.clients[&reader];
        if !client.wire.borrow().is_dropped {
            client.wire.borrow_mut().sent = b"GET / HTTP/1.1".to_vec();
            self.worker.readers.readable(*token);
            assert!(client.wire.borrow().sent.is_empty());
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
        self.clients[&reader].1.wire.borrow().is_dropped
    }

    fn read(&mut self, reader: usize, most: usize) -> Vec<u8> {
        let (token, client) = self.clients.get_mut(&reader).unwrap();
        if client.wire.borrow().is_dropped {
            return client.text();
        }
        client.wire.borrow_mut().room = most;
        self.worker.readers.writable(*token);
        match most {
            usize::MAX => self.worker.work(),
            _ => drop(self.worker.readers.catch_up(1, self.worker.now)),
        }
        // The kernel buffers some, so that a later write breaks off in an event.
        let room = client.wire.borrow().room.min(BUFFERED);
        client.wire.borrow_mut().room = room;
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
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_message_is_seen_once_in_order_or_lies_in_a_gap(config in config(), options in reader_options(), steps in steps()) {
        play::<Workers>(config, options, &steps);
    }

    #[test]
    fn every_message_is_seen_once_in_order_or_lies_in_a_gap_over_pipes(config in config(), options in reader_options(), steps in steps()) {
        play::<Bodies>(config, options, &steps);
    }
}
