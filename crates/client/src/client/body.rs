//! The body of a response. Over HTTP/2 it keeps its place on the shared connection.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};

use super::shared_connection::StreamSlot;

/// The body of a response.
#[derive(Debug)]
pub(super) struct ServerBody {
    incoming: Incoming,
    slot: Option<StreamSlot>,
}

impl ServerBody {
    /// A body on a connection of its own.
    pub(super) fn alone(incoming: Incoming) -> Self {
        let slot = None;
        Self { incoming, slot }
    }

    /// A body on a shared connection.
    pub(super) fn shared(incoming: Incoming, slot: StreamSlot) -> Self {
        let slot = Some(slot);
        Self { incoming, slot }
    }

    /// Nothing came for too long: the connection may be dead, so no other request
    /// goes to it.
    pub(super) fn give_up(&self) {
        if let Some(slot) = &self.slot {
            slot.retire();
        }
    }
}

impl Body for ServerBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        Pin::new(&mut self.get_mut().incoming).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}
