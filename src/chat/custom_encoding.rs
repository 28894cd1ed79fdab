//! An event of a program as it goes over the wire, in two forms.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::OnceLock;

use crate::protocol::{EventReceipt, PublishedEvent};
use crate::sse::{self, Decoder, Item};

/// An event of a program as it is written in streams of one room. In streams of
/// several rooms, and in history pages, it is JSON, which is encoded when it is
/// first needed.
pub(super) struct CustomEncoding {
    raw: sse::Encoded,
    /// The event without its payload, which is read back from `raw`.
    head: PublishedEvent<'static>,
    json: OnceLock<(sse::Encoded, Range<usize>)>,
    /// The length of the JSON, which counts from the beginning.
    json_bytes: usize,
}

impl CustomEncoding {
    pub(super) fn new(event: &PublishedEvent<'_>) -> Self {
        let owned = |text: &str| Cow::Owned(text.to_owned());
        Self {
            raw: event.encode(),
            json_bytes: json_len(event),
            head: PublishedEvent {
                id: event.id,
                room: owned(&event.room),
                event: owned(&event.event),
                data: Cow::Borrowed(""),
                created_at: owned(&event.created_at),
            },
            json: OnceLock::new(),
        }
    }

    /// The event as it was published.
    pub(super) fn raw(&self) -> &sse::Encoded {
        &self.raw
    }

    /// The event without its payload.
    pub(super) fn head(&self) -> &PublishedEvent<'static> {
        &self.head
    }

    /// The payload, read back from the event.
    pub(super) fn payload(&self) -> String {
        let mut payload = String::new();
        let each = |item: Item<'_>| {
            if let Item::Event(event) = item {
                payload = event.data.into_owned();
            }
        };
        let fed = Decoder::with_limit(usize::MAX).feed(&self.raw.text(), each);
        debug_assert!(fed.is_ok(), "it was encoded here");
        payload
    }

    /// The event as JSON, and the place of the JSON in its text.
    pub(super) fn as_json(&self) -> &(sse::Encoded, Range<usize>) {
        self.json.get_or_init(|| {
            let published = PublishedEvent {
                data: self.payload().into(),
                ..self.head.clone()
            };
            let event = published.encode_as_json();
            let end = event.text_len() - 2;
            (event, end - self.json_bytes..end)
        })
    }

    /// The response to the program.
    pub(super) fn receipt(&self) -> Vec<u8> {
        let receipt = EventReceipt {
            id: self.head.id,
            room: self.head.room.as_ref().into(),
            event: self.head.event.as_ref().into(),
        };
        serde_json::to_vec(&receipt).expect("a receipt has a JSON form")
    }

    /// The bytes of both forms.
    pub(super) fn cost(&self) -> usize {
        self.raw.chunk().len() + self.json_bytes
    }
}

/// The length of the JSON of `value`.
fn json_len(value: &impl serde::Serialize) -> usize {
    struct Counter(usize);
    impl std::io::Write for Counter {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut counter = Counter(0);
    serde_json::to_writer(&mut counter, value).expect("the value has a JSON form");
    counter.0
}
