//! The access log: one line per request, for an event stream when it ends. It
//! never contains a query string or a message.
//!
//! Client input is bounded, and a field of its own: text logs quote and escape
//! it, so that it can't forge a line.

use std::net::IpAddr;
use std::time::Instant;

use hyper::header::USER_AGENT;
use hyper::{Method, Request, StatusCode, Version};

use super::guard::Caller;
use crate::config::Config;

/// The target of these lines among all log lines.
pub(crate) const ACCESS_LOG: &str = "access";
/// The most characters of a method, path or user agent that are logged.
const MAX_CHARS: usize = 256;

/// A line of the access log. It is written when this is dropped: with the
/// response, or with the end of the stream.
#[derive(Debug)]
pub(super) struct AccessEntry {
    method: Method,
    path: String,
    version: Version,
    client: IpAddr,
    user_agent: Option<String>,
    begun: Instant,
    /// `None` if the client went away before the response.
    status: Option<StatusCode>,
    /// The length of the body; `None` for a stream.
    bytes: Option<u64>,
}

impl AccessEntry {
    /// The entry of a request, if there is an access log.
    pub(super) fn new<B>(
        config: &Config,
        request: &Request<B>,
        caller: Caller,
    ) -> Option<Box<Self>> {
        if !config.access_log {
            return None;
        }
        let user_agent = request.headers().get(USER_AGENT);
        Some(Box::new(Self {
            method: request.method().clone(),
            path: truncated(request.uri().path()),
            version: request.version(),
            client: caller.client(request.headers(), &config.access),
            user_agent: user_agent.map(|name| truncated(&String::from_utf8_lossy(name.as_bytes()))),
            begun: Instant::now(),
            status: None,
            bytes: None,
        }))
    }

    /// The response has `status`, and a body of `bytes`; `None` for a stream.
    pub(super) fn set_response(&mut self, status: StatusCode, bytes: Option<u64>) {
        self.status = Some(status);
        self.bytes = match self.method {
            Method::HEAD => bytes.and(Some(0)),
            _ => bytes,
        };
    }
}

impl Drop for AccessEntry {
    fn drop(&mut self) {
        let outcome = match (self.status, self.bytes) {
            (None, _) => "not answered",
            (Some(_), None) => "stream ended",
            (Some(_), Some(_)) => "answered",
        };
        tracing::info!(
            target: ACCESS_LOG,
            method = truncated(self.method.as_str()),
            path = self.path,
            protocol = ?self.version,
            status = self.status.map(|status| status.as_u16()),
            bytes = self.bytes,
            ms = self.begun.elapsed().as_micros() as f64 / 1000.0,
            client = %self.client,
            user_agent = self.user_agent,
            "{outcome}"
        );
    }
}

/// The first characters of client input, as many as a log line may have.
pub(crate) fn truncated(text: &str) -> String {
    match text.char_indices().nth(MAX_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_input_is_cut_between_characters() {
        assert_eq!(truncated("/short"), "/short");
        let long = truncated(&"é".repeat(300));
        assert_eq!(long.chars().count(), 257);
        assert!(long.ends_with("é…"));
    }
}
