//! The client's side of one HTTP/2 connection, without its socket.

use std::collections::VecDeque;

use super::errors::NotHttp2;
use super::frame::{self, FrameHead, HEAD_BYTES, MAX_PAYLOAD, flag, kind};
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
    /// The head of the next frame, as far as it has come.
    head: [u8; HEAD_BYTES],
    head_length: usize,
    frame: Option<OpenFrame>,
    /// The payload of a frame without data, as far as it has come.
    payload: Vec<u8>,
    /// A header block that continues in the next frame, and its first frame.
    block: Option<(FrameHead, Vec<u8>)>,
    /// Whether the server's settings have come, which are its first frame.
    has_settings: bool,
    streams: Vec<Http2Stream>,
    next_stream: u32,
    /// Ends that were not returned yet.
    ended: VecDeque<StreamEnded>,
    is_going_away: bool,
    spent: Spent,
    /// What may be sent on the connection, and at first on a stream.
    send_window: i64,
    initial_send_window: i64,
    out: Vec<u8>,
}

/// A stream without its end. They are in the order of their ids.
#[derive(Debug)]
struct Http2Stream {
    id: u32,
    owner: usize,
    spent: Spent,
    send_window: i64,
    /// The rest of the request's body.
    unsent: Vec<u8>,
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

#[derive(Debug)]
struct StreamEnded {
    owner: usize,
    /// The error code; none if the response is complete.
    code: Option<u32>,
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
            head: [0; HEAD_BYTES],
            head_length: 0,
            frame: None,
            payload: Vec::new(),
            block: None,
            has_settings: false,
            streams: Vec::new(),
            next_stream: 1,
            ended: VecDeque::new(),
            is_going_away: false,
            spent: Spent::default(),
            send_window: i64::from(DEFAULT_WINDOW),
            initial_send_window: i64::from(DEFAULT_WINDOW),
            out,
        };
        session.grant(0, CONNECTION_WINDOW - DEFAULT_WINDOW);
        session
    }

    /// Opens a stream with a request of an encoded header block and a body.
    pub(crate) fn request(&mut self, owner: usize, block: &[u8], body: &[u8]) {
        let id = self.next_stream;
        self.next_stream += 2;
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
        self.streams.push(Http2Stream {
            id,
            owner,
            spent: Spent::default(),
            send_window: self.initial_send_window,
            unsent: body.to_vec(),
        });
        self.send_bodies();
    }

    /// Cuts the stream of `owner`, if it has one.
    pub(crate) fn cancel(&mut self, owner: usize) {
        if let Some(at) = self.streams.iter().position(|one| one.owner == owner) {
            let stream = self.streams.remove(at);
            let code = CANCEL.to_be_bytes();
            frame::write(&mut self.out, kind::RST_STREAM, 0, stream.id, &code);
        }
    }

    /// The owners of all streams.
    pub(crate) fn owners(&self) -> impl Iterator<Item = usize> {
        self.streams.iter().map(|stream| stream.owner)
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
            if let Some(StreamEnded { owner, code }) = self.ended.pop_front() {
                return Ok(match code {
                    None => Http2Part::End { owner },
                    Some(code) => Http2Part::Reset { owner, code },
                });
            }
            let Some(frame) = self.frame else {
                if !self.take_head(input)? {
                    return Ok(Http2Part::Wait);
                }
                continue;
            };
            if frame.head.kind == kind::DATA {
                if let Some(part) = self.take_data(frame, input)? {
                    return Ok(part);
                }
                continue;
            }
            let (piece, rest) = input.split_at(frame.left.min(input.len()));
            *input = rest;
            self.payload.extend_from_slice(piece);
            if piece.len() < frame.left {
                let left = frame.left - piece.len();
                self.frame = Some(OpenFrame { left, ..frame });
                return Ok(Http2Part::Wait);
            }
            self.frame = None;
            let payload = std::mem::take(&mut self.payload);
            if let Some((owner, head)) = self.process(frame.head, &payload)? {
                return Ok(Http2Part::Head { owner, head });
            }
        }
    }

    /// Returns whether the head of a frame is whole.
    fn take_head(&mut self, input: &mut &[u8]) -> Result<bool, NotHttp2> {
        let missing = HEAD_BYTES - self.head_length;
        let (piece, rest) = input.split_at(missing.min(input.len()));
        *input = rest;
        self.head[self.head_length..self.head_length + piece.len()].copy_from_slice(piece);
        self.head_length += piece.len();
        if self.head_length < HEAD_BYTES {
            return Ok(false);
        }
        self.head_length = 0;
        let head = FrameHead::parse(&self.head);
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
        self.frame = Some(OpenFrame {
            head,
            left: head.length,
            padding: (!head.has(flag::PADDED)).then_some(0),
        });
        Ok(true)
    }

    /// Counts the payload of a DATA frame, and grants more of it.
    fn spend(&mut self, head: FrameHead) {
        if let Some(bytes) = self.spent.take(head.length, CONNECTION_WINDOW) {
            self.grant(0, bytes);
        }
        if let Some(stream) = self.stream(head.stream)
            && let Some(bytes) = stream.spent.take(head.length, STREAM_WINDOW)
        {
            self.grant(head.stream, bytes);
        }
    }

    fn grant(&mut self, stream: u32, bytes: u32) {
        let bytes = bytes.to_be_bytes();
        frame::write(&mut self.out, kind::WINDOW_UPDATE, 0, stream, &bytes);
    }

    /// Takes a piece of a DATA frame. None if it is not the caller's concern.
    fn take_data<'a>(
        &mut self,
        mut frame: OpenFrame,
        input: &mut &'a [u8],
    ) -> Result<Option<Http2Part<'a>>, NotHttp2> {
        if frame.left == 0 {
            self.frame = None;
            if frame.head.has(flag::END_STREAM) {
                self.end(frame.head.stream, None);
            }
            return Ok(None);
        }
        if input.is_empty() {
            return Ok(Some(Http2Part::Wait));
        }
        let Some(padding) = frame.padding else {
            let padding = usize::from(input[0]);
            *input = &input[1..];
            frame.left -= 1;
            if padding > frame.left {
                return Err(broken("a frame is shorter than its padding"));
            }
            frame.padding = Some(padding);
            self.frame = Some(frame);
            return Ok(None);
        };
        let is_data = frame.left > padding;
        let most = match is_data {
            true => frame.left - padding,
            false => frame.left,
        };
        let (data, rest) = input.split_at(most.min(input.len()));
        *input = rest;
        frame.left -= data.len();
        self.frame = Some(frame);
        let owner = self.stream(frame.head.stream).map(|stream| stream.owner);
        Ok(owner
            .filter(|_| is_data)
            .map(|owner| Http2Part::Body { owner, data }))
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
                self.end(head.stream, Some(code));
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
                while let Some(stream) = self.streams.pop_if(|stream| stream.id > last) {
                    self.ended.push_back(StreamEnded {
                        owner: stream.owner,
                        code: Some(REFUSED_STREAM),
                    });
                }
            }
            kind::WINDOW_UPDATE => {
                let more = frame::number(payload).ok_or_else(too_short)? & 0x7fff_ffff;
                match head.stream {
                    0 => self.send_window += i64::from(more),
                    id => {
                        if let Some(stream) = self.stream(id) {
                            stream.send_window += i64::from(more);
                        }
                    }
                }
                self.send_bodies();
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
        let owner = self.stream(first.stream).map(|stream| stream.owner);
        if first.has(flag::END_STREAM) {
            self.end(first.stream, None);
        }
        // An interim response comes before the final one.
        let head = head.filter(|head| head.status >= 200);
        Ok(owner.zip(head))
    }

    fn on_settings(&mut self, payload: &[u8]) {
        for setting in payload.chunks_exact(6) {
            let (id, value) = setting.split_at(2);
            if id == setting::INITIAL_WINDOW_SIZE.to_be_bytes() {
                let window = i64::from(frame::number(value).unwrap_or_default());
                for stream in &mut self.streams {
                    stream.send_window += window - self.initial_send_window;
                }
                self.initial_send_window = window;
            }
        }
        self.send_bodies();
    }

    /// Sends of the requests' bodies what the windows allow.
    fn send_bodies(&mut self) {
        for stream in self.streams.iter_mut().filter(|one| !one.unsent.is_empty()) {
            loop {
                let window = stream.send_window.min(self.send_window).max(0);
                let most = usize::try_from(window).map_or(MAX_PAYLOAD, |it| it.min(MAX_PAYLOAD));
                let length = most.min(stream.unsent.len());
                if length == 0 {
                    break;
                }
                let rest = stream.unsent.split_off(length);
                let end = match rest.is_empty() {
                    true => flag::END_STREAM,
                    false => 0,
                };
                frame::write(&mut self.out, kind::DATA, end, stream.id, &stream.unsent);
                stream.unsent = rest;
                stream.send_window -= length as i64;
                self.send_window -= length as i64;
            }
        }
    }

    /// Removes a stream, and keeps its end to be returned.
    fn end(&mut self, id: u32, code: Option<u32>) {
        if let Ok(at) = self.streams.binary_search_by_key(&id, |stream| stream.id) {
            let owner = self.streams.remove(at).owner;
            self.ended.push_back(StreamEnded { owner, code });
        }
    }

    fn stream(&mut self, id: u32) -> Option<&mut Http2Stream> {
        let at = self.streams.binary_search_by_key(&id, |stream| stream.id);
        at.ok().map(|at| &mut self.streams[at])
    }
}

fn broken(why: &str) -> NotHttp2 {
    NotHttp2(why.to_owned())
}

fn too_short() -> NotHttp2 {
    broken("a frame is too short")
}

#[cfg(test)]
mod tests;
