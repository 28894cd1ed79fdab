//! How much of an answer hyper holds for a client that takes nothing.
//!
//! hyper asks a body for more until it has as much as a request's head may
//! have, copies all of it, and only then writes. A gate between the two lets
//! one piece pass, and the next one only when the socket has taken it: whatever
//! was asked for, and whatever hyper's bounds are, one piece is what a client
//! costs. What is behind the gate is shared, as the events in a pipe are, or made
//! when it is asked for.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};

use super::fanout::{PipeBody, StreamCut};
use crate::http::{Body, PIECE_BYTES};

/// Between the bodies of one connection and its socket. Both are polled by the
/// connection's one task, so the atomics order nothing.
#[derive(Debug, Default)]
pub(super) struct Gate {
    /// A piece was let through, and is not with the kernel yet.
    is_shut: AtomicBool,
    /// hyper asked for more meanwhile, and has to be told to ask again.
    is_wanted: AtomicBool,
}

impl Gate {
    /// Everything that hyper had is with the kernel. Whether hyper wants more of
    /// the same body; then the task is woken for it.
    pub(super) fn open(&self, cx: &Context<'_>) -> bool {
        self.is_shut.store(false, Ordering::Relaxed);
        let is_wanted = self.is_wanted.swap(false, Ordering::Relaxed);
        if is_wanted {
            cx.waker().wake_by_ref();
        }
        is_wanted
    }

    /// Whether a piece may pass. If not, the task is woken when one may.
    fn lets_pass(&self) -> bool {
        let is_shut = self.is_shut.load(Ordering::Relaxed);
        self.is_wanted.fetch_or(is_shut, Ordering::Relaxed);
        !is_shut
    }

    fn shut(&self) {
        self.is_shut.store(true, Ordering::Relaxed);
    }
}

/// What comes through a gate.
#[derive(Debug)]
pub(super) enum Source {
    /// An answer.
    Answer(Body),
    /// An event stream of a connection that stays with hyper.
    Stream(PipeBody),
}

/// A body that comes through a gate.
#[derive(Debug)]
pub(super) struct Gated {
    source: Source,
    /// What the body gave and did not pass yet.
    rest: Bytes,
    gate: Arc<Gate>,
}

impl Source {
    fn poll_frame(
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

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Answer(body) => body.is_end_stream(),
            Self::Stream(pipe) => pipe.is_end_stream(),
        }
    }

    /// How many bytes it has left, if that is known.
    fn exact_size(&self) -> Option<u64> {
        match self {
            Self::Answer(body) => body.size_hint().exact(),
            Self::Stream(_) => None,
        }
    }
}

impl Gated {
    pub(super) fn new(source: Source, gate: &Arc<Gate>) -> Self {
        Self {
            source,
            rest: Bytes::new(),
            gate: Arc::clone(gate),
        }
    }
}

impl http_body::Body for Gated {
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
    use std::sync::atomic::AtomicUsize;
    use std::task::{Wake, Waker};

    use super::*;

    #[derive(Default)]
    struct Rings(AtomicUsize);

    impl Wake for Rings {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn next(body: &mut Gated, cx: &mut Context<'_>) -> Poll<Option<usize>> {
        let frame = Pin::new(body).poll_frame(cx);
        frame.map(|frame| frame.map(|frame| frame.unwrap().into_data().unwrap().len()))
    }

    #[test]
    fn one_piece_passes_until_the_socket_has_taken_it() {
        let rings = Arc::new(Rings::default());
        let waker = Waker::from(Arc::clone(&rings));
        let mut cx = Context::from_waker(&waker);
        let gate = Arc::new(Gate::default());
        let whole = Bytes::from(vec![b'x'; 2 * PIECE_BYTES + 1]);
        let mut body = Gated::new(Source::Answer(whole.into()), &gate);
        for (size, left) in [(PIECE_BYTES, PIECE_BYTES + 1), (PIECE_BYTES, 1), (1, 0)] {
            assert_eq!(next(&mut body, &mut cx), Poll::Ready(Some(size)));
            assert_eq!(body.size_hint().exact(), Some(left as u64));
            assert_eq!(body.is_end_stream(), left == 0);
            let rung = rings.0.load(Ordering::Relaxed);
            assert_eq!(next(&mut body, &mut cx), Poll::Pending);
            assert!(gate.open(&cx), "hyper asked for more");
            assert!(!gate.open(&cx), "it was told once");
            assert_eq!(rings.0.load(Ordering::Relaxed), rung + 1, "woken once");
        }
        assert_eq!(next(&mut body, &mut cx), Poll::Ready(None));
    }

    #[test]
    fn a_body_that_was_given_whole_wakes_nobody() {
        let rings = Arc::new(Rings::default());
        let waker = Waker::from(Arc::clone(&rings));
        let mut cx = Context::from_waker(&waker);
        let gate = Arc::new(Gate::default());
        let mut body = Gated::new(Source::Answer(Bytes::from_static(b"ok").into()), &gate);
        assert_eq!(next(&mut body, &mut cx), Poll::Ready(Some(2)));
        assert!(body.is_end_stream());
        assert!(!gate.open(&cx));
        assert_eq!(rings.0.load(Ordering::Relaxed), 0);
    }
}
