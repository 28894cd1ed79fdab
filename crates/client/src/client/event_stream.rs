//! A subscription: one stream after another, as if it were one. What the events
//! mean is in `resume`, how long to wait in `backoff`.

use std::collections::VecDeque;
use std::time::Duration;

use hyper::header::{ACCEPT, HeaderValue};
use tokio::time::Instant;

use super::Client;
use super::backoff::{Backoff, MAX_WAIT};
use super::error::Error;
use super::event::ClientEvent;
use super::open_stream::{OpenStream, StreamEnd};
use super::response::{FullResponse, content_type};
use super::resume::ResumeState;
use super::subscribe::{RetryPolicy, SubscribeRequest};
use crate::protocol::Backlog;

/// How long a connect, and then a stream's head, may take.
const OPEN_TIMEOUT: Duration = Duration::from_secs(10);

/// What is said in some rooms, over any number of streams.
#[derive(Debug)]
pub struct EventStream {
    client: Client,
    request: SubscribeRequest,
    resume: ResumeState,
    backoff: Backoff,
    state: State,
    /// What has come and was not asked for yet.
    events: VecDeque<ClientEvent>,
    /// A stream has said hello.
    was_connected: bool,
}

#[derive(Debug)]
enum State {
    /// No stream; the next attempt is due then.
    Away(Instant),
    Open(Box<OpenStream>),
    /// The server said not to come back.
    Closed,
}

impl Client {
    /// Follows rooms. The first connection is made by the first call of
    /// [`EventStream::next`].
    pub fn subscribe(&self, request: SubscribeRequest) -> EventStream {
        let live_only = request.backlog == Backlog::Last(0);
        EventStream {
            client: self.clone(),
            resume: ResumeState::new(request.cursor.clone(), live_only),
            backoff: Backoff::new(fastrand::Rng::new()),
            state: State::Away(Instant::now()),
            events: VecDeque::new(),
            was_connected: false,
            request,
        }
    }
}

impl EventStream {
    /// The next thing that happened; `None` when the server has closed the
    /// subscription for good.
    ///
    /// A call that is dropped loses nothing; one that was connecting begins
    /// again.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] when the server does not want the subscription, and
    /// what the first attempt met with where [`RetryPolicy`] says so.
    pub async fn next(&mut self) -> Result<Option<ClientEvent>, Error> {
        loop {
            if let Some(events) = self.events.pop_front() {
                return Ok(Some(events));
            }
            match &mut self.state {
                State::Closed => return Ok(None),
                State::Away(until) => {
                    tokio::time::sleep_until(*until).await;
                    match self.open().await {
                        Ok(stream) => self.state = State::Open(Box::new(stream)),
                        Err(error) => self.lose_attempt(error)?,
                    }
                }
                State::Open(stream) => {
                    let turn = stream.turn(&mut self.resume, &mut self.backoff, &mut self.events);
                    let ended = turn.await.err();
                    self.was_connected |= stream.has_said_hello();
                    if let Some(end) = ended {
                        self.end(end)?;
                    }
                }
            }
        }
    }

    /// The id of the last message, which another subscription can go on from.
    pub fn cursor(&self) -> Option<&str> {
        self.resume.cursor()
    }

    /// How many messages came that had been given before, and were lifted.
    pub fn duplicates(&self) -> u64 {
        self.resume.duplicates()
    }

    async fn open(&self) -> Result<OpenStream, Error> {
        let url = &self.client.url;
        let mut request = self.client.get(&self.request.path())?;
        let headers = request.headers_mut();
        headers.insert(ACCEPT, HeaderValue::from_static("text/event-stream"));
        if let Some(cursor) = self.resume.cursor() {
            // What no header can hold is a cursor that no server knows.
            let cursor = HeaderValue::from_str(cursor)
                .unwrap_or_else(|_| HeaderValue::from_static("unknown-0"));
            headers.insert("last-event-id", cursor);
        }
        let answer = async {
            let response = self.client.connector.send(request).await?;
            let kind = content_type(response.headers());
            if response.status() == 200 && kind == "text/event-stream" {
                return Ok(OpenStream::new(url.to_string(), response.into_body()));
            }
            if response.status() == 200 {
                return Err(
                    FullResponse::of_head(url, &response).into_error("which is no event stream")
                );
            }
            let answer = FullResponse::read(url, response).await?;
            Err(answer.into_error("which is no event stream"))
        };
        let late = |_| Error::TimedOut {
            url: url.to_string(),
            after: OPEN_TIMEOUT,
        };
        tokio::time::timeout(OPEN_TIMEOUT, answer)
            .await
            .map_err(late)?
    }

    /// The stream ended.
    fn end(&mut self, end: StreamEnd) -> Result<(), Error> {
        if let State::Open(stream) = &self.state
            && stream.is_sound(self.backoff.retry())
        {
            self.backoff.reset();
        }
        match end {
            StreamEnd::Close => self.state = State::Closed,
            StreamEnd::Reconnect(reason) => {
                // It is an sse-chat, so it is worth coming back to.
                self.was_connected = true;
                self.lose(reason, None);
            }
            StreamEnd::Lost(error) => self.lose_attempt(error)?,
        }
        Ok(())
    }

    /// An attempt failed, or its stream did: another one, or the end.
    fn lose_attempt(&mut self, error: Error) -> Result<(), Error> {
        let final_refusal = matches!(&error, Error::Refused(refusal) if !refusal.is_transient());
        let impatient = self.request.retry == RetryPolicy::AfterFirstConnect && !self.was_connected;
        if final_refusal || impatient {
            self.state = State::Closed;
            return Err(error);
        }
        let asked = match &error {
            Error::Refused(refusal) => refusal.retry_after,
            _ => None,
        };
        self.lose(error.to_string(), asked);
        Ok(())
    }

    fn lose(&mut self, reason: String, asked: Option<Duration>) {
        let mut wait = self.backoff.next_wait();
        if let Some(asked) = asked {
            wait = wait.max(asked).min(MAX_WAIT);
        }
        self.state = State::Away(Instant::now() + wait);
        self.events.push_back(ClientEvent::Cut { reason, wait });
    }
}
