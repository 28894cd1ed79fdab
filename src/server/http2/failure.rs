//! Why hyper ended a connection.

use std::error::Error as _;
use std::io;

/// Whether a ping was not answered, or the kernel found that the client acknowledges
/// nothing any more.
pub(super) fn is_timeout(error: &hyper::Error) -> bool {
    let cause = h2_error(error).and_then(h2::Error::get_io);
    error.is_timeout() || cause.is_some_and(|cause| cause.kind() == io::ErrorKind::TimedOut)
}

/// Whether h2 ended the connection because the client did not keep to the protocol.
pub(super) fn is_refusal(error: &hyper::Error) -> bool {
    h2_error(error).is_some_and(|error| error.is_go_away() && error.is_library())
}

fn h2_error(error: &hyper::Error) -> Option<&h2::Error> {
    error.source()?.downcast_ref()
}
