//! Publishes messages under one name in one room, for `send` and for the chat of
//! `tail`.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::time::Duration;

use tokio::time::Instant;

use crate::client::{Client, Error, PublishRequest, PublishResponse};
use crate::protocol::{RoomName, UserName};

/// How long a message is retried after the server has answered at least once.
const RETRY_TIMEOUT: Duration = Duration::from_secs(10);
/// How long before that; then only a connection that was cut is retried.
const FIRST_RETRY_TIMEOUT: Duration = Duration::from_secs(1);
/// The wait before the first retry. It doubles with each retry.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const MAX_WAIT: Duration = Duration::from_secs(1);

/// Publishes messages under one name in one room.
pub(super) struct RoomPublisher {
    client: Client,
    room: String,
    name: String,
    /// The server has answered before, so it may come back.
    has_answered: bool,
}

impl RoomPublisher {
    /// `name` defaults to `$USER`, and that to `anonymous`.
    pub(super) fn new(client: Client, room: &RoomName, name: Option<UserName>) -> Self {
        Self {
            client,
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
    pub(super) async fn publish(&mut self, message: &str) -> Result<PublishResponse, Error> {
        let client_id = new_client_id();
        let start = Instant::now();
        let mut wait = FIRST_WAIT;
        loop {
            let error = match self.publish_once(message, &client_id).await {
                Ok(response) => return Ok(response),
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

    /// Sends one request. The server deduplicates messages of one `client_id`.
    pub(super) async fn publish_once(
        &mut self,
        message: &str,
        client_id: &str,
    ) -> Result<PublishResponse, Error> {
        let request = PublishRequest {
            name: &self.name,
            message,
            client_id: Some(client_id),
            ..PublishRequest::default()
        };
        let response = self.client.publish(&self.room, &request).await;
        self.has_answered |= response.is_ok();
        response
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
