//! The answers to the requests of a connection over HTTP/2. An event stream is a
//! body, into which a worker of the fan-out writes.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use http_body::Body as _;
use hyper::body::Incoming;
use hyper::header::{CONTENT_LENGTH, HeaderMap};
use hyper::{Method, Request, Response};

use super::body::Http2Body;
use super::progress::{ConnectionState, StreamProgress};
use super::streams::StreamExecutor;
use crate::config::SMALL_HEAD_BYTES;
use crate::http::{BadHead, Body, Caller, Reply, answer};
use crate::server::body_gate::UngatedBody;
use crate::server::context::ServerContext;
use crate::server::handoff::RequestLine;
use crate::server::large_head::HeadPermit;

/// A future answer. Boxed, because a stream would keep room for it as long as it
/// lives.
type Answer = Pin<Box<dyn Future<Output = Result<Response<Http2Body>, Infallible>> + Send>>;

/// Answers the requests of one connection.
#[derive(Debug)]
pub(super) struct Answers {
    pub(super) context: ServerContext,
    pub(super) caller: Caller,
    pub(super) state: Arc<ConnectionState>,
    pub(super) streams: StreamExecutor,
}

impl Answers {
    pub(super) fn answer(&self, request: Request<Incoming>) -> Answer {
        self.state.has_request.store(true, Ordering::Relaxed);
        let progress = StreamProgress::new(&self.state);
        self.streams.announce(&progress);
        let (context, caller) = (self.context.clone(), self.caller);
        let state = Arc::clone(&self.state);
        Box::pin(async move {
            let response = respond(&context, caller, request, progress).await;
            if caller.is_refused() {
                state.is_last.store(true, Ordering::Relaxed);
            }
            Ok(response)
        })
    }
}

async fn respond(
    context: &ServerContext,
    caller: Caller,
    request: Request<Incoming>,
    progress: Arc<StreamProgress>,
) -> Response<Http2Body> {
    let line = RequestLine::begin(&request);
    let is_head = request.method() == Method::HEAD;
    let response = match draw_memory(context, caller, &request) {
        Ok(_memory) => answer(&context.app, caller, request).await,
        Err(bad) => bad.response(&context.app).map(Reply::Body),
    };
    if let Some(line) = line {
        line.log(&response);
    }
    let (mut head, reply) = response.into_parts();
    let source = match reply {
        Reply::Body(body) => {
            progress.answered();
            let body = match is_head {
                true => without_bytes(&body, &mut head.headers),
                false => body,
            };
            UngatedBody::Answer(body)
        }
        Reply::Stream(stream) => {
            progress.begins_events();
            UngatedBody::Stream(context.fanout.add_body(*stream))
        }
    };
    Response::from_parts(head, Http2Body::new(source, progress))
}

/// The body of an answer to HEAD, of which only the length is sent. Over HTTP/1.1 hyper
/// does this.
fn without_bytes(body: &Body, headers: &mut HeaderMap) -> Body {
    if let Some(bytes @ 1..) = body.size_hint().exact() {
        headers.insert(CONTENT_LENGTH, bytes.into());
    }
    Bytes::new().into()
}

/// The memory of a head above what each may have is taken from the same budget as
/// over HTTP/1.1, for as long as its request is looked at.
fn draw_memory<B>(
    context: &ServerContext,
    caller: Caller,
    request: &Request<B>,
) -> Result<Option<HeadPermit>, BadHead> {
    let fields = request.headers().iter();
    let fields = fields.map(|(name, value)| name.as_str().len() + value.len());
    let target = request.uri().path_and_query();
    let target = target.map_or(0, |target| target.as_str().len());
    let bytes = fields.sum::<usize>() + target;
    if bytes <= SMALL_HEAD_BYTES {
        return Ok(None);
    }
    let app = &context.app;
    let share = app.admission.head_share(&caller, &app.config.access);
    let permit = context.heads.permit(bytes - SMALL_HEAD_BYTES, share)?;
    Ok(Some(permit))
}
