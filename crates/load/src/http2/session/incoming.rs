//! The frames that come in, in pieces of any size. The payload of DATA frames is neither
//! kept nor copied; that of other frames is kept until it is whole.

use crate::http2::errors::{NotHttp2, broken};
use crate::http2::frame::{FrameHead, HEAD_BYTES, flag, kind};

/// What has come of the next frame.
#[derive(Debug, Default)]
pub(super) struct IncomingFrames {
    /// The head of the next frame, as far as it has come.
    head: [u8; HEAD_BYTES],
    head_length: usize,
    frame: Option<OpenFrame>,
    /// The payload of a frame without data, as far as it has come.
    payload: Vec<u8>,
}

/// A frame whose payload is being read.
#[derive(Debug, Clone, Copy)]
struct OpenFrame {
    head: FrameHead,
    /// Bytes of the payload that have not come.
    left: usize,
    /// How many of them are padding. None before that is known.
    padding: Option<usize>,
}

/// A part of a frame.
#[derive(Debug)]
pub(super) enum FramePart<'a> {
    /// The head of a frame; its payload follows.
    Begin(FrameHead),
    /// A piece of a DATA frame, without padding.
    Data { stream: u32, data: &'a [u8] },
    /// A DATA frame is complete.
    DataEnd(FrameHead),
    /// A frame of another kind is complete.
    Whole(FrameHead, Vec<u8>),
    /// The input is used up.
    Wait,
}

impl IncomingFrames {
    /// Takes the next part from the front of `input`.
    ///
    /// # Errors
    ///
    /// [`NotHttp2`] if a frame is shorter than its padding.
    pub(super) fn next<'a>(&mut self, input: &mut &'a [u8]) -> Result<FramePart<'a>, NotHttp2> {
        let Some(frame) = self.frame else {
            return Ok(match self.take_head(input) {
                Some(head) => FramePart::Begin(head),
                None => FramePart::Wait,
            });
        };
        if frame.head.kind == kind::DATA {
            return self.take_data(frame, input);
        }
        let (piece, rest) = input.split_at(frame.left.min(input.len()));
        *input = rest;
        self.payload.extend_from_slice(piece);
        if piece.len() < frame.left {
            let left = frame.left - piece.len();
            self.frame = Some(OpenFrame { left, ..frame });
            return Ok(FramePart::Wait);
        }
        self.frame = None;
        let payload = std::mem::take(&mut self.payload);
        Ok(FramePart::Whole(frame.head, payload))
    }

    /// None until the head of a frame is whole.
    fn take_head(&mut self, input: &mut &[u8]) -> Option<FrameHead> {
        let missing = HEAD_BYTES - self.head_length;
        let (piece, rest) = input.split_at(missing.min(input.len()));
        *input = rest;
        self.head[self.head_length..self.head_length + piece.len()].copy_from_slice(piece);
        self.head_length += piece.len();
        if self.head_length < HEAD_BYTES {
            return None;
        }
        self.head_length = 0;
        let head = FrameHead::parse(&self.head);
        self.frame = Some(OpenFrame {
            head,
            left: head.length,
            padding: (!head.has(flag::PADDED)).then_some(0),
        });
        Some(head)
    }

    /// Takes a piece of a DATA frame, and skips its padding.
    fn take_data<'a>(
        &mut self,
        mut frame: OpenFrame,
        input: &mut &'a [u8],
    ) -> Result<FramePart<'a>, NotHttp2> {
        while frame.left > 0 {
            if input.is_empty() {
                self.frame = Some(frame);
                return Ok(FramePart::Wait);
            }
            let Some(padding) = frame.padding else {
                let padding = usize::from(input[0]);
                *input = &input[1..];
                frame.left -= 1;
                if padding > frame.left {
                    return Err(broken("a frame is shorter than its padding"));
                }
                frame.padding = Some(padding);
                continue;
            };
            let is_data = frame.left > padding;
            let most = match is_data {
                true => frame.left - padding,
                false => frame.left,
            };
            let (data, rest) = input.split_at(most.min(input.len()));
            *input = rest;
            frame.left -= data.len();
            if is_data {
                self.frame = Some(frame);
                let stream = frame.head.stream;
                return Ok(FramePart::Data { stream, data });
            }
        }
        self.frame = None;
        Ok(FramePart::DataEnd(frame.head))
    }
}
