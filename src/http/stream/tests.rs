use std::collections::HashMap;
use std::task::Waker;

use proptest::prelude::*;

use super::*;
use crate::http::App;
use crate::promises::{Transport, config, play, steps, wishes};

/// Streams as bodies, which hyper polls when it can write.
struct Bodies {
    app: Arc<App>,
    streams: HashMap<usize, EventStream>,
}

impl Transport for Bodies {
    fn of(app: &Arc<App>) -> Self {
        Self {
            app: Arc::clone(app),
            streams: HashMap::new(),
        }
    }

    fn open(&mut self, reader: usize, subscription: Subscription) {
        let stream = EventStream::new(&self.app, StreamHandoff::for_test(&self.app, subscription));
        self.streams.insert(reader, stream);
    }

    fn close(&mut self, reader: usize) {
        self.streams.remove(&reader);
    }

    fn work(&mut self) {}

    /// hyper takes what a body gives, and asks for more only when that is out.
    fn read(&mut self, reader: usize, most: usize) -> Vec<u8> {
        if most == 0 {
            return Vec::new();
        }
        let stream = self.streams.get_mut(&reader).unwrap();
        match stream.poll_events(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(bytes) => bytes.unwrap_or_default().to_vec(),
            Poll::Pending => Vec::new(),
        }
    }

    fn has_ended(&self, reader: usize) -> bool {
        self.streams[&reader].has_ended()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_message_is_seen_once_in_order_or_lies_in_a_gap(config in config(), wishes in wishes(), steps in steps()) {
        play::<Bodies>(config, wishes, &steps);
    }
}
