//! A client of HTTP/2, as programs have it.

use std::collections::VecDeque;

use bytes::Bytes;
use h2::client::{Builder, SendRequest};
use h2::{Reason, RecvStream};
use hyper::Request;
use serde_json::Value;
use sse_chat::sse::{Decoder, Item};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use crate::support::{Response, TestServer, within};

/// One connection.
pub(super) struct Client {
    sender: SendRequest<Bytes>,
    authority: String,
    running: JoinHandle<Result<(), h2::Error>>,
}

impl Client {
    pub(super) async fn open(server: &TestServer) -> Self {
        Self::open_with(server, |_| {}).await
    }

    pub(super) async fn open_with(server: &TestServer, change: impl FnOnce(&mut Builder)) -> Self {
        let stream = within(TcpStream::connect(server.address())).await.unwrap();
        let mut builder = Builder::new();
        change(&mut builder);
        let (sender, connection) = within(builder.handshake(stream)).await.unwrap();
        Self {
            sender,
            authority: server.address().to_string(),
            running: tokio::spawn(connection),
        }
    }

    /// A request to the server.
    pub(super) fn request(&self, method: &str, path: &str) -> Request<()> {
        let uri = format!("http://{}{path}", self.authority);
        let request = Request::builder().method(method).uri(uri);
        request.body(()).unwrap()
    }

    /// Sends a request with its body, and reads the answer.
    pub(super) async fn send(
        &mut self,
        request: Request<()>,
        body: impl Into<Bytes>,
    ) -> Result<Response, h2::Error> {
        let body = body.into();
        let mut sender = within(self.sender.clone().ready()).await?;
        let (response, mut send) = sender.send_request(request, body.is_empty())?;
        if !body.is_empty() {
            send.send_data(body, true)?;
        }
        let (head, mut body) = within(response).await?.into_parts();
        let mut bytes = Vec::new();
        while let Some(piece) = within(body.data()).await {
            let piece = piece?;
            body.flow_control().release_capacity(piece.len())?;
            bytes.extend(piece);
        }
        let headers = head.headers.iter();
        let text = |value: &hyper::header::HeaderValue| value.to_str().unwrap().to_owned();
        Ok(Response {
            status: head.status.as_u16(),
            headers: headers
                .map(|(name, value)| (name.to_string(), text(value)))
                .collect(),
            body: bytes,
        })
    }

    pub(super) async fn get(&mut self, path: &str) -> Response {
        let request = self.request("GET", path);
        self.send(request, Bytes::new()).await.unwrap()
    }

    pub(super) async fn post(&mut self, room: &str, body: &str) -> Response {
        let mut request = self.request("POST", &format!("/rooms/{room}/messages"));
        let json = "application/json".parse().unwrap();
        request.headers_mut().insert("content-type", json);
        self.send(request, body.to_owned()).await.unwrap()
    }

    /// Publishes a message.
    pub(super) async fn publish(&mut self, room: &str, message: &str) -> Value {
        let body = serde_json::json!({"name": "Alice", "message": message});
        let response = self.post(room, &body.to_string()).await;
        assert_eq!(response.status, 201, "{response:?}");
        response.json()
    }

    /// Opens an event stream.
    pub(super) async fn events(&mut self, path: &str) -> Events {
        let request = self.request("GET", path);
        self.events_of(request).await
    }

    pub(super) async fn events_of(&mut self, request: Request<()>) -> Events {
        let mut sender = within(self.sender.clone().ready()).await.unwrap();
        let (response, _) = sender.send_request(request, true).unwrap();
        let response = within(response).await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Events {
            body: response.into_body(),
            decoder: Decoder::default(),
            events: VecDeque::new(),
        }
    }

    /// Waits until the server has closed the connection.
    pub(super) async fn closed(self) -> Result<(), h2::Error> {
        drop(self.sender);
        within(self.running).await.unwrap()
    }
}

/// An event stream.
pub(super) struct Events {
    body: RecvStream,
    decoder: Decoder,
    events: VecDeque<(String, Value)>,
}

impl Events {
    /// The next event; `None` at a clean end.
    ///
    /// # Errors
    ///
    /// The reason with which the stream was reset.
    pub(super) async fn next(&mut self) -> Result<Option<(String, Value)>, Reason> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Ok(Some(event));
            }
            let Some(piece) = within(self.body.data()).await else {
                return Ok(None);
            };
            let piece = piece.map_err(|error| error.reason().unwrap_or(Reason::NO_ERROR))?;
            let flow = self.body.flow_control();
            // The stream may have been reset meanwhile.
            let _ = flow.release_capacity(piece.len());
            let events = &mut self.events;
            let each = |item: Item<'_>| {
                if let Item::Event(event) = item {
                    let data = serde_json::from_str(&event.data).unwrap_or(Value::Null);
                    events.push_back((event.event.into_owned(), data));
                }
            };
            self.decoder.feed(&piece, each).unwrap();
        }
    }

    /// The data of the next event, which has this name.
    pub(super) async fn expect(&mut self, name: &str) -> Value {
        let (event, data) = self.next().await.unwrap().expect("the stream goes on");
        assert_eq!(event, name, "{data}");
        data
    }

    /// The data of the next event of this name.
    pub(super) async fn find(&mut self, name: &str) -> Value {
        loop {
            let (event, data) = self.next().await.unwrap().expect("the stream goes on");
            if event == name {
                return data;
            }
        }
    }

    /// Reads to the end. Returns the last event, and how the stream ended.
    pub(super) async fn end(&mut self) -> (Option<String>, Result<(), Reason>) {
        let mut last = None;
        loop {
            match self.next().await {
                Ok(Some((event, _))) => last = Some(event),
                Ok(None) => return (last, Ok(())),
                Err(reason) => return (last, Err(reason)),
            }
        }
    }
}
