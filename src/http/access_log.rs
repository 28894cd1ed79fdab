//! The access log: one line for each request, and for an event stream when it
//! ends. Never a query string, never what was said.
//!
//! Whatever a client chose is bounded, and a field of its own: text logs quote
//! and escape it, so that it can't forge a line.

use std::net::IpAddr;
use std::time::Instant;

use http_body::Body as _;
use hyper::header::USER_AGENT;
use hyper::{Method, Request, Response, StatusCode};

use super::app::App;
use super::body::Reply;
use super::guard::Caller;

/// What these lines are called among all that is logged.
pub const ACCESS_LOG: &str = "access";
/// Characters of a method, a path or a user agent that are logged.
const MOST_SHOWN: usize = 256;

/// A request as the access log tells of it. The line is written when it is
/// dropped: with the answer, or with the end of the stream.
#[derive(Debug)]
pub struct AccessEntry {
    method: Method,
    path: String,
    client: IpAddr,
    user_agent: Option<String>,
    begun: Instant,
    /// `None` if it was never answered: the client went away before.
    status: Option<StatusCode>,
    /// `None` for a stream, which has no length.
    bytes: Option<u64>,
}

impl AccessEntry {
    /// Takes down a request, if there is an access log.
    pub fn begin<B>(app: &App, request: &Request<B>, caller: Caller) -> Option<Box<Self>> {
        if !app.config.access_log {
            return None;
        }
        let user_agent = request.headers().get(USER_AGENT);
        Some(Box::new(Self {
            method: request.method().clone(),
            path: shown(request.uri().path()),
            client: caller.client(request.headers(), &app.config.access),
            user_agent: user_agent.map(|name| shown(&String::from_utf8_lossy(name.as_bytes()))),
            begun: Instant::now(),
            status: None,
            bytes: None,
        }))
    }

    /// The request has its answer. A stream takes the entry along.
    pub fn answered(mut self: Box<Self>, mut response: Response<Reply>) -> Response<Reply> {
        self.status = Some(response.status());
        match response.body_mut() {
            Reply::Stream(stream) => stream.log_end(self),
            Reply::Body(body) => {
                self.bytes = match self.method {
                    Method::HEAD => Some(0),
                    _ => body.size_hint().exact(),
                };
            }
        }
        response
    }
}

impl Drop for AccessEntry {
    fn drop(&mut self) {
        let what = match (self.status, self.bytes) {
            (None, _) => "not answered",
            (Some(_), None) => "stream ended",
            (Some(_), Some(_)) => "answered",
        };
        tracing::info!(
            target: ACCESS_LOG,
            method = shown(self.method.as_str()),
            path = self.path,
            status = self.status.map(|status| status.as_u16()),
            bytes = self.bytes,
            ms = self.begun.elapsed().as_micros() as f64 / 1000.0,
            client = %self.client,
            user_agent = self.user_agent,
            "{what}"
        );
    }
}

/// The beginning of what a client sent.
fn shown(text: &str) -> String {
    match text.char_indices().nth(MOST_SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_long_is_cut_between_characters() {
        assert_eq!(shown("/short"), "/short");
        let long = shown(&"é".repeat(300));
        assert_eq!(long.chars().count(), 257);
        assert!(long.ends_with("é…"));
    }
}
