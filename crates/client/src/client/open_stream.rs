//! One stream: bytes become events, and silence becomes an end.

use std::collections::VecDeque;
use std::ops::RangeInclusive;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::time::Instant;

use super::backoff::Backoff;
use super::error::{Error, root_cause};
use super::event::ClientEvent;
use super::resume::{Effect, ResumeState};
use crate::sse::{Decoded, Decoder, Item};

/// How long a stream may take until it says hello.
const HELLO_TIMEOUT: Duration = Duration::from_secs(10);
/// A stream without a byte for so many times `ping_ms` is dead.
const SILENT_PINGS: f64 = 2.5;
/// The bounds of that time, whatever the server announced.
const SILENCE: RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_secs(3600);

#[derive(Debug)]
pub(super) struct OpenStream {
    url: String,
    body: Incoming,
    decoder: Decoder,
    opened: Instant,
    last_byte: Instant,
    /// How long it may be silent; `None` until it has said hello.
    silence: Option<Duration>,
    /// It has brought a message.
    news: bool,
}

/// How a stream ends.
#[derive(Debug)]
pub(super) enum StreamEnd {
    /// The server said why, and when to come back.
    Reconnect(String),
    /// The server said not to come back.
    Close,
    /// It is lost.
    Lost(Error),
}

impl OpenStream {
    pub(super) fn new(url: String, body: Incoming) -> Self {
        let now = Instant::now();
        Self {
            url,
            body,
            decoder: Decoder::default(),
            opened: now,
            last_byte: now,
            silence: None,
            news: false,
        }
    }

    pub(super) fn has_said_hello(&self) -> bool {
        self.silence.is_some()
    }

    /// Whether it was worth its while: it brought a message, or lived for as
    /// long as a client would wait for the next one.
    pub(super) fn is_sound(&self, retry: Duration) -> bool {
        self.has_said_hello() && (self.news || self.opened.elapsed() >= retry)
    }

    /// Awaits the next bytes and takes what they complete. A call that is
    /// dropped has taken nothing.
    pub(super) async fn turn(
        &mut self,
        resume: &mut ResumeState,
        backoff: &mut Backoff,
        events: &mut VecDeque<ClientEvent>,
    ) -> Result<(), StreamEnd> {
        let piece = self.read().await.map_err(StreamEnd::Lost)?;
        self.last_byte = Instant::now();
        let before = events.len();
        let taken = self.feed(&piece, resume, backoff, events);
        let message = |events: &ClientEvent| matches!(events, ClientEvent::Message { .. });
        self.news |= events.iter().skip(before).any(message);
        taken
    }

    async fn read(&mut self) -> Result<Bytes, Error> {
        let deadline = match self.silence {
            None => self.opened + HELLO_TIMEOUT,
            Some(silence) => self.last_byte + silence,
        };
        loop {
            let frame = tokio::time::timeout_at(deadline, self.body.frame())
                .await
                .map_err(|_| self.silent())?;
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
            Item::Event(event) if silence.is_none() && follows_hello(&event) => {
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
                Ok(Effect::Close) => end = Err(StreamEnd::Close),
                Err(why) => broken = Some(why),
            },
        });
        self.silence = silence;
        let broken = broken.or_else(|| fed.err().map(|error| error.to_string()));
        match broken {
            Some(why) if end.is_ok() => Err(StreamEnd::Lost(self.lost(why))),
            _ => end,
        }
    }

    fn silent(&self) -> Error {
        match self.silence {
            None => self.lost(format!("no hello within {} s", HELLO_TIMEOUT.as_secs())),
            Some(silence) => self.lost(format!("silent for {:.1} s", silence.as_secs_f64())),
        }
    }

    /// A stream that never said hello was none of an sse-chat.
    fn lost(&self, why: String) -> Error {
        match self.has_said_hello() {
            true => Error::Cut(why),
            false => Error::NotSseChat(format!(
                "{} answered with a stream that is no sse-chat's: {why}",
                self.url
            )),
        }
    }
}

/// Events that only a stream that has said hello can have.
fn follows_hello(event: &Decoded<'_>) -> bool {
    matches!(&*event.event, "update" | "gap" | "presence")
}
