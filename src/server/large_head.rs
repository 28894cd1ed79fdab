//! Reads a request's head that is larger than hyper's buffer, within a memory
//! budget that all connections share; hyper then gets it whole, with a shortened
//! query. Other heads are read by hyper alone.

use std::io;
use std::sync::Arc;

use bytes::{Buf as _, Bytes};
use memchr::{memchr, memmem};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::client_stream::ClientStream;
use super::hyper_refusal::too_large;
use crate::http::{BadHead, HeadShare};

/// The budget is taken in pieces of this size.
const STEP: usize = 16 * 1024;

/// The memory for all large heads. A permit of the semaphore is a byte.
#[derive(Debug, Clone)]
pub(super) struct HeadBudget(Arc<Semaphore>);

/// A head that was read to its end.
#[derive(Debug)]
pub(super) struct LargeHead {
    /// The head, and perhaps the first bytes after it.
    pub(super) bytes: Bytes,
    /// Its part of the budget, to be held as long as the head is in use.
    pub(super) permit: HeadPermit,
}

/// A connection's part of the budget, and of the share of its address; returned
/// when dropped.
#[derive(Debug, Default)]
pub(super) struct HeadPermit {
    drawn: Option<OwnedSemaphorePermit>,
    share: HeadShare,
}

/// Why a head was not read to its end.
#[derive(Debug)]
pub(super) enum NoHead {
    /// The head is refused.
    Bad(BadHead),
    /// The client went away.
    Gone(io::Error),
}

impl HeadBudget {
    pub(super) fn new(bytes: usize) -> Self {
        Self(Arc::new(Semaphore::new(bytes)))
    }

    /// A part of the budget for a head that was read already.
    #[cfg(feature = "https")]
    pub(super) fn permit(&self, bytes: usize, share: HeadShare) -> Result<HeadPermit, BadHead> {
        let mut permit = HeadPermit { drawn: None, share };
        let drawn = self.draw(&mut permit, bytes);
        drawn.map(|()| permit).map_err(|_| BadHead::NoMemory)
    }

    fn draw(&self, permit: &mut HeadPermit, bytes: usize) -> Result<(), NoHead> {
        let full = || NoHead::Bad(BadHead::NoMemory);
        let count = u32::try_from(bytes).map_err(|_| full())?;
        let drawn = Arc::clone(&self.0).try_acquire_many_owned(count);
        let drawn = drawn.map_err(|_| full())?;
        permit.share.draw(bytes).map_err(|_| full())?;
        match &mut permit.drawn {
            Some(before) => before.merge(drawn),
            None => permit.drawn = Some(drawn),
        }
        Ok(())
    }
}

/// Reads the rest of a head of at most `most` bytes that begins with `begun`. Its
/// memory is taken from `budget`, and from the `share` of its address. The caller
/// sets the timeout.
pub(super) async fn read(
    stream: &mut ClientStream,
    mut begun: Bytes,
    most: usize,
    budget: &HeadBudget,
    share: HeadShare,
) -> Result<LargeHead, NoHead> {
    let is_line_end = |byte: &u8| matches!(byte, b'\r' | b'\n');
    let empty_lines = begun.iter().take_while(|byte| is_line_end(byte)).count();
    begun.advance(empty_lines);
    // It is complete: hyper refused it for its number of fields.
    if has_end(&begun, 0) {
        return Err(NoHead::Bad(BadHead::TooLarge));
    }
    let (mut room, mut searched) = (begun.len(), begun.len());
    // Reuses hyper's buffer without a copy.
    let mut head = Vec::from(begun);
    let mut permit = HeadPermit { drawn: None, share };
    while !has_end(&head, searched) {
        searched = head.len();
        if head.len() >= most {
            return Err(NoHead::Bad(too_large(&head)));
        }
        if head.len() == room {
            let step = STEP.min(most - room);
            budget.draw(&mut permit, step)?;
            head.reserve_exact(step);
            room += step;
        }
        let free = room - head.len();
        read_some(stream, &mut head, free).await?;
    }
    shorten_query(&mut head);
    Ok(LargeHead {
        bytes: head.into(),
        permit,
    })
}

async fn read_some(
    stream: &mut ClientStream,
    head: &mut Vec<u8>,
    free: usize,
) -> Result<(), NoHead> {
    let read = stream.read_piece(free, |piece| head.extend_from_slice(piece));
    match read.await.map_err(NoHead::Gone)? {
        0 => Err(NoHead::Gone(io::ErrorKind::UnexpectedEof.into())),
        _ => Ok(()),
    }
}

/// Whether a head ends in `bytes`; the first `searched` bytes contain no end. Like
/// hyper, it accepts a bare LF as a line end.
fn has_end(bytes: &[u8], searched: usize) -> bool {
    let new = &bytes[searched.saturating_sub(2)..];
    memmem::find(new, b"\n\r\n").is_some() || memmem::find(new, b"\n\n").is_some()
}

