//! The streams of a session: their owners, their windows, and what of their requests is
//! not sent yet.

use std::collections::VecDeque;

use crate::http2::frame::{self, MAX_PAYLOAD, flag, kind};
use crate::http2::windows::{DEFAULT_WINDOW, STREAM_WINDOW, Spent};

/// All streams of a connection.
#[derive(Debug)]
pub(super) struct SessionStreams {
    /// Those without their end, in the order of their ids.
    streams: Vec<Http2Stream>,
    next_id: u32,
    /// Ends that were not returned yet.
    ended: VecDeque<StreamEnded>,
    /// What may be sent on the connection, and at first on a stream.
    send_window: i64,
    initial_send_window: i64,
}

#[derive(Debug)]
struct Http2Stream {
    id: u32,
    owner: usize,
    spent: Spent,
    send_window: i64,
    /// The rest of the request's body.
    unsent: Vec<u8>,
}

#[derive(Debug)]
pub(super) struct StreamEnded {
    pub(super) owner: usize,
    /// The error code; none if the response is complete.
    pub(super) code: Option<u32>,
}

impl SessionStreams {
    pub(super) fn new() -> Self {
        Self {
            streams: Vec::new(),
            next_id: 1,
            ended: VecDeque::new(),
            send_window: i64::from(DEFAULT_WINDOW),
            initial_send_window: i64::from(DEFAULT_WINDOW),
        }
    }

    /// Opens a stream whose request has this body. Returns its id.
    pub(super) fn open(&mut self, owner: usize, body: &[u8]) -> u32 {
        let id = self.next_id;
        self.next_id += 2;
        self.streams.push(Http2Stream {
            id,
            owner,
            spent: Spent::default(),
            send_window: self.initial_send_window,
            unsent: body.to_vec(),
        });
        id
    }

    /// Removes the stream of `owner`, without an end. Returns its id.
    pub(super) fn remove(&mut self, owner: usize) -> Option<u32> {
        let at = self.streams.iter().position(|one| one.owner == owner)?;
        Some(self.streams.remove(at).id)
    }

    pub(super) fn owners(&self) -> impl Iterator<Item = usize> {
        self.streams.iter().map(|stream| stream.owner)
    }

    pub(super) fn owner(&mut self, id: u32) -> Option<usize> {
        self.stream(id).map(|stream| stream.owner)
    }

    /// Removes a stream, and keeps its end to be returned.
    pub(super) fn end(&mut self, id: u32, code: Option<u32>) {
        if let Ok(at) = self.find(id) {
            let owner = self.streams.remove(at).owner;
            self.ended.push_back(StreamEnded { owner, code });
        }
    }

    /// Ends all streams after `last` with an error.
    pub(super) fn end_after(&mut self, last: u32, code: u32) {
        while let Some(stream) = self.streams.pop_if(|stream| stream.id > last) {
            self.ended.push_back(StreamEnded {
                owner: stream.owner,
                code: Some(code),
            });
        }
    }

    pub(super) fn next_ended(&mut self) -> Option<StreamEnded> {
        self.ended.pop_front()
    }

    /// Counts bytes that a stream has received. Returns what is to be granted.
    pub(super) fn receive(&mut self, id: u32, bytes: usize) -> Option<u32> {
        self.stream(id)?.spent.take(bytes, STREAM_WINDOW)
    }

    /// The server takes `more` bytes of a stream, or of the connection if `id` is 0.
    pub(super) fn widen(&mut self, id: u32, more: u32) {
        match id {
            0 => self.send_window += i64::from(more),
            id => {
                if let Some(stream) = self.stream(id) {
                    stream.send_window += i64::from(more);
                }
            }
        }
    }

    /// Sets the window with which streams begin. Those that are open change with it
    /// (RFC 9113, section 6.9.2).
    pub(super) fn set_initial_window(&mut self, window: u32) {
        let window = i64::from(window);
        for stream in &mut self.streams {
            stream.send_window += window - self.initial_send_window;
        }
        self.initial_send_window = window;
    }

    /// Sends of the requests' bodies what the windows allow.
    pub(super) fn send_bodies(&mut self, out: &mut Vec<u8>) {
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
                frame::write(out, kind::DATA, end, stream.id, &stream.unsent);
                stream.unsent = rest;
                stream.send_window -= length as i64;
                self.send_window -= length as i64;
            }
        }
    }

    fn stream(&mut self, id: u32) -> Option<&mut Http2Stream> {
        let at = self.find(id).ok()?;
        Some(&mut self.streams[at])
    }

    fn find(&self, id: u32) -> Result<usize, usize> {
        self.streams.binary_search_by_key(&id, |stream| stream.id)
    }
}
