//! The body of a page of history, made while it is taken.
//!
//! The messages are those that history holds, not copies. A page may have
//! megabytes, and whoever takes it in drops would keep all of them from others;
//! a piece and a list is what such a client costs.

use std::vec;

use bytes::Bytes;

use super::body::PIECE_BYTES;
use super::guard::RequestPermit;
use crate::chat::Frame;

/// A JSON object with a list of messages in it.
#[derive(Debug)]
pub struct Messages {
    /// What stands before the rest, and was not taken yet.
    start: String,
    frames: vec::IntoIter<Frame>,
    /// What stands after the last message.
    end: String,
    /// Bytes that were not taken yet.
    left: usize,
    /// The place of the request for it.
    _permit: Option<RequestPermit>,
}

impl Messages {
    /// The messages between what stands before the first and after the last.
    pub(super) fn between(start: String, frames: Vec<Frame>, end: String) -> Self {
        let messages: usize = frames.iter().map(|frame| frame.json().len()).sum();
        let commas = frames.len().saturating_sub(1);
        Self {
            left: start.len() + messages + commas + end.len(),
            start,
            frames: frames.into_iter(),
            end,
            _permit: None,
        }
    }

    /// The request is under way until all of it is taken.
    pub(super) fn keep(&mut self, permit: RequestPermit) {
        self._permit = Some(permit);
    }

    pub(super) fn left(&self) -> usize {
        self.left
    }

    /// The next piece; nothing after the last. A message that is as large as a
    /// piece is one of its own, and not copied.
    pub(super) fn next_piece(&mut self) -> Bytes {
        let mut piece = std::mem::take(&mut self.start).into_bytes();
        while let Some(frame) = self.frames.as_slice().first() {
            let json = frame.json();
            let is_large = piece.len() + json.len() >= PIECE_BYTES;
            if is_large && !piece.is_empty() {
                break;
            }
            self.frames.next();
            let comma = if self.frames.len() > 0 { "," } else { "" };
            if is_large {
                self.start = comma.to_owned();
                self.left -= json.len();
                return json;
            }
            piece.extend_from_slice(&json);
            piece.extend_from_slice(comma.as_bytes());
        }
        if self.frames.len() == 0 {
            piece.extend_from_slice(std::mem::take(&mut self.end).as_bytes());
        }
        self.left -= piece.len();
        Bytes::from(piece)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::{Draft, HistoryQuery};
    use crate::config::Config;
    use crate::http::App;
    use crate::protocol::{MessageText, RoomName, UserName};

    /// The last messages of a room in which so many were said of so many bytes.
    fn said(count: usize, bytes: usize) -> Vec<Frame> {
        let app = App::new(Config::default()).unwrap();
        let room = RoomName::parse("lobby").unwrap();
        for _ in 0..count {
            let draft = Draft {
                name: UserName::parse("Alice").unwrap(),
                text: MessageText::parse(&"x".repeat(bytes), bytes).unwrap(),
                client_id: None,
            };
            app.hub.publish(&room, draft).unwrap();
        }
        let all = HistoryQuery {
            after: None,
            before: None,
            limit: count,
        };
        app.hub.page(&room, all).frames
    }

    #[test]
    fn all_comes_in_small_pieces_as_long_as_was_said_before() {
        for (count, bytes) in [(0, 1), (1, 1), (2, 1), (500, 1), (500, 4000), (3, 20_000)] {
            let mut messages = Messages::between("[".into(), said(count, bytes), "]".into());
            let (length, mut all) = (messages.left(), Vec::new());
            while messages.left() > 0 {
                let piece = messages.next_piece();
                let most = PIECE_BYTES.max(bytes + 256);
                assert!((1..=most).contains(&piece.len()), "{}", piece.len());
                all.extend(piece);
            }
            assert_eq!(all.len(), length);
            let list: Vec<serde_json::Value> = serde_json::from_slice(&all).unwrap();
            let numbers = list.iter().map(|message| message["number"].as_u64());
            assert!(numbers.eq((1..=count as u64).map(Some)), "{count}");
        }
    }
}
