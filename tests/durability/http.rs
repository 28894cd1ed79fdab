//! A client of HTTP/1.1 that keeps its connection. It gives a request up when the connection
//! breaks or the answer takes too long, and leaves the retry to its user.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Time limit of an answer. The server may be stopped, and a proxy may drop bytes.
const PATIENCE: Duration = Duration::from_secs(1);

pub(crate) struct Http {
    address: SocketAddr,
    connection: Option<TcpStream>,
}

/// A request. Its fields end with their line ends.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: &'static str,
    pub(crate) target: String,
    pub(crate) fields: String,
    pub(crate) body: String,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
}

impl Request {
    pub(crate) fn new(method: &'static str, target: impl Into<String>) -> Self {
        Self {
            method,
            target: target.into(),
            fields: String::new(),
            body: String::new(),
        }
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.fields.push_str(&format!("{name}: {value}\r\n"));
        self
    }

    pub(crate) fn with_body(self, kind: &str, body: impl Into<String>) -> Self {
        let body = body.into();
        Self {
            body,
            ..self.with("Content-Type", kind)
        }
    }
}

impl Http {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self {
            address,
            connection: None,
        }
    }

    /// The answer; an error if it is not known whether there is one.
    pub(crate) async fn ask(&mut self, request: &Request) -> io::Result<Answer> {
        let asked = tokio::time::timeout(PATIENCE, self.exchange(request)).await;
        let asked = asked.unwrap_or_else(|_| Err(ErrorKind::TimedOut.into()));
        if asked.is_err() {
            self.connection = None;
        }
        asked
    }

    async fn exchange(&mut self, request: &Request) -> io::Result<Answer> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => TcpStream::connect(self.address).await?,
        };
        let Request {
            method,
            target,
            fields,
            body,
        } = request;
        let text = format!(
            "{method} {target} HTTP/1.1\r\nHost: {}\r\n{fields}Content-Length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        );
        connection.write_all(text.as_bytes()).await?;
        let mut bytes = Vec::new();
        let end = loop {
            more(&mut connection, &mut bytes).await?;
            if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
                break at + 4;
            }
        };
        let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
        let status = head
            .strip_prefix("http/1.1 ")
            .and_then(|rest| rest.get(..3));
        let status = status.and_then(|status| status.parse().ok());
        // Without a listener a connection may be to itself.
        let status: u16 = status.ok_or(ErrorKind::ConnectionRefused)?;
        let length = field(&head, "content-length").and_then(|length| length.parse().ok());
        let length = match length {
            _ if status == 204 => 0,
            Some(length) => length,
            None => return Err(io::Error::other(format!("no length: {head}"))),
        };
        while bytes.len() < end + length {
            more(&mut connection, &mut bytes).await?;
        }
        let body = String::from_utf8(bytes.split_off(end)).map_err(io::Error::other)?;
        if field(&head, "connection") != Some("close") {
            self.connection = Some(connection);
        }
        Ok(Answer { status, body })
    }
}

async fn more(connection: &mut TcpStream, bytes: &mut Vec<u8>) -> io::Result<()> {
    match connection.read_buf(bytes).await? {
        0 => Err(ErrorKind::UnexpectedEof.into()),
        _ => Ok(()),
    }
}

/// A field of a head in lower case.
fn field<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let mut fields = head.lines().filter_map(|line| line.split_once(':'));
    let (_, value) = fields.find(|(field, _)| *field == name)?;
    Some(value.trim())
}
