//! A whole answer, bounded, and what is made of one that is no success.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use hyper::{Response, StatusCode};
use serde::Deserialize;

use super::error::{Error, Refusal, one_line, root_cause};
use super::url::ServerUrl;
use crate::sse::DEFAULT_MAX_EVENT_BYTES;

/// Most bytes of an answer to a request that was taken: one message.
const MAX_MESSAGE_BYTES: usize = DEFAULT_MAX_EVENT_BYTES;
/// Most bytes of every other answer.
const MAX_PROBLEM_BYTES: usize = 64 * 1024;

#[derive(Debug)]
pub(super) struct FullResponse {
    url: String,
    pub(super) status: StatusCode,
    content_type: String,
    retry_after: Option<Duration>,
    /// The body; empty if it was over the limit.
    pub(super) body: Bytes,
}

#[derive(Deserialize)]
struct ProblemMembers {
    code: Option<String>,
    detail: Option<String>,
    title: Option<String>,
}

impl FullResponse {
    /// An answer whose body does not matter, and may never end.
    pub(super) fn of_head(url: &ServerUrl, response: &Response<Incoming>) -> Self {
        Self {
            url: url.to_string(),
            status: response.status(),
            content_type: content_type(response.headers()),
            retry_after: retry_after(response.headers()),
            body: Bytes::new(),
        }
    }

    pub(super) async fn read(url: &ServerUrl, response: Response<Incoming>) -> Result<Self, Error> {
        let head = Self::of_head(url, &response);
        let most = match head.status.is_success() {
            true => MAX_MESSAGE_BYTES,
            false => MAX_PROBLEM_BYTES,
        };
        let body = match Limited::new(response.into_body(), most).collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) if error.is::<http_body_util::LengthLimitError>() => Bytes::new(),
            Err(error) => {
                let cause = root_cause(&*error);
                return Err(Error::Cut(format!("{url} cut the connection: {cause}")));
            }
        };
        Ok(Self { body, ..head })
    }

    /// A refusal, or an answer that is no sse-chat's; `which` ends its line.
    pub(super) fn into_error(self, which: &str) -> Error {
        if self.status.as_u16() >= 400 {
            return Error::Refused(self.into_refusal());
        }
        let Self {
            url,
            status,
            content_type,
            ..
        } = self;
        let kind = if content_type.is_empty() {
            "nothing"
        } else {
            &content_type
        };
        Error::NotSseChat(format!(
            "{url} answered {} {kind}, {which}",
            status.as_u16()
        ))
    }

    fn into_refusal(self) -> Refusal {
        let problem: Option<ProblemMembers> = serde_json::from_slice(&self.body).ok();
        let (code, detail) = match problem {
            Some(problem) => (problem.code, problem.detail.or(problem.title)),
            None => (None, None),
        };
        let detail = detail.map(|detail| one_line(&detail));
        Refusal {
            status: self.status.as_u16(),
            code: code.map(|code| one_line(&code)),
            detail: detail
                .filter(|detail| !detail.is_empty())
                .unwrap_or_else(|| self.shown()),
            retry_after: self.retry_after,
        }
    }

    /// What answered, and what: for a refusal that does not say it itself.
    fn shown(&self) -> String {
        let text = match &*self.content_type {
            "text/plain" => one_line(&String::from_utf8_lossy(&self.body)),
            _ => String::new(),
        };
        let reason = self.status.canonical_reason().unwrap_or_default();
        let text = if text.is_empty() {
            reason.to_lowercase()
        } else {
            text
        };
        format!("{} answered {} {text}", self.url, self.status.as_u16())
            .trim_end()
            .to_owned()
    }
}

/// The media type alone, in lower case.
pub(super) fn content_type(headers: &HeaderMap) -> String {
    let value = headers.get(CONTENT_TYPE).map(|value| value.as_bytes());
    let value = String::from_utf8_lossy(value.unwrap_or_default());
    let kind = value.split(';').next().unwrap_or_default();
    one_line(kind).to_ascii_lowercase()
}

/// Only seconds: the protocol's servers send no dates.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?;
    value.trim().parse().ok().map(Duration::from_secs)
}
