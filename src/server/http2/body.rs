//! The body of an answer over HTTP/2, in pieces of which each reports when it is
//! written.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Frame, SizeHint};

use super::progress::{Chunk, StreamProgress};
use crate::http::PIECE_BYTES;
use crate::server::body_gate::UngatedBody;
use crate::server::fanout::StreamCut;

/// The most bytes of the first DATA frame of an event stream. Each full one doubles it,
/// up to [`PIECE_BYTES`]: many clients read nothing of a frame before all of it is
/// there, and would not get on if their connections were always cut within one.
const FIRST_PIECE_BYTES: usize = 2 * 1024;

/// A body whose stream can be reset until all of it is written. If it ended
/// earlier, h2 would keep what its client does not read, and nothing would end it. So
/// it ends after its last piece is written, with a frame of its own; but a body of
/// one piece ends with that.
#[derive(Debug)]
pub(super) struct Http2Body {
    source: UngatedBody,
    /// Data of the source that is not a chunk yet.
    rest: Bytes,
    /// The most bytes of the next piece.
    most: usize,
    is_short: bool,
    progress: Arc<StreamProgress>,
}

impl Http2Body {
    pub(super) fn new(source: UngatedBody, progress: Arc<StreamProgress>) -> Self {
        let size = source.exact_size();
        Self {
            is_short: size.is_some_and(|bytes| bytes <= PIECE_BYTES as u64),
            source,
            rest: Bytes::new(),
            most: match size {
                Some(_) => PIECE_BYTES,
                None => FIRST_PIECE_BYTES,
            },
            progress,
        }
    }
}

impl http_body::Body for Http2Body {
    type Data = Chunk;
    type Error = StreamCut;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Chunk>, StreamCut>>> {
        if self.rest.is_empty() {
            match ready!(self.source.poll_frame(cx)?) {
                Some(frame) => self.rest = frame.into_data().unwrap_or_default(),
                None if self.progress.poll_written(cx.waker()) => return Poll::Ready(None),
                None => return Poll::Pending,
            }
        }
        let length = self.rest.len().min(self.most);
        if length == self.most {
            self.most = (2 * self.most).min(PIECE_BYTES);
        }
        let piece = self.rest.split_to(length);
        let chunk = self.progress.chunk(piece);
        Poll::Ready(Some(Ok(Frame::data(chunk))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty()
            && self.source.is_end_stream()
            && (self.is_short || self.progress.is_written())
    }

    fn size_hint(&self) -> SizeHint {
        match self.source.exact_size() {
            Some(bytes) => SizeHint::with_exact(bytes + self.rest.len() as u64),
            None => SizeHint::default(),
        }
    }
}
