//! Saying something: `POST /rooms/{room}/messages`.

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Method, StatusCode};
use serde::Serialize;

use super::{Client, Error, connector, encoded};
use crate::protocol::Message;

/// What somebody wants to say.
#[derive(Debug, Clone, Serialize)]
pub struct PublishRequest<'a> {
    /// Who says it.
    pub name: &'a str,
    /// What is said.
    pub message: &'a str,
    /// The sender's own id for it. Retries with the same id are deduplicated;
    /// the same id with another name or message is refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<&'a str>,
}

/// What the server said to it.
#[derive(Debug, Clone)]
pub struct PublishResponse {
    /// The message, with its id and number.
    pub message: Message<'static>,
    /// The message exactly as it was answered.
    pub json: Bytes,
    /// The same message had been published before, under its client id.
    pub is_duplicate: bool,
}

impl Client {
    /// Says something in a room. With a client id a call that failed may be
    /// made again.
    ///
    /// # Errors
    ///
    /// [`Error`]; after [`Error::Cut`] and [`Error::TimedOut`] nobody knows
    /// whether it was said.
    pub async fn publish(
        &self,
        room: &str,
        say: &PublishRequest<'_>,
    ) -> Result<PublishResponse, Error> {
        let path = format!("/rooms/{}/messages", encoded(room));
        let mut request = connector::request(&self.url, Method::POST, &path)?;
        let body = serde_json::to_vec(say).expect("strings become JSON");
        *request.body_mut() = Full::from(body);
        let json = HeaderValue::from_static("application/json");
        request.headers_mut().insert(CONTENT_TYPE, json);
        let answer = self.ask(request).await?;
        let said = matches!(answer.status, StatusCode::OK | StatusCode::CREATED);
        match serde_json::from_slice(&answer.body) {
            Ok(message) if said => Ok(PublishResponse {
                message,
                is_duplicate: answer.status == StatusCode::OK,
                json: answer.body,
            }),
            _ => Err(answer.into_error("which is no message")),
        }
    }
}
