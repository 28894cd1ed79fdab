//! Bounds the memory of a response whose client does not read.
//!
//! hyper polls a body until its buffer, which is as large as a head may be, is
//! full, copies everything, and only then writes. A gate between body and hyper
//! lets one piece pass, and the next one only when the socket has taken it: each
//! client costs one piece, whatever it requested. The data behind the gate is
//! shared, like the events in a pipe, or made when it is polled.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};

use super::fanout::{PipeBody, StreamCut};
use crate::http::{Body, PIECE_BYTES};

/// The gate between the bodies of one connection and its socket. Both are polled
/// by the connection's one task, so the atomics order nothing.
#[derive(Debug, Default)]
pub(super) struct BodyGate {
    /// A piece has passed, and is not with the kernel yet.
    is_shut: AtomicBool,
    /// hyper polled the body meanwhile, and has to be woken.
    is_wanted: AtomicBool,
}

impl BodyGate {
    /// Opens the gate: everything that hyper had is with the kernel. Returns
    /// whether hyper waits for more of the body; then its task is woken.
    pub(super) fn open(&self, cx: &Context<'_>) -> bool {
        self.is_shut.store(false, Ordering::Relaxed);
        let is_wanted = self.is_wanted.swap(false, Ordering::Relaxed);
        if is_wanted {
            cx.waker().wake_by_ref();
        }
        is_wanted
    }

    /// Whether a piece may pass. If not, the task is woken once it may.
    fn lets_pass(&self) -> bool {
        let is_shut = self.is_shut.load(Ordering::Relaxed);
        self.is_wanted.fetch_or(is_shut, Ordering::Relaxed);
        !is_shut
    }

    fn shut(&self) {
        self.is_shut.store(true, Ordering::Relaxed);
    }
}

/// The body of a response, before its gate.
#[derive(Debug)]
pub(super) enum UngatedBody {
    Answer(Body),
    /// An event stream of a connection that stays with hyper.
    Stream(PipeBody),
}

/// A body whose pieces pass through a gate.
#[derive(Debug)]
pub(super) struct GatedBody {
    source: UngatedBody,
    /// Data of the source that has not passed yet.
    rest: Bytes,
    gate: Arc<BodyGate>,
}

impl UngatedBody {
    pub(super) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, StreamCut>>> {
        match self {
            Self::Answer(body) => Pin::new(body)
                .poll_frame(cx)
                .map_err(|never| match never {}),
            Self::Stream(pipe) => Pin::new(pipe).poll_frame(cx),
        }
    }

    pub(super) fn is_end_stream(&self) -> bool {
        match self {
            Self::Answer(body) => body.is_end_stream(),
            Self::Stream(pipe) => pipe.is_end_stream(),
        }
    }

    /// The number of bytes that are left, if it is known.
    pub(super) fn exact_size(&self) -> Option<u64> {
        match self {
            Self::Answer(body) => body.size_hint().exact(),
            Self::Stream(_) => None,
        }
    }
}

impl GatedBody {
    pub(super) fn new(source: UngatedBody, gate: &Arc<BodyGate>) -> Self {
        Self {
            source,
            rest: Bytes::new(),
            gate: Arc::clone(gate),
        }
    }
}

impl http_body::Body for GatedBody {
    type Data = Bytes;
    type Error = StreamCut;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, StreamCut>>> {
        if !self.gate.lets_pass() {
            return Poll::Pending;
        }
        if self.rest.is_empty() {
            match std::task::ready!(self.source.poll_frame(cx)?) {
                None => return Poll::Ready(None),
                Some(frame) => self.rest = frame.into_data().unwrap_or_default(),
            }
        }
        let most = self.rest.len().min(PIECE_BYTES);
        let piece = self.rest.split_to(most);
        self.gate.shut();
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.source.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let rest = self.rest.len() as u64;
        match self.source.exact_size() {
            Some(bytes) => SizeHint::with_exact(bytes + rest),
            None => SizeHint::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;
    use crate::counting_waker::CountingWaker;

    fn next(body: &mut GatedBody, cx: &mut Context<'_>) -> Poll<Option<usize>> {
        let frame = Pin::new(body).poll_frame(cx);
        frame.map(|frame| frame.map(|frame| frame.unwrap().into_data().unwrap().len()))
    }

    #[test]
    fn one_piece_passes_until_the_socket_has_taken_it() {
        let wakes = Arc::new(CountingWaker::default());
        let waker = Waker::from(Arc::clone(&wakes));
        let mut cx = Context::from_waker(&waker);
        let gate = Arc::new(BodyGate::default());
        let whole = Bytes::from(vec![b'x'; 2 * PIECE_BYTES + 1]);
        let mut body = GatedBody::new(UngatedBody::Answer(whole.into()), &gate);
        for (size, left) in [(PIECE_BYTES, PIECE_BYTES + 1), (PIECE_BYTES, 1), (1, 0)] {
            assert_eq!(next(&mut body, &mut cx), Poll::Ready(Some(size)));
            assert_eq!(body.size_hint().exact(), Some(left as u64));
            assert_eq!(body.is_end_stream(), left == 0);
            let woken = wakes.count();
            assert_eq!(next(&mut body, &mut cx), Poll::Pending);
            assert!(gate.open(&cx), "hyper polled for more");
            assert!(!gate.open(&cx), "it was woken once");
            assert_eq!(wakes.count(), woken + 1);
        }
        assert_eq!(next(&mut body, &mut cx), Poll::Ready(None));
    }

    #[test]
    fn a_body_that_passed_whole_causes_no_wake_up() {
        let wakes = Arc::new(CountingWaker::default());
        let waker = Waker::from(Arc::clone(&wakes));
        let mut cx = Context::from_waker(&waker);
        let gate = Arc::new(BodyGate::default());
        let mut body = GatedBody::new(UngatedBody::Answer(Bytes::from_static(b"ok").into()), &gate);
        assert_eq!(next(&mut body, &mut cx), Poll::Ready(Some(2)));
        assert!(body.is_end_stream());
        assert!(!gate.open(&cx));
        assert_eq!(wakes.count(), 0);
    }
}
