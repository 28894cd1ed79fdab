//! What holds whatever bytes there are, for the tests and fuzz targets of the
//! whole project: see the module of this name in sse-chat.

pub use crate::protocol::properties::{cursor, names};
pub use crate::sse::properties::{event, event_stream};
