//! The client's side of one HTTP/2 connection, without its socket: what frames mean.
//! Their pieces are put together in `incoming`, and `streams` has the streams.

mod incoming;
mod streams;

use self::incoming::{FramePart, IncomingFrames};
use self::streams::{SessionStreams, StreamEnded};
use super::errors::{NotHttp2, broken};
use super::frame::{self, FrameHead, MAX_PAYLOAD, flag, kind};
use super::hpack::response_head;
use super::windows::{CONNECTION_WINDOW, DEFAULT_WINDOW, STREAM_WINDOW, Spent};
use crate::response::ResponseHead;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// A header block longer than this is refused.
const MAX_BLOCK_BYTES: usize = 64 * 1024;
const CANCEL: u32 = 8;
const REFUSED_STREAM: u32 = 7;

/// Identifiers of settings (RFC 9113, section 6.5.2).
mod setting {
    pub(super) const HEADER_TABLE_SIZE: u16 = 1;
    pub(super) const ENABLE_PUSH: u16 = 2;
    pub(super) const INITIAL_WINDOW_SIZE: u16 = 4;
}

/// A connection with its streams. Each has an owner, a number of the caller's choice.
#[derive(Debug)]
pub(crate) struct Http2Session {
    frames: IncomingFrames,
    /// A header block that continues in the next frame, and its first frame.
    block: Option<(FrameHead, Vec<u8>)>,
    /// Whether the server's settings have come, which are its first frame.
    has_settings: bool,
    streams: SessionStreams,
    is_going_away: bool,
    spent: Spent,
    out: Vec<u8>,
}

/// A part of what the server sent.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Http2Part<'a> {
    /// The head of a response.
    Head { owner: usize, head: ResponseHead },
    /// A piece of its body.
    Body { owner: usize, data: &'a [u8] },
    /// The response is complete. Its stream is over.
    End { owner: usize },
    /// The server has cut the stream, for the reason with this code.
    Reset { owner: usize, code: u32 },
    /// The input is used up.
    Wait,
}

impl Http2Session {
    /// The start of a connection: its preface and settings are the first output.
    pub(crate) fn new() -> Self {
        let mut out = PREFACE.to_vec();
        let mut settings = Vec::new();
        for (id, value) in [
            (setting::HEADER_TABLE_SIZE, 0),
            (setting::ENABLE_PUSH, 0),
            (setting::INITIAL_WINDOW_SIZE, STREAM_WINDOW),
        ] {
            settings.extend_from_slice(&id.to_be_bytes());
            settings.extend_from_slice(&value.to_be_bytes());
        }
        frame::write(&mut out, kind::SETTINGS, 0, 0, &settings);
        let mut session = Self {
            frames: IncomingFrames::default(),
            block: None,
            has_settings: false,
            streams: SessionStreams::new(),
            is_going_away: false,
            spent: Spent::default(),
            out,
        };
        session.grant(0, CONNECTION_WINDOW - DEFAULT_WINDOW);
        session
    }

    /// Opens a stream with a request of an encoded header block and a body.
    pub(crate) fn request(&mut self, owner: usize, block: &[u8], body: &[u8]) {
        let id = self.streams.open(owner, body);
        let mut end = match body.is_empty() {
            true => flag::END_STREAM,
            false => 0,
        };
        let mut frame_kind = kind::HEADERS;
        let mut pieces = block.chunks(MAX_PAYLOAD).peekable();
        while let Some(piece) = pieces.next() {
            let last = match pieces.peek() {
                None => flag::END_HEADERS,
                Some(_) => 0,
            };
            frame::write(&mut self.out, frame_kind, last | end, id, piece);
            (frame_kind, end) = (kind::CONTINUATION, 0);
        }
        self.streams.send_bodies(&mut self.out);
    }

    /// Cuts the stream of `owner`, if it has one.
    pub(crate) fn cancel(&mut self, owner: usize) {
        if let Some(id) = self.streams.remove(owner) {
            let code = CANCEL.to_be_bytes();
            frame::write(&mut self.out, kind::RST_STREAM, 0, id, &code);
        }
    }

    /// The owners of all streams.
    pub(crate) fn owners(&self) -> impl Iterator<Item = usize> {
        self.streams.owners()
    }

    /// Whether the server takes no further stream.
    pub(crate) fn is_going_away(&self) -> bool {
        self.is_going_away
    }

    /// What has to be sent. The caller clears it.
    pub(crate) fn out(&mut self) -> &mut Vec<u8> {
        &mut self.out
    }

