//! A subscription: opens one stream after another and presents them as one. What
//! the events mean is in `resume`, how long to wait in `backoff`.

use std::collections::VecDeque;
use std::time::Duration;

use hyper::Response;
use hyper::header::{ACCEPT, HeaderValue};
use tokio::time::Instant;

use super::backoff::{Backoff, MAX_WAIT};
use super::body::ServerBody;
use super::error::Error;
use super::event::ClientEvent;
use super::http_client::Client;
use super::open_stream::{OpenStream, StreamEnd};
use super::request::Request;
use super::response::{FullResponse, content_type};
use super::resume::ResumeState;
use super::subscribe::{RetryPolicy, SubscribeRequest};
use crate::protocol::{Backlog, Close, Cursor, EVENT_STREAM, LAST_EVENT_ID};

/// The timeout of a stream's response head, connecting included.
const OPEN_TIMEOUT: Duration = Duration::from_secs(10);

/// The events of some rooms, over any number of connections. It reconnects and
/// resumes by itself: each entry is delivered once, or reported as lost.
#[derive(Debug)]
pub struct EventStream {
    client: Client,
    request: SubscribeRequest,
    resume: ResumeState,
    backoff: Backoff,
    state: State,
    /// Events that were received and not returned yet.
    events: VecDeque<ClientEvent>,
    /// A stream has begun, so the server is an sse-chat.
    was_connected: bool,
    /// The event with which the server closed the subscription.
    close: Option<Close>,
}

#[derive(Debug)]
enum State {
    /// There is no stream. The next attempt is due at this time.
    Disconnected(Instant),
    Open(Box<OpenStream>),
    /// The server closed the subscription, or refused it.
    Closed,
}

impl Client {
    /// Subscribes to rooms. The first connection is made by the first call of
    /// [`EventStream::next`].
    pub fn subscribe(&self, request: SubscribeRequest) -> EventStream {
        let live_only = request.backlog == Backlog::Last(0);
        EventStream {
            client: self.clone(),
            resume: ResumeState::new(request.cursor.clone(), live_only),
            backoff: Backoff::new(fastrand::Rng::new()),
            state: State::Disconnected(Instant::now()),
            events: VecDeque::new(),
            was_connected: false,
            close: None,
            request,
        }
    }
}

impl EventStream {
    /// The next event; `None` if the server has closed the subscription for good.
    ///
    /// It is cancel safe: a call that is dropped loses no event. A connection
    /// attempt begins again with the next call.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] if the server refuses the subscription for good, and
    /// any error of the first attempt if [`RetryPolicy::AfterFirstConnect`] is
    /// set. After an error the subscription is closed.
    pub async fn next(&mut self) -> Result<Option<ClientEvent>, Error> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Ok(Some(event));
            }
            match &mut self.state {
                State::Closed => return Ok(None),
                State::Disconnected(until) => {
                    tokio::time::sleep_until(*until).await;
                    match self.open().await {
                        Ok(stream) => self.state = State::Open(Box::new(stream)),
                        Err(error) => self.handle_error(error)?,
                    }
                }
                State::Open(stream) => {
                    let Self {
                        resume,
                        backoff,
                        events,
                        ..
                    } = self;
                    let end = stream.advance(resume, backoff, events).await.err();
                    self.was_connected |= stream.has_hello();
                    if let Some(end) = end {
                        self.handle_end(end)?;
                    }
                }
            }
        }
    }

    /// The id of the last message: the cursor of a later subscription that
    /// continues after it. `None` before the first stream has begun, unless the
    /// subscription has a cursor itself.
    pub fn cursor(&self) -> Option<&str> {
        self.resume.cursor()
    }

    /// The event with which the server closed the subscription for good.
    pub fn close(&self) -> Option<&Close> {
        self.close.as_ref()
    }

    /// Opens another stream, which resumes after the last entry. It is for a new
    /// token, since a stream keeps the one that it began with. A subscription that
    /// was closed begins again.
    pub fn reopen(&mut self) {
        self.close = None;
        self.state = State::Disconnected(Instant::now());
    }

    /// The number of entries that were received again and dropped.
    pub fn duplicates(&self) -> u64 {
        self.resume.duplicates()
    }

    async fn open(&self) -> Result<OpenStream, Error> {
        let request = self.stream_request()?;
        let opening = async {
            let response = self.client.connector.send(request).await?;
            self.check(response).await
        };
        let opened = tokio::time::timeout(OPEN_TIMEOUT, opening).await;
        opened.map_err(|_| Error::timed_out(&self.client.url, OPEN_TIMEOUT))?
    }

    fn stream_request(&self) -> Result<Request, Error> {
        let mut request = self.client.get(&self.request.path())?;
        let headers = request.headers_mut();
        headers.insert(ACCEPT, HeaderValue::from_static(EVENT_STREAM));
        if let Some(cursor) = self.resume.cursor() {
            let cursor = HeaderValue::from_str(cursor).or_else(|_| {
                // A header can't carry it, so no server issued it.
                HeaderValue::from_str(&Cursor::Unknown.to_string())
            });
            headers.insert(LAST_EVENT_ID, cursor.expect("a cursor of ours is ASCII"));
        }
        Ok(request)
    }

    async fn check(&self, response: Response<ServerBody>) -> Result<OpenStream, Error> {
        let url = &self.client.url;
        if response.status() != 200 {
            let response = FullResponse::read(url, response).await?;
            return Err(response.into_error("which is no event stream"));
        }
        if content_type(response.headers()) != EVENT_STREAM {
            let response = FullResponse::of_head(url, &response);
            return Err(response.into_error("which is no event stream"));
        }
        Ok(OpenStream::new(url.to_string(), response.into_body()))
    }

    fn handle_end(&mut self, end: StreamEnd) -> Result<(), Error> {
        if let State::Open(stream) = &self.state
            && stream.is_sound(self.backoff.retry())
        {
            self.backoff.reset();
        }
        match end {
            StreamEnd::Close(close) => {
                self.close = Some(close);
                self.state = State::Closed;
            }
            StreamEnd::Reconnect(reason) => {
                // Only an sse-chat says so, with or without a hello before it.
                self.was_connected = true;
                self.disconnect(reason, None);
            }
            StreamEnd::Lost(error) => self.handle_error(error)?,
        }
        Ok(())
    }

    /// An attempt or its stream failed: schedules another attempt or closes.
    fn handle_error(&mut self, error: Error) -> Result<(), Error> {
        let is_final = matches!(&error, Error::Refused(refusal) if !refusal.is_transient());
        let retries = self.was_connected || self.request.retry == RetryPolicy::Always;
        if is_final || !retries {
            self.state = State::Closed;
            return Err(error);
        }
        let retry_after = match &error {
            Error::Refused(refusal) => refusal.retry_after,
            _ => None,
        };
        self.disconnect(error.to_string(), retry_after);
        Ok(())
    }

    fn disconnect(&mut self, reason: String, retry_after: Option<Duration>) {
        let mut wait = self.backoff.next_wait();
        if let Some(retry_after) = retry_after {
            wait = wait.max(retry_after).min(MAX_WAIT);
        }
        self.state = State::Disconnected(Instant::now() + wait);
        self.events.push_back(ClientEvent::Cut { reason, wait });
    }
}
