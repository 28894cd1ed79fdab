//! What delivers the streams of a simulated server: the tests implement it for sockets
//! and for pipes.

use std::sync::Arc;
use std::time::Duration;

use crate::chat::Subscription;
use crate::http::App;

/// Delivers streams to their readers.
pub(crate) trait TestTransport {
    /// The transport of a server that has just started.
    fn of(app: &Arc<App>) -> Self;

    /// A reader's stream begins.
    fn open(&mut self, reader: usize, subscription: Subscription);

    /// A reader closes its connection.
    fn close(&mut self, reader: usize);

    /// A reader sends something after its request.
    fn send_junk(&mut self, _reader: usize) {}

    /// The server does one round of work.
    fn work(&mut self);

    /// `time` has passed; the runtime's clock has already advanced.
    fn pass(&mut self, _time: Duration) {}

    /// Whether the server has ended a reader's stream.
    fn has_ended(&self, reader: usize) -> bool;

    /// The reader's socket takes about `max_bytes` more. Returns the text of the
    /// stream since the last call, or a part of it.
    fn read(&mut self, reader: usize, max_bytes: usize) -> Vec<u8>;
}
