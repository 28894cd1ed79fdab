//! A subscription: one stream after another, as if it were one. What the events
//! mean is in `follow`, how long to wait in `backoff`.

use std::collections::VecDeque;
use std::time::Duration;

use hyper::header::{ACCEPT, HeaderValue};
use tokio::time::Instant;

use super::Client;
use super::answer::{Answer, content_type};
use super::backoff::{Backoff, MAX_WAIT};
use super::error::Error;
use super::follow::Follow;
use super::stream::{End, Stream};
use super::subscribe::{Patience, Subscribe};
use super::told::Told;
use crate::protocol::Backlog;

/// How long a connect, and then a stream's head, may take.
const OPEN_TIMEOUT: Duration = Duration::from_secs(10);

/// What is said in some rooms, over any number of streams.
#[derive(Debug)]
pub struct Subscription {
    client: Client,
    wish: Subscribe,
    follow: Follow,
    backoff: Backoff,
    state: State,
    /// What has come and was not asked for yet.
    told: VecDeque<Told>,
    /// A stream has said hello.
    was_there: bool,
}

#[derive(Debug)]
enum State {
    /// No stream; the next attempt is due then.
    Away(Instant),
    Open(Box<Stream>),
    /// The server said not to come back.
    Closed,
}

impl Client {
    /// Follows rooms. The first connection is made by the first call of
    /// [`Subscription::next`].
    pub fn subscribe(&self, wish: Subscribe) -> Subscription {
        let live_only = wish.backlog == Backlog::Last(0);
        Subscription {
            client: self.clone(),
            follow: Follow::new(wish.cursor.clone(), live_only),
            backoff: Backoff::new(fastrand::Rng::new()),
            state: State::Away(Instant::now()),
            told: VecDeque::new(),
            was_there: false,
            wish,
        }
    }
}

impl Subscription {
    /// The next thing that happened; `None` when the server has closed the
    /// subscription for good.
    ///
    /// A call that is dropped loses nothing; one that was connecting begins
    /// again.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] when the server does not want the subscription, and
    /// what the first attempt met with where [`Patience`] says so.
    pub async fn next(&mut self) -> Result<Option<Told>, Error> {
        loop {
            if let Some(told) = self.told.pop_front() {
                return Ok(Some(told));
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
                    let turn = stream.turn(&mut self.follow, &mut self.backoff, &mut self.told);
                    let ended = turn.await.err();
                    self.was_there |= stream.has_said_hello();
                    if let Some(end) = ended {
                        self.end(end)?;
                    }
                }
            }
        }
    }

    /// The id of the last message, which another subscription can go on from.
    pub fn cursor(&self) -> Option<&str> {
        self.follow.cursor()
    }

    /// How many messages came that had been given before, and were lifted.
    pub fn doubles(&self) -> u64 {
        self.follow.doubles()
    }

    async fn open(&self) -> Result<Stream, Error> {
        let url = &self.client.url;
        let mut request = self.client.get(&self.wish.path())?;
        let headers = request.headers_mut();
        headers.insert(ACCEPT, HeaderValue::from_static("text/event-stream"));
        if let Some(cursor) = self.follow.cursor() {
            // What no header can hold is a cursor that no server knows.
            let cursor = HeaderValue::from_str(cursor)
                .unwrap_or_else(|_| HeaderValue::from_static("unknown-0"));
            headers.insert("last-event-id", cursor);
        }
        let answer = async {
            let response = self.client.connector.send(request).await?;
            let kind = content_type(response.headers());
            if response.status() == 200 && kind == "text/event-stream" {
                return Ok(Stream::new(url.to_string(), response.into_body()));
            }
            if response.status() == 200 {
                return Err(Answer::of_head(url, &response).into_error("which is no event stream"));
            }
            let answer = Answer::read(url, response).await?;
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
    fn end(&mut self, end: End) -> Result<(), Error> {
        if let State::Open(stream) = &self.state
            && stream.is_sound(self.backoff.retry())
        {
            self.backoff.reset();
        }
        match end {
            End::Close => self.state = State::Closed,
            End::ComeBack(why) => {
                // It is an sse-chat, so it is worth coming back to.
                self.was_there = true;
                self.lose(why, None);
            }
            End::Lost(error) => self.lose_attempt(error)?,
        }
        Ok(())
    }

    /// An attempt failed, or its stream did: another one, or the end.
    fn lose_attempt(&mut self, error: Error) -> Result<(), Error> {
        let final_refusal = matches!(&error, Error::Refused(refusal) if !refusal.may_pass());
        let impatient = self.wish.patience == Patience::OnceThere && !self.was_there;
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

    fn lose(&mut self, why: String, asked: Option<Duration>) {
        let mut wait = self.backoff.next_wait();
        if let Some(asked) = asked {
            wait = wait.max(asked).min(MAX_WAIT);
        }
        self.state = State::Away(Instant::now() + wait);
        self.told.push_back(Told::Cut { why, wait });
    }
}
