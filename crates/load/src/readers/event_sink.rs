//! What arrives on a subscriber's stream: parsed, decoded and recorded.
//!
//! An event takes a short path: chunks are removed, the event is decoded in place, its
//! mark found. Nothing is allocated and no JSON is parsed, except in a `gap`, which is
//! rare.

use std::sync::atomic::Ordering::Relaxed;

use sse_chat_client::sse::{Decoder, Item};

use super::connection::{ConnectionEnd, ConnectionStep, no_stream};
use crate::ledger::Ledger;
use crate::response::{Response, ResponseHead, ResponsePart};
use crate::room_numbers::RoomNumbers;
use crate::shared::StreamError;
use crate::tally::{ReaderKind, Recorder};

/// Reads a subscriber's stream, and records its events.
pub(super) struct EventSink<'a> {
    pub(super) kind: ReaderKind,
    pub(super) room: usize,
    pub(super) ledger: &'a mut Ledger,
    pub(super) numbers: &'a mut RoomNumbers,
    pub(super) recorder: &'a mut Recorder,
    pub(super) since_ns: u64,
    pub(super) now_ns: u64,
    pub(super) step: &'a mut ConnectionStep,
    pub(super) decoder: &'a mut Decoder,
}

impl EventSink<'_> {
    /// Parses a piece of a response of HTTP/1.1.
    pub(super) fn parse(
        &mut self,
        response: &mut Response,
        mut piece: &[u8],
    ) -> Result<(), ConnectionEnd> {
        self.now_ns = self.recorder.shared.now_ns();
        loop {
            let part = response.next(&mut piece);
            match part.map_err(|error| self.step.closed(error))? {
                ResponsePart::Head(head) => self.on_head(head)?,
                ResponsePart::Body(body) => self.on_body(body)?,
                ResponsePart::End => return Err(self.step.closed("the stream ended")),
                ResponsePart::Wait => return Ok(()),
            }
        }
    }

    pub(super) fn on_head(&mut self, head: ResponseHead) -> Result<(), ConnectionEnd> {
        if head.status != 200 {
            return Err(ConnectionEnd::NotOpened(StreamError::Refused(format!(
                "the server answered {}",
                head.status
            ))));
        }
        if !head.event_stream {
            return Err(no_stream("what answers is no event stream"));
        }
        *self.step = ConnectionStep::Answered;
        let took = self.now_ns - self.since_ns;
        self.recorder.tally.answered.record_ns(took);
        Ok(())
    }

    pub(super) fn on_body(&mut self, body: &[u8]) -> Result<(), ConnectionEnd> {
        let now_ns = self.now_ns;
        let Self {
            kind,
            room,
            ledger,
            numbers,
            recorder,
            ..
        } = self;
        let mut events = 0;
        let fed = self.decoder.feed(body, |item| {
            let Item::Event(event) = item else {
                return;
            };
            events += 1;
            numbers.observe(&event);
            let data = event.data.as_bytes();
            let mark = recorder.shared.requests.payloads().find(data);
            // A higher number comes from a server that changed the message.
            let sent = recorder.shared.counters.sent.load(Relaxed);
            if let Some(mark) = mark.filter(|mark| mark.message < sent) {
                let arrival = ledger.record(mark.position);
                recorder.deliver(*kind, *room, mark, arrival, now_ns);
            }
        });
        fed.map_err(|error| self.step.closed(error))?;
        if events > 0 && *self.step == ConnectionStep::Answered {
            *self.step = ConnectionStep::Streaming;
            let took = now_ns - self.since_ns;
            self.recorder.tally.first_event.record_ns(took);
        }
        Ok(())
    }
}
