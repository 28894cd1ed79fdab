//! The body of a history page, encoded while it is sent.
//!
//! It shares the messages with history instead of copying them. A page may have
//! megabytes, and a client that reads slowly would hold a copy for as long; this
//! way it costs one piece and a list of references.

use std::sync::Arc;
use std::vec;

use bytes::Bytes;

use super::guard::RequestPermit;
use crate::chat::{Entry, ReadBytes};

/// The most bytes that are copied for one client at a time. A larger message
/// that is shared, such as one event, is sent whole.
pub(crate) const PIECE_BYTES: usize = 8 * 1024;

/// A JSON object with a list of messages in it.
#[derive(Debug)]
pub(crate) struct HistoryBody {
    /// JSON before the next message, not sent yet.
    start: String,
    entries: vec::IntoIter<Entry>,
    /// JSON after the last message.
    end: String,
    /// Bytes not sent yet.
    left: usize,
    /// The permit of its request.
    _permit: Option<RequestPermit>,
    /// What was read from the store for it.
    _read: Option<Arc<ReadBytes>>,
}

impl HistoryBody {
    /// Puts `entries` between `start` and `end`, separated by commas.
    pub(super) fn between(start: String, entries: Vec<Entry>, end: String) -> Self {
        let messages: usize = entries.iter().map(|entry| entry.json().len()).sum();
        let commas = entries.len().saturating_sub(1);
        Self {
            left: start.len() + messages + commas + end.len(),
            start,
            entries: entries.into_iter(),
            end,
            _permit: None,
            _read: None,
        }
    }

    /// Holds what was read from the store until the whole page is sent.
    pub(super) fn hold_read(&mut self, read: Option<Arc<ReadBytes>>) {
        self._read = read;
    }

    /// Holds the permit until the whole page is sent.
    pub(super) fn hold(&mut self, permit: RequestPermit) {
        self._permit = Some(permit);
    }

    pub(super) fn left(&self) -> usize {
        self.left
    }

    /// The next piece, empty after the last. A message as large as a piece is a
    /// piece of its own and is not copied.
    pub(super) fn next_piece(&mut self) -> Bytes {
        let mut piece = std::mem::take(&mut self.start).into_bytes();
        while let Some(entry) = self.entries.as_slice().first() {
            let json = entry.json();
            let is_large = piece.len() + json.len() >= PIECE_BYTES;
            if is_large && !piece.is_empty() {
                break;
            }
            self.entries.next();
            let comma = if self.entries.len() > 0 { "," } else { "" };
            if is_large {
                self.start = comma.to_owned();
                self.left -= json.len();
                return json;
            }
            piece.extend_from_slice(&json);
            piece.extend_from_slice(comma.as_bytes());
        }
        if self.entries.len() == 0 {
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

    /// The entries of a room after `count` messages of `bytes` bytes each.
    fn published(count: usize, bytes: usize) -> Vec<Entry> {
        let app = App::new(Config::default()).unwrap();
        let room = RoomName::parse("lobby").unwrap();
        for _ in 0..count {
            let draft = Draft::new(
                UserName::parse("Alice").unwrap(),
                MessageText::parse(&"x".repeat(bytes), bytes).unwrap(),
            );
            app.hub.publish(&room, draft).unwrap();
        }
        let all = HistoryQuery {
            after: None,
            before: None,
            limit: count,
        };
        app.hub.page(&room, all).entries
    }

    #[test]
    fn a_page_is_sent_in_small_pieces_of_the_announced_length() {
        for (count, bytes) in [(0, 1), (1, 1), (2, 1), (500, 1), (500, 4000), (3, 20_000)] {
            let mut messages =
                HistoryBody::between("[".into(), published(count, bytes), "]".into());
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
