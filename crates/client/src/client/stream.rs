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
use super::follow::{Follow, Next};
use super::told::Told;
use crate::sse::{Decoded, Decoder, Item};

/// How long a stream may take until it says hello.
const HELLO_TIMEOUT: Duration = Duration::from_secs(10);
/// A stream without a byte for so many times `ping_ms` is dead.
const SILENT_PINGS: f64 = 2.5;
/// The bounds of that time, whatever the server announced.
const SILENCE: RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_secs(3600);

#[derive(Debug)]
pub(super) struct Stream {
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
pub(super) enum End {
    /// The server said why, and when to come back.
    ComeBack(String),
    /// The server said not to come back.
    Close,
    /// It is lost.
    Lost(Error),
}

impl Stream {
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
        follow: &mut Follow,
        backoff: &mut Backoff,
        told: &mut VecDeque<Told>,
    ) -> Result<(), End> {
        let piece = self.read().await.map_err(End::Lost)?;
        self.last_byte = Instant::now();
        let before = told.len();
        let taken = self.feed(&piece, follow, backoff, told);
        let message = |told: &Told| matches!(told, Told::Message { .. });
        self.news |= told.iter().skip(before).any(message);
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
        follow: &mut Follow,
        backoff: &mut Backoff,
        told: &mut VecDeque<Told>,
    ) -> Result<(), End> {
        let (mut silence, mut end) = (self.silence, Ok(()));
        let mut broken = None;
        let fed = self.decoder.feed(piece, |item| match item {
            _ if end.is_err() || broken.is_some() => {}
            Item::Retry(retry) => backoff.set_retry(retry),
            Item::Comment(_) => {}
            Item::Event(event) if silence.is_none() && follows_hello(&event) => {
                broken = Some(format!("the server sent {} before hello", event.event));
            }
            Item::Event(event) => match follow.take(&event, told) {
                Ok(Next::Go) => {}
                Ok(Next::Begun { ping }) => {
                    let most = ping.min(*SILENCE.end()).mul_f64(SILENT_PINGS);
                    silence = Some(most.clamp(*SILENCE.start(), *SILENCE.end()));
                }
                Ok(Next::ComeBack { why, retry }) => {
                    backoff.set_retry(retry);
                    end = Err(End::ComeBack(why));
                }
                Ok(Next::Close) => end = Err(End::Close),
                Err(why) => broken = Some(why),
            },
        });
        self.silence = silence;
        let broken = broken.or_else(|| fed.err().map(|error| error.to_string()));
        match broken {
            Some(why) if end.is_ok() => Err(End::Lost(self.lost(why))),
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
