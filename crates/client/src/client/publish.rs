//! Publishing: `POST /rooms/{room}/messages` and `POST /rooms/{room}/events`.

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Method, StatusCode};
use serde::de::DeserializeOwned;

use super::error::{Error, Refusal};
use super::http_client::Client;
use super::response::FullResponse;
use super::url::encoded;
use crate::protocol::{EventReceipt, Message, ProblemCode, PublishRequest};

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

/// An event of a program, to be published.
#[derive(Debug, Clone, Copy)]
pub struct EventRequest<'a> {
    /// The name: 1 to 64 of `[A-Za-z0-9_.:-]`. `EventSource` gives events of the
    /// name `message` to `onmessage`.
    pub event: &'a str,
    /// The media type of the payload: `text/*` or `application/json`. The server
    /// checks JSON, and does not pass the type on.
    pub content_type: &'a str,
    /// The payload.
    pub payload: &'a str,
    /// The sender's own id for it. Retries with the same id are deduplicated.
    pub client_id: Option<&'a str>,
}

/// An event that the server has accepted.
#[derive(Debug, Clone)]
pub struct EventResponse {
    /// Its id, room and name.
    pub receipt: EventReceipt<'static>,
    /// The JSON of the receipt, exactly as the server sent it.
    pub json: Bytes,
    /// The event had been published before, under the same `client_id`.
    pub is_duplicate: bool,
}

impl<'a> EventRequest<'a> {
    /// An event with a text, without a `client_id`.
    pub fn text(event: &'a str, payload: &'a str) -> Self {
        Self {
            event,
            content_type: "text/plain",
            payload,
            client_id: None,
        }
    }
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
        let json = HeaderValue::from_static("application/json");
        let response = self.post(&path, json, body.into()).await?;
        let (message, response) = accepted(response, "which is no message")?;
        Ok(PublishResponse {
            message,
            is_duplicate: response.status == StatusCode::OK,
            json: response.body,
        })
    }

    /// Publishes an event in a room. With a `client_id` it is safe to repeat a call
    /// that failed.
    ///
    /// # Errors
    ///
    /// [`Error`]. After [`Error::Cut`] and [`Error::TimedOut`] the event may have
    /// been published all the same. A content type that no header can carry is
    /// refused without a request.
    pub async fn publish_event(
        &self,
        room: &str,
        request: &EventRequest<'_>,
    ) -> Result<EventResponse, Error> {
        let (room, event) = (encoded(room), encoded(request.event));
        let mut path = format!("/rooms/{room}/events?event={event}");
        if let Some(client_id) = request.client_id {
            path.push_str(&format!("&client_id={}", encoded(client_id)));
        }
        let content_type =
            HeaderValue::from_str(request.content_type).map_err(|_| unsupported())?;
        let payload = Bytes::copy_from_slice(request.payload.as_bytes());
        let response = self.post(&path, content_type, payload).await?;
        let (receipt, response) = accepted(response, "which is no event")?;
        Ok(EventResponse {
            receipt,
            is_duplicate: response.status == StatusCode::OK,
            json: response.body,
        })
    }

    async fn post(
        &self,
        path: &str,
        content_type: HeaderValue,
        body: Bytes,
    ) -> Result<FullResponse, Error> {
        let mut request = self.request(Method::POST, path)?;
        *request.body_mut() = Full::new(body);
        request.headers_mut().insert(CONTENT_TYPE, content_type);
        self.send(request).await
    }
}

/// What was published, decoded from a response of 200 or 201.
fn accepted<T: DeserializeOwned>(
    response: FullResponse,
    otherwise: &str,
) -> Result<(T, FullResponse), Error> {
    let is_published = matches!(response.status, StatusCode::OK | StatusCode::CREATED);
    match serde_json::from_slice(&response.body) {
        Ok(published) if is_published => Ok((published, response)),
        _ => Err(response.into_error(otherwise)),
    }
}

fn unsupported() -> Error {
    Error::Refused(Refusal {
        status: ProblemCode::UnsupportedMediaType.status(),
        code: Some(ProblemCode::UnsupportedMediaType.into()),
        detail: "the content type is not one line of ASCII".to_owned(),
        retry_after: None,
    })
}
