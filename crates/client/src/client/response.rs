//! A whole response of bounded size, and the error that an unexpected one becomes.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Limited};
use hyper::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use hyper::{Response, StatusCode};

use super::body::ServerBody;
use super::error::{Error, Refusal, one_line, root_cause};
use super::url::ServerUrl;
use crate::protocol::{OpenEnum, ProblemDetails};
use crate::sse::DEFAULT_MAX_EVENT_BYTES;

/// The most bytes of a successful response: one message.
const MAX_MESSAGE_BYTES: usize = DEFAULT_MAX_EVENT_BYTES;
/// The most bytes of any other response.
const MAX_PROBLEM_BYTES: usize = 64 * 1024;

#[derive(Debug)]
pub(super) struct FullResponse {
    url: String,
    pub(super) status: StatusCode,
    content_type: String,
    retry_after: Option<Duration>,
    /// Empty if it was over the limit.
    pub(super) body: Bytes,
}

impl FullResponse {
    /// A response whose body is not read: it may never end.
    pub(super) fn of_head(url: &ServerUrl, response: &Response<ServerBody>) -> Self {
        Self {
            url: url.to_string(),
            status: response.status(),
            content_type: content_type(response.headers()),
            retry_after: retry_after(response.headers()),
            body: Bytes::new(),
        }
    }

    pub(super) async fn read(
        url: &ServerUrl,
        response: Response<ServerBody>,
    ) -> Result<Self, Error> {
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

    /// A refusal, or an error about a response that no sse-chat sends; `which`
    /// ends its line.
    pub(super) fn into_error(self, which: &str) -> Error {
        if self.status.as_u16() >= 400 {
            return Error::Refused(self.into_refusal());
        }
        let (url, status) = (self.url, self.status.as_u16());
        let kind = match &*self.content_type {
            "" => "nothing",
            kind => kind,
        };
        Error::NotSseChat(format!("{url} answered {status} {kind}, {which}"))
    }

    fn into_refusal(self) -> Refusal {
        let problem: ProblemDetails<'_> = serde_json::from_slice(&self.body).unwrap_or_default();
        let detail = problem.detail.or(problem.title);
        let detail = detail.map(|detail| one_line(&detail));
        Refusal {
            status: self.status.as_u16(),
            code: problem.code.map(|code| match code {
                OpenEnum::Unknown(code) => OpenEnum::Unknown(one_line(&code)),
                known => known,
            }),
            detail: detail
                .filter(|detail| !detail.is_empty())
                .unwrap_or_else(|| self.summary()),
            retry_after: self.retry_after,
        }
    }

    /// The detail of a refusal that has none of its own.
    fn summary(&self) -> String {
        let text = match &*self.content_type {
            "text/plain" => one_line(&String::from_utf8_lossy(&self.body)),
            _ => String::new(),
        };
        let text = match text.is_empty() {
            true => {
                let reason = self.status.canonical_reason();
                reason.unwrap_or_default().to_lowercase()
            }
            false => text,
        };
        format!("{} answered {} {text}", self.url, self.status.as_u16())
            .trim_end()
            .to_owned()
    }
}

/// The media type without parameters, in lower case.
pub(super) fn content_type(headers: &HeaderMap) -> String {
    let value = headers.get(CONTENT_TYPE).map(|value| value.as_bytes());
    let value = String::from_utf8_lossy(value.unwrap_or_default());
    let kind = value.split(';').next().unwrap_or_default();
    one_line(kind).to_ascii_lowercase()
}

/// Only seconds: servers of this protocol send no dates.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?;
    value.trim().parse().ok().map(Duration::from_secs)
}
