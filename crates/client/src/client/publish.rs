//! Publishing a message: `POST /rooms/{room}/messages`.

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Method, StatusCode};

use super::connector;
use super::error::Error;
use super::http_client::Client;
use super::url::encoded;
use crate::protocol::{Message, PublishRequest};

/// A message that the server has accepted.
#[derive(Debug, Clone)]
pub struct PublishResponse {
    /// The message, with its id and number.
    pub message: Message<'static>,
    /// Its JSON, exactly as the server sent it.
    pub json: Bytes,
    /// The message had been published before, under the same `client_id`.
    pub is_duplicate: bool,
}

impl Client {
    /// Publishes a message in a room. With a `client_id` it is safe to repeat a
    /// call that failed.
    ///
    /// # Errors
    ///
    /// [`Error`]. After [`Error::Cut`] and [`Error::TimedOut`] the message may
    /// have been published all the same.
    pub async fn publish(
        &self,
        room: &str,
        request: &PublishRequest<'_>,
    ) -> Result<PublishResponse, Error> {
        let body = serde_json::to_vec(request).expect("strings become JSON");
        let path = format!("/rooms/{}/messages", encoded(room));
        let mut request = connector::request(&self.url, Method::POST, &path)?;
        *request.body_mut() = Full::from(body);
        let json = HeaderValue::from_static("application/json");
        request.headers_mut().insert(CONTENT_TYPE, json);
        let response = self.send(request).await?;
        let is_published = matches!(response.status, StatusCode::OK | StatusCode::CREATED);
        match serde_json::from_slice(&response.body) {
            Ok(message) if is_published => Ok(PublishResponse {
                message,
                is_duplicate: response.status == StatusCode::OK,
                json: response.body,
            }),
            _ => Err(response.into_error("which is no message")),
        }
    }
}
