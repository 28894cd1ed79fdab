//! Publishes to one room, for `send` and for the chat of `tail`: messages under one
//! name, and events.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::time::Duration;

use tokio::time::Instant;

use super::remote::Remote;
use super::token_file::is_token_refused;
use crate::client::{Error, EventRequest, EventResponse, PublishRequest, PublishResponse};
use crate::protocol::{RoomName, UserName};

/// How long a request is retried after the server has answered at least once.
const RETRY_TIMEOUT: Duration = Duration::from_secs(10);
/// How long before that; then only a connection that was cut is retried.
const FIRST_RETRY_TIMEOUT: Duration = Duration::from_secs(1);
/// The wait before the first retry. It doubles with each retry.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const MAX_WAIT: Duration = Duration::from_secs(1);

/// Publishes to one room.
pub(super) struct RoomPublisher {
    remote: Remote,
    room: String,
    name: String,
    /// The server has answered before, so it may come back.
    has_answered: bool,
}

impl RoomPublisher {
    /// `name` defaults to `$USER`, and that to `anonymous`.
    pub(super) fn new(remote: Remote, room: &RoomName, name: Option<UserName>) -> Self {
        Self {
            remote,
            room: room.as_str().to_owned(),
            name: name.unwrap_or_else(default_name).as_str().to_owned(),
            has_answered: false,
        }
    }

    /// Publishes a message. Retries have the same `client_id`, so the server
    /// deduplicates them.
    ///
    /// # Errors
    ///
    /// When the server refuses the message, or has not taken it in time.
    pub(super) async fn publish(
        &mut self,
        message: &str,
        client_id: &str,
    ) -> Result<PublishResponse, Error> {
        self.retried(async |publisher| publisher.send_message(message, client_id).await)
            .await
    }

    /// Publishes an event, with retries as for a message.
    ///
    /// # Errors
    ///
    /// As of [`RoomPublisher::publish`].
    pub(super) async fn publish_event(
        &mut self,
        event: &EventRequest<'_>,
    ) -> Result<EventResponse, Error> {
        self.retried(async |publisher| {
            let client = &publisher.remote.client;
            client.publish_event(&publisher.room, event).await
        })
        .await
    }

    async fn retried<T>(
        &mut self,
        once: impl AsyncFn(&Self) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let start = Instant::now();
        let mut wait = FIRST_WAIT;
        loop {
            let error = match self.with_present_token(&once).await {
                Ok(published) => {
                    self.has_answered = true;
                    return Ok(published);
                }
                Err(error) => error,
            };
            let timeout = match (&error, self.has_answered) {
                (Error::Cut(_) | Error::Unreachable(_), true) => RETRY_TIMEOUT,
                (Error::Refused(refusal), true) if refusal.is_transient() => RETRY_TIMEOUT,
                (Error::Cut(_), false) => FIRST_RETRY_TIMEOUT,
                _ => return Err(error),
            };
            if start.elapsed() + wait > timeout {
                return Err(error);
            }
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(MAX_WAIT);
        }
    }

    /// Publishes a message, without retries but for a token that has expired. The
    /// server deduplicates messages of one `client_id`.
    pub(super) async fn publish_once(
        &self,
        message: &str,
        client_id: &str,
    ) -> Result<PublishResponse, Error> {
        let once = async |publisher: &Self| publisher.send_message(message, client_id).await;
        self.with_present_token(&once).await
    }

    /// Sends a request. If its token is refused and the file has another one, sends it
    /// once more.
    async fn with_present_token<T>(
        &self,
        once: &impl AsyncFn(&Self) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let token = self.remote.client.token();
        match once(self).await {
            Err(error)
                if is_token_refused(&error)
                    && self.remote.renew_token(token.as_ref()) == Ok(true) =>
            {
                once(self).await
            }
            result => result,
        }
    }

    async fn send_message(&self, message: &str, client_id: &str) -> Result<PublishResponse, Error> {
        let request = PublishRequest {
            name: &self.name,
            message,
            client_id: Some(client_id),
            ..PublishRequest::default()
        };
        self.remote.client.publish(&self.room, &request).await
    }
}

/// A random `client_id` for a new message.
pub(super) fn new_client_id() -> String {
    // `RandomState` is seeded by the system: ids differ also between processes
    // that start at the same moment.
    let random = RandomState::new().build_hasher().finish();
    format!("{random:016x}{:016x}", fastrand::u64(..))
}

fn default_name() -> UserName {
    let user = std::env::var("USER").ok();
    let name = user.and_then(|user| UserName::parse(&user).ok());
    name.unwrap_or_else(|| UserName::parse("anonymous").expect("it is a valid name"))
}