    /// Takes the next part from the front of `input`.
    ///
    /// # Errors
    ///
    /// [`NotHttp2`] when the server breaks the protocol. It must not be called again.
    pub(crate) fn next<'a>(&mut self, input: &mut &'a [u8]) -> Result<Http2Part<'a>, NotHttp2> {
        loop {
            if let Some(StreamEnded { owner, code }) = self.streams.next_ended() {
                return Ok(match code {
                    None => Http2Part::End { owner },
                    Some(code) => Http2Part::Reset { owner, code },
                });
            }
            match self.frames.next(input)? {
                FramePart::Wait => return Ok(Http2Part::Wait),
                FramePart::Begin(head) => self.begin(head)?,
                FramePart::Data { stream, data } => {
                    if let Some(owner) = self.streams.owner(stream) {
                        return Ok(Http2Part::Body { owner, data });
                    }
                }
                FramePart::DataEnd(head) => {
                    if head.has(flag::END_STREAM) {
                        self.streams.end(head.stream, None);
                    }
                }
                FramePart::Whole(head, payload) => {
                    if let Some((owner, head)) = self.process(head, &payload)? {
                        return Ok(Http2Part::Head { owner, head });
                    }
                }
            }
        }
    }

    /// Checks that a frame may come now.
    fn begin(&mut self, head: FrameHead) -> Result<(), NotHttp2> {
        if !self.has_settings && head.kind != kind::SETTINGS {
            return Err(broken("the server speaks another protocol"));
        }
        if head.length > MAX_PAYLOAD {
            return Err(broken("a frame is too large"));
        }
        let continues = self.block.as_ref().map(|(first, _)| first.stream);
        let continued = (head.kind == kind::CONTINUATION).then_some(head.stream);
        if continues != continued {
            return Err(broken("a header block is interrupted"));
        }
        if head.kind == kind::DATA {
            self.spend(head);
        }
        Ok(())
    }

    /// Counts the payload of a DATA frame, and grants more of it.
    fn spend(&mut self, head: FrameHead) {
        if let Some(bytes) = self.spent.take(head.length, CONNECTION_WINDOW) {
            self.grant(0, bytes);
        }
        if let Some(bytes) = self.streams.receive(head.stream, head.length) {
            self.grant(head.stream, bytes);
        }
    }

    fn grant(&mut self, stream: u32, bytes: u32) {
        let bytes = bytes.to_be_bytes();
        frame::write(&mut self.out, kind::WINDOW_UPDATE, 0, stream, &bytes);
    }

    /// Processes a frame without data. Returns the head of a response.
    fn process(
        &mut self,
        head: FrameHead,
        payload: &[u8],
    ) -> Result<Option<(usize, ResponseHead)>, NotHttp2> {
        match head.kind {
            kind::HEADERS => return self.on_headers(head, payload),
            kind::CONTINUATION => {
                let Some((first, mut block)) = self.block.take() else {
                    return Ok(None);
                };
                block.extend_from_slice(payload);
                return self.on_block(first, block, head.has(flag::END_HEADERS));
            }
            kind::RST_STREAM => {
                let code = frame::number(payload).ok_or_else(too_short)?;
                self.streams.end(head.stream, Some(code));
            }
            kind::SETTINGS if !head.has(flag::ACK) => {
                self.has_settings = true;
                self.on_settings(payload);
                frame::write(&mut self.out, kind::SETTINGS, flag::ACK, 0, &[]);
            }
            kind::PUSH_PROMISE => return Err(broken("it pushes, which was refused")),
            kind::PING if !head.has(flag::ACK) => {
                frame::write(&mut self.out, kind::PING, flag::ACK, 0, payload);
            }
            kind::GOAWAY => {
                let last = frame::number(payload).ok_or_else(too_short)? & 0x7fff_ffff;
                self.is_going_away = true;
                self.streams.end_after(last, REFUSED_STREAM);
            }
            kind::WINDOW_UPDATE => {
                let more = frame::number(payload).ok_or_else(too_short)? & 0x7fff_ffff;
                self.streams.widen(head.stream, more);
                self.streams.send_bodies(&mut self.out);
            }
            _ => {}
        }
        Ok(None)
    }

    fn on_headers(
        &mut self,
        head: FrameHead,
        payload: &[u8],
    ) -> Result<Option<(usize, ResponseHead)>, NotHttp2> {
        let mut block = frame::without_padding(head, payload).ok_or_else(too_short)?;
        if head.has(flag::PRIORITY) {
            block = block.get(5..).ok_or_else(too_short)?;
        }
        self.on_block(head, block.to_vec(), head.has(flag::END_HEADERS))
    }

    fn on_block(
        &mut self,
        first: FrameHead,
        block: Vec<u8>,
        is_whole: bool,
    ) -> Result<Option<(usize, ResponseHead)>, NotHttp2> {
        if !is_whole {
            if block.len() > MAX_BLOCK_BYTES {
                return Err(broken("its header fields are too large"));
            }
            self.block = Some((first, block));
            return Ok(None);
        }
        let head = response_head(&block)?;
        let owner = self.streams.owner(first.stream);
        if first.has(flag::END_STREAM) {
            self.streams.end(first.stream, None);
        }
        // An interim response comes before the final one.
        let head = head.filter(|head| head.status >= 200);
        Ok(owner.zip(head))
    }

    fn on_settings(&mut self, payload: &[u8]) {
        for setting in payload.chunks_exact(6) {
            let (id, value) = setting.split_at(2);
            if id == setting::INITIAL_WINDOW_SIZE.to_be_bytes() {
                let window = frame::number(value).unwrap_or_default();
                self.streams.set_initial_window(window);
            }
        }
        self.streams.send_bodies(&mut self.out);
    }
}

fn too_short() -> NotHttp2 {
    broken("a frame is too short")
}

#[cfg(test)]
mod tests;
