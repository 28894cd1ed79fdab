//! Invariants of encoder and decoder for any bytes.

use std::borrow::Cow;

use super::{DEFAULT_MAX_EVENT_BYTES, Decoder, Item, TooLong};
use crate::sse::Event;

/// An item with its own strings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Seen {
    Event(String, String, String),
    Retry(u64),
    Comment(String),
}

impl From<Item<'_>> for Seen {
    fn from(item: Item<'_>) -> Self {
        match item {
            Item::Event(e) => Self::Event(e.event.into(), e.data.into(), e.id.into()),
            Item::Retry(wait) => Self::Retry(wait.as_millis().try_into().unwrap_or(u64::MAX)),
            Item::Comment(text) => Self::Comment(text.into()),
        }
    }
}

/// The result of decoding a stream.
#[derive(Debug, PartialEq, Eq)]
struct Read {
    seen: Vec<Seen>,
    last_event_id: String,
    end: Result<(), TooLong>,
}

/// A stream in pieces of any size decodes like the whole of it, over the limit or
/// not; below the limit as the standard says; and the decoder's memory is at most
/// a few times the limit. The first byte selects the limit, the second the size
/// of the pieces.
pub fn event_stream(bytes: &[u8]) {
    let [limit, piece, stream @ ..] = bytes else {
        return;
    };
    let limit = match limit {
        0..128 => usize::from(*limit),
        _ => DEFAULT_MAX_EVENT_BYTES,
    };
    let whole = read(limit, [stream]);
    assert_eq!(read(limit, stream.chunks(1)), whole);
    assert_eq!(read(limit, stream.chunks(1 + usize::from(*piece))), whole);
    if limit > stream.len() {
        assert_eq!(whole, by_the_standard(stream));
    }
}

fn read<'a>(limit: usize, pieces: impl IntoIterator<Item = &'a [u8]>) -> Read {
    let mut decoder = Decoder::with_limit(limit);
    let mut seen = Vec::new();
    let mut feed = |piece| {
        let fed = decoder.feed(piece, |item| seen.push(item.into()));
        assert!(capacity(&decoder) <= 10 * limit.max(8), "{decoder:?}");
        fed
    };
    let end = pieces.into_iter().try_for_each(&mut feed);
    Read {
        seen,
        last_event_id: decoder.last_event_id().into_owned(),
        end,
    }
}

/// The memory of the five buffers.
fn capacity(decoder: &Decoder) -> usize {
    let Decoder {
        line,
        event,
        data,
        id,
        last_event_id,
        ..
    } = decoder;
    [line, event, data, id, last_event_id]
        .map(Vec::capacity)
        .iter()
        .sum()
}

/// The HTML standard's algorithm (section 9.2.6), over the whole text at once.
fn by_the_standard(stream: &[u8]) -> Read {
    let text = String::from_utf8_lossy(stream);
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(&text);
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let mut lines: Vec<&str> = text.split('\n').collect();
    lines.pop();
    let (mut seen, mut last_event_id) = (Vec::new(), String::new());
    let (mut event, mut data, mut id) = (String::new(), String::new(), String::new());
    for line in lines {
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "" if line.is_empty() => {
                last_event_id.clone_from(&id);
                let name = std::mem::take(&mut event);
                let name = Some(name).filter(|name| !name.is_empty());
                if let Some(data) = std::mem::take(&mut data).strip_suffix('\n') {
                    let name = name.unwrap_or("message".to_owned());
                    seen.push(Seen::Event(name, data.to_owned(), id.clone()));
                }
            }
            "" => seen.push(Seen::Comment(line[1..].to_owned())),
            "event" => value.clone_into(&mut event),
            "data" => data = data + value + "\n",
            "id" if !value.contains('\0') => value.clone_into(&mut id),
            "retry" if !value.is_empty() && value.chars().all(|c| c.is_ascii_digit()) => {
                seen.push(Seen::Retry(value.parse().unwrap_or(u64::MAX)));
            }
            _ => {}
        }
    }
    Read {
        seen,
        last_event_id,
        end: Ok(()),
    }
}

/// Any text is encoded as one event and decoded as it was.
pub fn event(bytes: &[u8]) {
    let text: Cow<'_, str> = String::from_utf8_lossy(bytes);
    let event = Event::with_capacity(0)
        .id("e-1")
        .event("update")
        .json(&text);
    let stream = event.text();
    let Read { seen, end, .. } = read(DEFAULT_MAX_EVENT_BYTES, [&stream[..]]);
    let [Seen::Event(name, data, id)] = &seen[..] else {
        panic!("{seen:?}");
    };
    assert_eq!((&**name, &**id, end), ("update", "e-1", Ok(())));
    let back: String = serde_json::from_str(data).expect("the data is JSON");
    assert_eq!(back, text);
    let chunk = [
        format!("{:x}\r\n", stream.len()).as_bytes(),
        &stream,
        b"\r\n",
    ]
    .concat();
    assert_eq!(*event.chunk(), chunk);
}
