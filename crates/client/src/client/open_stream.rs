//! One event stream: feeds bytes to the decoder and detects silence. What an
//! event means for the subscription is in `resume`.

use std::collections::VecDeque;
use std::ops::RangeInclusive;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use tokio::time::Instant;

use super::backoff::Backoff;
use super::body::ServerBody;
use super::error::{Error, root_cause};
use super::event::ClientEvent;
use super::resume::{Effect, ResumeState};
use crate::protocol::{Close, EventName};
use crate::sse::{Decoded, Decoder, Item};

/// The time from the response's head to hello.
const HELLO_TIMEOUT: Duration = Duration::from_secs(10);
/// A stream is lost after silence of `ping_ms` times this.
const SILENT_PINGS: f64 = 2.5;
/// The bounds of that time, whatever the server announced.
const SILENCE: RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_secs(3600);

#[derive(Debug)]
pub(super) struct OpenStream {
    url: String,
    body: ServerBody,
    decoder: Decoder,
    opened: Instant,
    last_byte: Instant,
    /// The longest silence; `None` until hello.
    silence: Option<Duration>,
    has_message: bool,
}

/// How a stream ended.
#[derive(Debug)]
pub(super) enum StreamEnd {
    /// The server ended it for this reason; the client is to reconnect.
    Reconnect(String),
    /// The server ended it; the client must not reconnect.
    Close(Close),
    /// It is lost.
    Lost(Error),
}

impl OpenStream {
    pub(super) fn new(url: String, body: ServerBody) -> Self {
        let now = Instant::now();
        Self {
            url,
            body,
            decoder: Decoder::default(),
            opened: now,
            last_byte: now,
            silence: None,
            has_message: false,
        }
    }

    pub(super) fn has_hello(&self) -> bool {
        self.silence.is_some()
    }

    /// Whether the next wait may be short again: the stream delivered a message
    /// or lived for at least the retry time.
    pub(super) fn is_sound(&self, retry: Duration) -> bool {
        self.has_hello() && (self.has_message || self.opened.elapsed() >= retry)
    }

    /// Reads the next bytes and appends the events that they complete to
    /// `events`. A call that is dropped has read nothing.
    pub(super) async fn advance(
        &mut self,
        resume: &mut ResumeState,
        backoff: &mut Backoff,
        events: &mut VecDeque<ClientEvent>,
    ) -> Result<(), StreamEnd> {
        let piece = self.read().await.map_err(StreamEnd::Lost)?;
        self.last_byte = Instant::now();
        let before = events.len();
        let fed = self.feed(&piece, resume, backoff, events);
        let is_message = |event: &ClientEvent| matches!(event, ClientEvent::Message { .. });
        self.has_message |= events.iter().skip(before).any(is_message);
        fed
    }

    async fn read(&mut self) -> Result<Bytes, Error> {
        let deadline = match self.silence {
            None => self.opened + HELLO_TIMEOUT,
            Some(silence) => self.last_byte + silence,
        };
        loop {
            let frame = tokio::time::timeout_at(deadline, self.body.frame())
                .await
                .map_err(|_| {
                    self.body.give_up();
                    self.silent()
                })?;
            match frame {
                None => return Err(self.lost("the server ended the stream".to_owned())),
                Some(Err(error)) => {
                    return Err(self.lost(format!("the connection broke: {}", root_cause(&error))));
                }
                Some(Ok(frame)) => {
                    if let Ok(piece) = frame.into_data() {
                        return Ok(piece);
                    }
                }
            }
        }
    }

    fn feed(
        &mut self,
        piece: &[u8],
        resume: &mut ResumeState,
        backoff: &mut Backoff,
        events: &mut VecDeque<ClientEvent>,
    ) -> Result<(), StreamEnd> {
        let (mut silence, mut end) = (self.silence, Ok(()));
        let mut broken = None;
        let fed = self.decoder.feed(piece, |item| match item {
            _ if end.is_err() || broken.is_some() => {}
            Item::Retry(retry) => backoff.set_retry(retry),
            Item::Comment(_) => {}
            Item::Event(event) if silence.is_none() && needs_hello(&event) => {
                broken = Some(format!("the server sent {} before hello", event.event));
            }
            Item::Event(event) => match resume.take(&event, events) {
                Ok(Effect::Continue) => {}
                Ok(Effect::Opened { ping }) => {
                    let most = ping.min(*SILENCE.end()).mul_f64(SILENT_PINGS);
                    silence = Some(most.clamp(*SILENCE.start(), *SILENCE.end()));
                }
                Ok(Effect::Reconnect { reason, retry }) => {
                    backoff.set_retry(retry);
                    end = Err(StreamEnd::Reconnect(reason));
                }
                Ok(Effect::Close(close)) => end = Err(StreamEnd::Close(close)),
                Err(error) => broken = Some(error),
            },
        });
        self.silence = silence;
        let broken = broken.or_else(|| fed.err().map(|error| error.to_string()));
        match broken {
            Some(reason) if end.is_ok() => Err(StreamEnd::Lost(self.lost(reason))),
            _ => end,
        }
    }

    fn silent(&self) -> Error {
        match self.silence {
            None => self.lost(format!("no hello within {} s", HELLO_TIMEOUT.as_secs())),
            Some(silence) => self.lost(format!("silent for {:.1} s", silence.as_secs_f64())),
        }
    }

    /// A stream without hello is not that of an sse-chat.
    fn lost(&self, reason: String) -> Error {
        match self.has_hello() {
            true => Error::Cut(reason),
            false => Error::NotSseChat(format!(
                "{} answered with a stream that is no sse-chat's: {reason}",
                self.url
            )),
        }
    }
}

/// Whether the event can only follow hello.
fn needs_hello(event: &Decoded<'_>) -> bool {
    let name = event.event.parse();
    matches!(
        name,
        Ok(EventName::Update
            | EventName::Gap
            | EventName::Presence
            | EventName::Stale
            | EventName::Fresh)
    )
}
