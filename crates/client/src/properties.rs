//! Invariants that hold for any bytes, for the tests and fuzz targets of the
//! whole project: see the module of this name in sse-chat.

pub use crate::protocol::properties::{cursor, names};
pub use crate::sse::properties::{event, event_stream};

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_invariants_hold_for_random_bytes(
            bytes in prop::collection::vec(any::<u8>(), 0..80),
            text in any::<String>(),
        ) {
            for bytes in [&bytes, text.as_bytes()] {
                super::cursor(bytes);
                super::event(bytes);
                super::event_stream(bytes);
                super::names(bytes);
            }
        }
    }
}
