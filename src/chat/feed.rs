//! The receiving side of the channel. A fan-out worker has one feed for its life.
//!
//! A dropped `recv` future of tokio takes its waker along, so a [`Feed`] keeps
//! the future that waits. The sending side is in `channel`.

use std::task::{Context, Poll, ready};

use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio_util::sync::ReusableBoxFuture;

use super::room_event::Envelope;

/// Events were overwritten before this receiver read them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lagged;

/// The receiving side of the hub's channel.
#[derive(Debug)]
pub struct Feed {
    /// `None` while `waiting` has the receiver.
    idle: Option<Receiver<Envelope>>,
    /// The future that holds the waker of a sleeping worker.
    waiting: ReusableBoxFuture<'static, RecvOutput>,
    /// The position after the last event that was read.
    position: u64,
}

/// The receiver comes back with the result.
type RecvOutput = (Result<Envelope, RecvError>, Receiver<Envelope>);

impl Feed {
    /// `position` is that of the next event that `receiver` gets.
    pub(super) fn new(receiver: Receiver<Envelope>, position: u64) -> Self {
        Self {
            idle: Some(receiver),
            waiting: ReusableBoxFuture::new(std::future::pending()),
            position,
        }
    }

    /// The position after the last event that was read.
    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    /// The next event. Pending while there is none, also after the hub is gone.
    ///
    /// # Errors
    ///
    /// [`Lagged`] once if events were overwritten before they were read. The
    /// events that are left follow.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Envelope, Lagged>> {
        let next = ready!(self.poll_receive(cx));
        if let Ok(envelope) = &next {
            self.position = envelope.position + 1;
        }
        Poll::Ready(next)
    }

    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Result<Envelope, Lagged>> {
        if let Some(mut receiver) = self.idle.take() {
            let taken = receiver.try_recv();
            if let Err(TryRecvError::Empty) = taken {
                self.waiting.set(receive(receiver));
            } else {
                self.idle = Some(receiver);
                return match taken {
                    Ok(envelope) => Poll::Ready(Ok(envelope)),
                    Err(TryRecvError::Lagged(_)) => Poll::Ready(Err(Lagged)),
                    Err(TryRecvError::Closed | TryRecvError::Empty) => Poll::Pending,
                };
            }
        }
        let (received, receiver) = ready!(self.waiting.poll(cx));
        self.idle = Some(receiver);
        match received {
            Ok(envelope) => Poll::Ready(Ok(envelope)),
            Err(RecvError::Lagged(_)) => Poll::Ready(Err(Lagged)),
            Err(RecvError::Closed) => Poll::Pending,
        }
    }
}

async fn receive(mut receiver: Receiver<Envelope>) -> RecvOutput {
    (receiver.recv().await, receiver)
}
