//! Property tests of a stream's promises: random steps are played against a simple
//! model, the list of messages and events published in each room, with their states.
//! Steps publish, change, evict, lag,
//! read a few bytes, disconnect at any byte, forget rooms and restart the server,
//! without its history or with all of it or a part.
//!
//! The tests themselves are where the transports are: each way in which a stream
//! reaches its reader implements [`TestTransport`].

mod inputs;
mod model;
mod reader;
mod simulation;
mod transport;

pub(crate) use self::inputs::{config, reader_options, steps};
pub(crate) use self::simulation::play;
pub(crate) use self::transport::TestTransport;