/// Decodes percent-encoded UTF-8 beyond ASCII in the query, to a third of its
/// length: `http::Uri` holds 65,534 bytes, and the longest legal query is longer.
/// Escapes of ASCII stay, since they may encode a delimiter, and so do escapes
/// that are not UTF-8.
fn shorten_query(head: &mut Vec<u8>) {
    let line_end = memchr(b'\n', head).unwrap_or(head.len());
    let Some(query) = memchr(b'?', &head[..line_end]) else {
        return;
    };
    let (mut from, mut to) = (query, query);
    while from < line_end {
        if let Some(character) = escaped_character(&head[from..line_end]) {
            let length = character.len_utf8();
            character.encode_utf8(&mut head[to..to + length]);
            (from, to) = (from + 3 * length, to + length);
        } else {
            head[to] = head[from];
            (from, to) = (from + 1, to + 1);
        }
    }
    head.drain(to..line_end);
}

/// The character beyond ASCII that is percent-encoded at the start of `text`.
fn escaped_character(text: &[u8]) -> Option<char> {
    let mut bytes = [0; 4];
    bytes[0] = escaped_byte(text, 0)?;
    let length = match bytes[0] {
        0xC2..=0xDF => 2,
        0xE0..=0xEF => 3,
        0xF0..=0xF4 => 4,
        _ => return None,
    };
    for (index, byte) in bytes.iter_mut().enumerate().take(length).skip(1) {
        *byte = escaped_byte(text, index)?;
    }
    let character = std::str::from_utf8(&bytes[..length]).ok()?;
    character.chars().next()
}

/// The byte of the escape at `index` in a sequence of escapes.
fn escaped_byte(text: &[u8], index: usize) -> Option<u8> {
    let &[b'%', high, low] = text.get(3 * index..3 * index + 3)? else {
        return None;
    };
    let digit = |byte: u8| char::from(byte).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}

#[cfg(test)]
mod tests {
    use percent_encoding::percent_decode_str;
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;

    fn shortened(head: &str) -> String {
        let mut head = head.as_bytes().to_vec();
        shorten_query(&mut head);
        String::from_utf8(head).unwrap()
    }

    #[test]
    fn only_characters_beyond_ascii_in_the_query_are_shortened() {
        for (head, short) in [
            (
                "GET /%C3%A9?a=%C3%A9%e6%97%a5&b=%F0%9D%94%98 HTTP/1.1\r\nx: ?%C3%A9\r\n\r\n",
                "GET /%C3%A9?a=é日&b=𝔘 HTTP/1.1\r\nx: ?%C3%A9\r\n\r\n",
            ),
            (
                "GET /?a=%26%3D%20%2B%00 HTTP/1.1\n\n",
                "GET /?a=%26%3D%20%2B%00 HTTP/1.1\n\n",
            ),
            ("GET /?%C3 HTTP/1.1\n\n", "GET /?%C3 HTTP/1.1\n\n"),
            (
                "GET /?%C3%C3%A9%ED%A0%80%FF%8 HTTP/1.1\n",
                "GET /?%C3é%ED%A0%80%FF%8 HTTP/1.1\n",
            ),
            (
                "GET /%C3%A9 HTTP/1.1\r\n\r\n",
                "GET /%C3%A9 HTTP/1.1\r\n\r\n",
            ),
            ("GET /?%C3%A9", "GET /?é"),
        ] {
            assert_eq!(shortened(head), short);
        }
    }

    proptest! {
        #[test]
        fn a_shortened_query_has_the_same_meaning(
            parts in vec(
                select(&["a", "&", "=", "+", "?", "%", "%2", "%26", "%C3", "%A9", "%e6%97%a5",
                    "%F0%9D%94%98", "%ED%A0%80", "%FF", "%C0%80", "é"][..]),
                0..40,
            ),
        ) {
            let query = parts.concat();
            let head = shortened(&format!("GET /events?{query} HTTP/1.1\r\n\r\n"));
            let short = head.strip_prefix("GET /events?").unwrap();
            let short = short.strip_suffix(" HTTP/1.1\r\n\r\n").unwrap();
            let meaning = |query: &str| -> Vec<Vec<u8>> {
                query.split('&').map(|pair| percent_decode_str(pair).collect()).collect()
            };
            prop_assert_eq!(meaning(short), meaning(&query));
            prop_assert!(short.len() <= query.len());
        }
    }

    #[test]
    fn an_end_is_found_across_the_border_of_two_reads() {
        let head = b"GET / HTTP/1.1\r\n\r\n";
        for searched in 0..head.len() {
            assert!(has_end(head, searched), "{searched}");
            assert!(!has_end(
                &head[..head.len() - 1],
                searched.min(head.len() - 1)
            ));
        }
        assert!(has_end(b"GET / HTTP/1.1\n\n", 15));
    }

    #[test]
    fn a_dropped_permit_returns_its_part_of_the_budget() {
        let budget = HeadBudget::new(3 * STEP);
        let mut permits = [HeadPermit::default(), HeadPermit::default()];
        budget.draw(&mut permits[0], STEP).unwrap();
        budget.draw(&mut permits[0], STEP).unwrap();
        budget.draw(&mut permits[1], STEP).unwrap();
        assert!(budget.draw(&mut permits[1], 1).is_err());
        drop(permits);
        assert_eq!(budget.0.available_permits(), 3 * STEP);
    }
}
